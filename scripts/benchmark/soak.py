"""A long mixed load at half of what the machine takes: see ../bench-soak."""

import argparse
import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from pauses import PauseMeter
from report import machine
from servers import Ours, load_command

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("v5", "legacy")
MINUTE = 60
# Files are deleted as it goes, as in a broker that has run for days: a disk that fills up would show instead, above 85 % the
# broker lets producers wait. And the log is larger than the memory, as there: what is deleted has left the memory before. A
# gigabyte that becomes free at once is given to the host by many virtual machines, and nothing runs meanwhile.
LOG_BYTES = (os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30) + 2 << 30


@dataclass
class Minute:
    """One minute: both loads together. Memory is anonymous megabytes, CPU is cores; `idle_cores` is what all of them leave of
    the machine, `paused_ms` and `longest_pause_ms` for how long a core of it stood still (None: not measured)."""

    number: int
    received: int
    lost: int
    v5_p999_ms: float
    legacy_p999_ms: float
    proxy_cores: float
    broker_cores: float
    idle_cores: float
    paused_ms: float | None
    longest_pause_ms: float | None
    namesrv_mb: float
    proxy_mb: float
    broker_mb: float


def idle_seconds() -> float:
    """Idle CPU seconds of all cores since boot."""
    numbers = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return (int(numbers[3]) + int(numbers[4])) / os.sysconf("SC_CLK_TCK")


class Soak:
    def __init__(self, binaries: Path, pauses: PauseMeter):
        self.binaries = binaries
        self.pauses = pauses
        self.system = Ours(binaries, broker_lines=f"fileReservedBytes={LOG_BYTES}\n")

    def start(self, kind: str, seconds: float, rate: int | None) -> subprocess.Popen:
        command = load_command(
            self.binaries, "end-to-end", "-t", kind, "-g", f"{kind}-group", "--duration", str(seconds), "--warm-up", "1",
            "--producers", "4", "--in-flight", "16", "--consumers", "4", remoting=kind == "legacy")
        if rate:
            command += ["--rate", str(rate)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def both(self, seconds: float, rate: int | None) -> dict[str, dict]:
        running = {kind: self.start(kind, seconds, rate) for kind in KINDS}
        reports = {}
        for kind, process in running.items():
            out, _ = process.communicate()
            if process.returncode not in (0, 1):
                raise SystemExit(f"{kind}: exit {process.returncode}\n{out}")
            reports[kind] = json.loads(out)
        for kind, report in reports.items():
            if failures := {**report["sent"]["failures"], **report["received"]["failures"]}:
                raise SystemExit(f"{kind}: failures {failures}")
        return reports

    def minute(self, number: int, rate: int) -> Minute:
        before = [server.cpu_seconds() for server in self.system.servers]
        idle_before = idle_seconds()
        self.pauses.take()
        started = time.monotonic()
        reports = self.both(MINUTE - 5, rate)
        passed = time.monotonic() - started
        cores = [(server.cpu_seconds() - cpu) / passed for server, cpu in zip(self.system.servers, before)]
        idle = (idle_seconds() - idle_before) / passed
        paused = self.pauses.take()
        memory = [server.anonymous_bytes() / 1e6 for server in self.system.servers]
        return Minute(
            number, sum(r["audit"]["received"] for r in reports.values()), sum(r["audit"]["lost"] for r in reports.values()),
            *(reports[kind]["received"]["latencyMicros"]["p999"] / 1000 for kind in KINDS), cores[2], cores[1],
            idle, paused and paused.total_ms, paused and paused.longest_ms, memory[0], memory[2], memory[1])

    def run(self, minutes: int, rate: int | None) -> tuple[int, list[Minute]]:
        for kind in KINDS:
            self.system.topic(kind)
        if rate is None:
            most = self.both(10, None)
            rate = int(min(report["received"]["perSecond"] for report in most.values()) / 2)
        print(f"{rate} messages/s of each kind", flush=True)
        found = []
        for number in range(1, minutes + 1):
            found.append(self.minute(number, rate))
            print(found[-1], flush=True)
        return rate, found


def millis(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def write_reports(rate: int, minutes: list[Minute], folder: Path) -> None:
    (folder / "soak.json").write_text(json.dumps(
        {"machine": machine(), "ratePerKind": rate, "minutes": [asdict(m) for m in minutes]}, indent=2) + "\n")
    rows = "".join(
        f"| {m.number} | {m.received:,} | {m.lost} | {m.v5_p999_ms:.1f} | {m.legacy_p999_ms:.1f} | {m.proxy_cores:.3f} | "
        f"{m.broker_cores:.3f} | {m.idle_cores:.3f} | {millis(m.paused_ms)} | {millis(m.longest_pause_ms)} | "
        f"{m.namesrv_mb:.1f} | {m.proxy_mb:.1f} | {m.broker_mb:.1f} |\n" for m in minutes)
    (folder / "soak.md").write_text(
        f"# A long run, measured by `scripts/bench-soak`\n\n{machine()}. {rate:,} messages of 1 KB a second through the proxy "
        "(send, receive, acknowledge) and as many by remoting (send, pull), new clients each minute. The log keeps "
        f"{LOG_BYTES >> 30} GB, then its oldest files go. p99.9 is from the planned send to the receipt. Paused is "
        "for how long a core of the machine ran nothing though it should have, in pauses of 5 ms and more: its host's doing. "
        "A pause delays what is planned meanwhile, and what is planned until the servers have caught up.\n\n"
        "| Minute | Received | Lost | v5 p99.9 ms | legacy p99.9 ms | proxy cores | "
        "broker cores | idle cores | paused ms | longest pause ms | name server MB | proxy MB | broker MB |\n"
        f"|{'---|' * 13}\n{rows}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--rate", type=int, help="messages a second of each kind; without it half of the most")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    options = parser.parse_args()
    with PauseMeter() as pauses:
        soak = Soak(options.bin, pauses)
        try:
            rate, minutes = soak.run(options.minutes, options.rate)
        finally:
            soak.system.stop()
    write_reports(rate, minutes, options.out)
    lost = sum(minute.lost for minute in minutes)
    # From the second minute on: buffers have their size by then.
    settled = minutes[1:]
    grown = settled and max(m.broker_mb + m.proxy_mb for m in settled[-3:]) > 1.25 * max(
        m.broker_mb + m.proxy_mb for m in settled[:3]) + 5
    # Medians: one minute in which the host ran others says nothing.
    slower = settled and median(m.v5_p999_ms for m in settled[-10:]) > 5 + 1.5 * median(
        m.v5_p999_ms for m in settled[:10])
    raise SystemExit(
        f"{lost} messages were lost" if lost else "memory grew" if grown else "latency grew" if slower else 0)


main()
