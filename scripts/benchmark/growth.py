"""Curves of what a server holds against what a message costs: see ../bench-growth."""

import argparse
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from report import machine
from servers import Ours, load_command, run_load

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Point:
    """One measurement of a curve; costs are CPU seconds per 100,000 messages, memory is anonymous megabytes."""

    at: float
    rate: float
    proxy_cpu: float | None
    broker_cpu: float | None
    proxy_mb: float
    broker_mb: float
    p99_ms: float


class Growth:
    def __init__(self, binaries: Path, seconds: float, backlog_gb: int):
        self.binaries, self.seconds, self.backlog_gb = binaries, seconds, backlog_gb
        self.curves: dict[str, list[Point]] = {}

    def bench(self, system: Ours, work: str, *arguments: str, remoting=False, flow="sent") -> dict:
        if "--duration" not in arguments:
            arguments += ("--duration", str(self.seconds), "--warm-up", "1")
        command = load_command(self.binaries, work, *arguments, system=system, remoting=remoting)
        report = run_load(command)
        if failures := report[flow]["failures"]:
            raise SystemExit(f"{' '.join(command)}: failures {failures}")
        return report

    def add(self, curve: str, at: float, report: dict, flow: str = "sent") -> None:
        cost = {server["name"]: server for server in report["servers"]}
        point = Point(
            at, report[flow]["perSecond"], cost["proxy"]["cpuSecondsPer100k"], cost["broker"]["cpuSecondsPer100k"],
            cost["proxy"]["anonymousBytes"] / 1e6, cost["broker"]["anonymousBytes"] / 1e6,
            report[flow]["latencyMicros"]["p99"] / 1000)
        self.curves.setdefault(curve, []).append(point)
        print(f"{curve:24} {at:>10,.0f}  {point.rate:>9,.0f}/s  proxy {point.proxy_cpu or 0:.2f}  "
              f"broker {point.broker_cpu or 0:.2f} CPU-s/100k  {point.proxy_mb:.0f} + {point.broker_mb:.0f} MB  "
              f"p99 {point.p99_ms:.1f} ms", flush=True)

    # Curves

    def connections(self) -> None:
        """256 sends in flight over so many connections."""
        system = Ours(self.binaries)
        try:
            system.topic()
            for count in (1, 16, 256, 1_000, 5_000):
                report = self.bench(system, "produce", "--producers", str(count), "--in-flight", str(max(1, 256 // count)))
                self.add("connections", count, report)
        finally:
            system.stop()

    def topics(self) -> None:
        """Sends go round so many topics of 8 queues, all of which have messages already: a queue's first one makes files."""
        for count in (1, 100, 1_000, 10_000):
            system = Ours(self.binaries, topics=[f"t{number}" for number in range(count)])
            try:
                names = ",".join(f"t{number}" for number in range(count))
                self.add("topics", count, self.bench(
                    system, "produce", "-t", names, "--duration", str(self.seconds), "--warm-up", "20", remoting=True))
            finally:
                system.stop()

    def waiters(self) -> None:
        """So many receives wait while 500 messages a second come in. A proxy takes 10,000 connections, the producer among
        them, and a broker lets 1,024 wait on a topic."""
        for count in (1, 100, 1_000, 5_000, 9_999):
            system = Ours(self.binaries)
            try:
                topics = [f"w{number}" for number in range(count // 1_000 + 1)]
                for topic in topics:
                    system.topic(topic)
                report = self.bench(
                    system, "end-to-end", "-t", ",".join(topics), "--consumers", str(count), "--rate", "500",
                    "--producers", "1", "--poll", "20", "--duration", "8", "--warm-up", "2", flow="received")
                self.add("waiters", count, report, "received")
            finally:
                system.stop()

    def groups(self) -> None:
        """So many groups have read the topic once; then it is sent to."""
        system = Ours(self.binaries)
        try:
            system.topic()
            self.bench(system, "produce", "--duration", "0.2", "--warm-up", "0", "--rate", "500")
            known = 0
            for count in (1, 10, 100, 1_000):
                with ThreadPoolExecutor(4) as pool:
                    list(pool.map(lambda number: self.bench(
                        system, "consume", "-g", f"g{number}", "--consumers", "1", "--batch", "4", "--duration", "0.1",
                        "--warm-up", "0", remoting=True, flow="received"), range(known, count)))
                known = count
                self.add("consumer groups", count, self.bench(system, "produce"))
        finally:
            system.stop()

    def backlog(self) -> None:
        """Old messages are pulled from the start of so many gigabytes, none of them in memory, while new ones come in at
        5,000 a second."""
        system = Ours(self.binaries)
        try:
            system.topic()
            stored = 0.0
            for gigabytes in [size for size in (0, 1, 5, 10, 20) if size <= self.backlog_gb]:
                while stored < gigabytes:
                    report = self.bench(system, "produce", "--size", "8192", "--duration", "5", "--warm-up", "0", remoting=True)
                    stored += report["sent"]["count"] * 8_500 / 1e9
                system.restart_without_cache()
                reader = subprocess.Popen(load_command(
                    self.binaries, "consume", "-g", f"old{gigabytes}", "--duration", str(self.seconds + 1), "--warm-up", "0",
                    remoting=True), stdout=subprocess.PIPE)
                report = self.bench(system, "produce", "--rate", "5000")
                read = json.loads(reader.communicate()[0])["received"]["perSecond"]
                print(f"{'':24} {read:>21,.0f} old messages/s pulled beside it")
                self.add("backlog (GB)", gigabytes, report)
        finally:
            system.stop()

    def size(self) -> None:
        """Bodies of so many bytes."""
        system = Ours(self.binaries)
        try:
            system.topic()
            for count in (16, 256, 1_024, 16_384, 262_144, 4_000_000):
                flight = max(1, min(32, 4_000_000 // count))
                self.add("message size (bytes)", count, self.bench(
                    system, "produce", "--size", str(count), "--in-flight", str(flight),
                    "--producers", "8" if count < 1_000_000 else "2"))
        finally:
            system.stop()


CURVES = ("connections", "topics", "waiters", "groups", "backlog", "size")


def write_reports(curves: dict[str, list[Point]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "growth.json").write_text(json.dumps(
        {"machine": machine(), "curves": {name: [asdict(p) for p in points] for name, points in curves.items()}},
        indent=2) + "\n")
    text = [f"# Growth, measured by `scripts/bench-growth`\n\n{machine()}. CPU is seconds per 100,000 messages, memory is what "
            "the process holds for itself, without page cache.\n\n![curves](growth.svg)\n"]
    for name, points in curves.items():
        text.append(f"\n## {name}\n\n| {name} | messages/s | proxy CPU | broker CPU | proxy MB | broker MB | p99 ms |\n"
                    "|---|---|---|---|---|---|---|\n")
        for p in points:
            text.append(f"| {p.at:,.0f} | {p.rate:,.0f} | {p.proxy_cpu or 0:.2f} | {p.broker_cpu or 0:.2f} | "
                        f"{p.proxy_mb:.1f} | {p.broker_mb:.1f} | {p.p99_ms:.1f} |\n")
    (folder / "growth.md").write_text("".join(text))
    (folder / "growth.svg").write_text(picture(curves))


def picture(curves: dict[str, list[Point]]) -> str:
    """One small chart a curve: CPU per message of both servers at evenly spaced points."""
    width, height, columns = 300, 170, 3
    rows = (len(curves) + columns - 1) // columns
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * columns}" height="{height * rows + 20}" '
             'font-family="sans-serif" font-size="11">', '<rect width="100%" height="100%" fill="white"/>']
    for index, (name, points) in enumerate(curves.items()):
        left, top = index % columns * width + 40, index // columns * height + 24
        costs = [[p.broker_cpu or 0 for p in points], [p.proxy_cpu or 0 for p in points]]
        most = max(max(values) for values in costs) or 1
        step = (width - 70) / max(1, len(points) - 1)
        parts.append(f'<text x="{left}" y="{top - 8}">{escape(name)}: CPU-s per 100k, up to {most:.2f}</text>')
        for values, colour in zip(costs, ("#2a7f62", "#2c5aa0")):
            line = " ".join(f"{left + n * step:.0f},{top + 110 - v / most * 105:.0f}" for n, v in enumerate(values))
            parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for n, point in enumerate(points):
            parts.append(f'<text x="{left + n * step:.0f}" y="{top + 126}" text-anchor="middle">{point.at:,.0f}</text>')
    parts.append(f'<text x="40" y="{height * rows + 12}"><tspan fill="#2a7f62">broker</tspan> '
                 '<tspan fill="#2c5aa0">proxy</tspan></text></svg>')
    return "\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--only", default=",".join(CURVES))
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--backlog", type=int, default=20, help="gigabytes at the end of that curve")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := [name for name in names if name not in CURVES]:
        parser.error(f"unknown curve {unknown[0]}; there are {', '.join(CURVES)}")
    growth = Growth(options.bin, options.seconds, options.backlog)
    for name in names:
        getattr(growth, name)()
    write_reports(growth.curves, options.out)


main()
