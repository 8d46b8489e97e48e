"""Measures the budgets: see ../bench."""

import argparse
import json
import mmap
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import Line, write_reports
from servers import NAMESRV, PROXY, Apache, Ours

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "IntegrationTests"))

from harness import preload  # noqa: E402

GROUPS = ("yardstick", "send", "receive", "idle", "start", "sync")
CONNECTIONS = 2_000
WAITERS = 1_000


class Bench:
    def __init__(self, binaries: Path, seconds: float):
        self.binaries, self.seconds = binaries, seconds
        self.lines: list[Line] = []

    def add(self, *line) -> None:
        self.lines.append(Line(*line))
        print(self.lines[-1].text(), flush=True)

    def mqbench(self, work: str, *arguments: str, system=None, seconds: float | None = None, remoting=False) -> dict:
        target = ["--namesrv", NAMESRV] if remoting else ["--proxy", PROXY]
        command = [str(self.binaries / "mqbench"), work, *target, "--quiet", "--json",
                   "--duration", str(seconds or self.seconds), "--warm-up", "2", *arguments]
        for name, pid in (system.pids if system else {}).items():
            command += ["--pid", f"{name}={pid}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
        report = json.loads(done.stdout)
        failures = {**report.get("sent", {}).get("failures", {}), **report.get("received", {}).get("failures", {})}
        if failures or report["audit"]["lost"]:
            raise SystemExit(f"{' '.join(command)}: failures {failures}, audit {report['audit']}")
        return report

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

    def send(self, make=None) -> None:
        system = (make or self.ours)()
        label = "" if make is None else f" ({system.label})"
        try:
            system.topic()
            report = self.mqbench("produce", system=system)
            proxy, broker = costs(report)
            self.add("Send 1 KB through the proxy, proxy CPU" + label, proxy, "CPU-s per 100k", "max", 1.0)
            self.add("Send 1 KB through the proxy, broker CPU" + label, broker, "CPU-s per 100k", "max", 0.6)
            self.add("Send 1 KB, 8 x 32 in flight" + label, report["sent"]["perSecond"], "messages/s", "min", 50_000)
            self.add("Send 1 KB, 8 x 32 in flight, p99" + label, latency(report, "sent", "p99"), "ms", "max", 15)
            report = self.mqbench("produce", "--producers", "1", "--in-flight", "1", system=system)
            self.add("Send 1 KB, one in flight, p50" + label, latency(report, "sent", "p50"), "ms", "max", 0.25)
            report = self.mqbench("produce", system=system, remoting=True)
            self.add("Legacy send 1 KB, broker CPU" + label, costs(report)[1], "CPU-s per 100k", "max", 0.5)
            self.add("Legacy send 1 KB" + label, report["sent"]["perSecond"], "messages/s", None, None)
        finally:
            system.stop()

    def receive(self, make=None) -> None:
        system = (make or self.ours)()
        label = "" if make is None else f" ({system.label})"
        try:
            system.topic()
            self.mqbench("produce", "--duration", "10", system=system)
            report = self.mqbench("consume", system=system, seconds=3)
            self.add("Receive 32 + ack, proxy and broker CPU" + label, sum(costs(report)), "CPU-s per 100k", "max", 1.5)
            # Without warm-up: pulls are done with the backlog within a second or two.
            report = self.mqbench(
                "consume", "-g", "pullers", "--warm-up", "0", system=system, seconds=2, remoting=True)
            self.add("Legacy pull, broker CPU" + label, costs(report)[1], "CPU-s per 100k", "max", 0.1)
            if make is None:
                system.topic("waiting", 8)
                report = self.mqbench(
                    "end-to-end", "-t", "waiting", "--consumers", str(WAITERS), "--rate", "500", "--producers", "1",
                    "--poll", "20", system=system)
                self.add(f"Planned send to receipt at {WAITERS} waiters, p99", latency(report, "received", "p99"), "ms",
                         "max", 1)
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


def touch_memory() -> None:
    """Uses most of the free memory once. A virtual machine gets a page from its host at the first touch, which takes
    longer than all that a server does with it, and would be charged to whichever server is measured first."""
    free = int(re.search(r"MemFree:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1)) * 1024
    size = free * 6 // 10 & ~0xFFFFF
    with mmap.mmap(-1, size) as memory:
        for offset in range(0, size, mmap.PAGESIZE):
            memory[offset] = 1


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
    touch_memory()
    bench = Bench(options.bin, options.seconds)
    for name in groups:
        getattr(bench, name)()
    if options.against:
        for name in ("send", "receive"):
            getattr(bench, name)(lambda: Apache(options.against, options.bin))
    write_reports(bench.lines, options.out)
    raise SystemExit(0 if all(line.is_met in (True, None) for line in bench.lines) else 1)


main()
