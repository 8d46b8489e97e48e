"""Measures the budgets: see ../bench."""

import argparse
import mmap
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from memory import BackedMemory
from report import Line, write_reports
from servers import Apache, Ours, load_command, run_load

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "IntegrationTests"))

from harness import preload  # noqa: E402

GROUPS = ("yardstick", "send", "topics", "receive", "idle", "start", "sync")
CONNECTIONS = 2_000
WAITERS = 1_000
TOPICS = 10_000
TOPIC_ROUNDS = 2


class Bench:
    def __init__(self, binaries: Path, seconds: float):
        self.binaries, self.seconds = binaries, seconds
        self.lines: list[Line] = []

    def add(self, *line) -> None:
        self.lines.append(Line(*line))
        print(self.lines[-1].text(), flush=True)

    def mqbench(self, work: str, *arguments: str, system=None, seconds: float | None = None, remoting=False) -> dict:
        command = load_command(
            self.binaries, work, "--duration", str(seconds or self.seconds), "--warm-up", "2", *arguments,
            system=system, remoting=remoting)
        with BackedMemory() if work == "produce" else nullcontext():
            report = run_load(command)
        failures = {**report.get("sent", {}).get("failures", {}), **report.get("received", {}).get("failures", {})}
        if failures or report["audit"]["lost"]:
            raise SystemExit(f"{' '.join(command)}: failures {failures}, audit {report['audit']}")
        return report

    def add_against(self, name: str, value: float, *_) -> None:
        """What an installed Apache RocketMQ takes for what was measured of ours before."""
        line = next(line for line in self.lines if line.name == name)
        line.against = value
        print(line.against_text(), flush=True)

    # Groups

    def yardstick(self) -> None:
        """HTTP/2 in C on this machine: what any server can be measured by."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "index.html").write_bytes(b"x" * 1024)
            server = subprocess.Popen(
                ["nghttpd", "--no-tls", "-d", folder, "18082"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                time.sleep(0.5)
                out = subprocess.run(
                    ["h2load", "-c8", "-m32", "-t1", "-n200000", "http://127.0.0.1:18082/index.html"],
                    capture_output=True, text=True, check=True).stdout
                rate = float(re.search(r"finished in .*?, ([\d.]+) req/s", out).group(1))
                stat = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
                cpu = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK") / 2
            finally:
                server.kill()
        self.add("nghttpd, static file, 8 x 32", rate, "calls/s", None, None)
        self.add("nghttpd CPU", cpu, "CPU-s per 100k", None, None)
        self.add("Fresh pages for 100k records of 1.2 KB, this kernel", fresh_pages_cost(), "CPU-s per 100k", None, None)

    def send(self, make=None) -> None:
        system = (make or self.ours)()
        add = self.add if make is None else self.add_against
        try:
            system.topic()
            report = self.mqbench("produce", system=system)
            proxy, broker = costs(report)
            add("Send 1 KB through the proxy, proxy CPU", proxy, "CPU-s per 100k", "max", 1.0)
            add("Send 1 KB through the proxy, broker CPU", broker, "CPU-s per 100k", "max", 0.6)
            add("Send 1 KB, 8 x 32 in flight", report["sent"]["perSecond"], "messages/s", "min", 50_000)
            add("Send 1 KB, 8 x 32 in flight, p99", latency(report, "sent", "p99"), "ms", "max", 15)
            report = self.mqbench("produce", "--producers", "1", "--in-flight", "1", system=system)
            add("Send 1 KB, one in flight, p50", latency(report, "sent", "p50"), "ms", "max", 0.25)
            report = self.mqbench("produce", system=system, remoting=True)
            add("Legacy send 1 KB, broker CPU", costs(report)[1], "CPU-s per 100k", "max", 0.5)
            add("Legacy send 1 KB", report["sent"]["perSecond"], "messages/s", None, None)
        finally:
            system.stop()

    def topics(self) -> None:
        """Sends that go round many topics of 8 queues, against sends to one of them, in turn. Each queue has a file before:
        the first message of one costs more, and a file system without a journal makes new files slowly soon after others
        were deleted."""
        names = [f"t{number}" for number in range(TOPICS)]
        system = Ours(self.binaries, topics=names)
        rates, broker_costs = {1: [], TOPICS: []}, {1: [], TOPICS: []}
        try:
            self.mqbench("produce", "-t", ",".join(names), "--rate", "20000", system=system, seconds=30, remoting=True)
            for _ in range(TOPIC_ROUNDS):
                for count in rates:
                    report = self.mqbench("produce", "-t", ",".join(names[:count]), system=system, seconds=5, remoting=True)
                    rates[count].append(report["sent"]["perSecond"])
                    broker_costs[count].append(costs(report)[1])
        finally:
            system.stop()
        for count in rates:
            name = f"Legacy send to {count:,} topic{'' if count == 1 else 's'} of {TOPICS:,}"
            self.add(name, sum(rates[count]) / TOPIC_ROUNDS, "messages/s", None, None)
            self.add(f"{name}, broker CPU", sum(broker_costs[count]) / TOPIC_ROUNDS, "CPU-s per 100k", None, None)
        self.add(f"Sends to {TOPICS:,} topics against one", 100 * sum(rates[TOPICS]) / sum(rates[1]), "%", "min", 95)

    def receive(self, make=None) -> None:
        system = (make or self.ours)()
        add = self.add if make is None else self.add_against
        try:
            system.topic()
            self.mqbench("produce", "--duration", "10", system=system)
            report = self.mqbench("consume", system=system, seconds=3)
            add("Receive 32 + ack, proxy and broker CPU", sum(costs(report)), "CPU-s per 100k", "max", 1.5)
            # Without warm-up: pulls are done with the backlog within a second or two.
            report = self.mqbench(
                "consume", "-g", "pullers", "--warm-up", "0", system=system, seconds=2, remoting=True)
            add("Legacy pull, broker CPU", costs(report)[1], "CPU-s per 100k", "max", 0.1)
            if make is None:
                system.topic("waiting", 8)
                report = self.mqbench(
                    "end-to-end", "-t", "waiting", "--consumers", str(WAITERS), "--rate", "500", "--producers", "1",
                    "--poll", "20", system=system)
                add(f"Planned send to receipt at {WAITERS} waiters, p99", latency(report, "received", "p99"), "ms", "max", 1)
        finally:
            system.stop()

    def idle(self) -> None:
        system = self.ours()
        try:
            before = [server.cpu_seconds() for server in system.servers]
            time.sleep(self.seconds)
            for server, cpu, budget in zip(system.servers, before, (15, 40, 25)):
                cores = (server.cpu_seconds() - cpu) / self.seconds
                self.add(f"{server.name} idle CPU", cores, "cores", "max", 0.005)
                self.add(f"{server.name} idle memory", server.anonymous_bytes() / 1e6, "MB", "max", budget)
            # Brokers bound the receives that wait on one topic.
            topics = [f"waiting-{index}" for index in range(4)]
            for topic in topics:
                system.topic(topic)
            empty = system.proxy.anonymous_bytes()
            report = self.mqbench(
                "consume", "--consumers", str(CONNECTIONS), "--poll", "30", "-t", ",".join(topics), system=system,
                seconds=3)
            (proxy,) = [s for s in report["servers"] if s["name"] == "proxy"]
            self.add("One gRPC connection with a parked receive, proxy",
                     (proxy["anonymousBytes"] - empty) / CONNECTIONS / 1024, "KB", "max", 34)
        finally:
            system.stop()

    def start(self) -> None:
        for _ in range(2):
            system = self.ours()
            system.stop()
        for server in system.servers:
            self.add(f"{server.name} start", server.ready_millis, "ms", "max", 200)

    def sync(self) -> None:
        """This machine's disk may flush in a tenth of a millisecond: then one sender is held up by little but CPU, which
        64 share. A disk of 2 ms shows what group commit does."""
        self.sync_ratio("this disk", None)
        self.sync_ratio("a disk of 2 ms", 20)

    def sync_ratio(self, label: str, budget: float | None) -> None:
        with tempfile.TemporaryDirectory() as folder:
            environment = {}
            if budget is not None:
                micros = Path(folder) / "micros"
                micros.write_text("2000")
                environment = {"LD_PRELOAD": str(preload.build(preload.SLOW_FLUSH, Path(folder))),
                               "SLOW_FLUSH": str(micros)}
            system = Ours(self.binaries, "SYNC_FLUSH", environment=environment)
            try:
                system.topic()
                one, many = (
                    self.mqbench("produce", "--producers", count, "--in-flight", "1", system=system, remoting=True)
                    for count in ("1", "64"))
            finally:
                system.stop()
        ratio = many["sent"]["perSecond"] / one["sent"]["perSecond"]
        self.add(f"SYNC_FLUSH on {label}, one sender", one["sent"]["perSecond"], "messages/s", None, None)
        self.add(f"SYNC_FLUSH on {label}, 64 senders against one", ratio, "times", "min" if budget else None, budget)

    def ours(self) -> Ours:
        return Ours(self.binaries)


def fresh_pages_cost() -> float:
    """What the kernel alone takes for the pages of a mapped file that 100,000 records fill: part of what any broker costs
    that writes through the page cache, and faults its pages in one by one."""
    size = 100_000 * 1_220 & ~0xFFF
    with BackedMemory(), tempfile.TemporaryFile() as file:
        os.posix_fallocate(file.fileno(), 0, size)
        os.fsync(file.fileno())
        with mmap.mmap(file.fileno(), size) as pages:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_stime
            for offset in range(0, size, mmap.PAGESIZE):
                pages[offset] = 1
            return resource.getrusage(resource.RUSAGE_SELF).ru_stime - before


def costs(report: dict) -> tuple[float, float]:
    servers = {server["name"]: server["cpuSecondsPer100k"] for server in report["servers"]}
    if None in servers.values():
        raise SystemExit("no message fell into the measured time: there is no cost per message")
    return servers["proxy"], servers["broker"]


def latency(report: dict, flow: str, name: str) -> float:
    return report[flow]["latencyMicros"][name] / 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--only", default=",".join(GROUPS))
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    options = parser.parse_args()
    groups = options.only.split(",")
    if unknown := [name for name in groups if name not in GROUPS]:
        parser.error(f"unknown group {unknown[0]}; there are {', '.join(GROUPS)}")
    bench = Bench(options.bin, options.seconds)
    for name in groups:
        getattr(bench, name)()
    if options.against:
        for name in [name for name in ("send", "receive") if name in groups]:
            getattr(bench, name)(lambda: Apache(options.against, options.bin))
    write_reports(bench.lines, options.out)
    raise SystemExit(0 if all(line.is_met in (True, None) for line in bench.lines) else 1)


main()
