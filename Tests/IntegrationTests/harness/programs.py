"""The programs under test: start, wait until ready, kill, restart, measure."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

from .ports import free_port

ROOT = Path(__file__).resolve().parents[3]
# A relative path is one from where pytest was started: programs run in folders of their own.
BINARIES = Path(os.environ.get("ROCKETMQ_BIN", ROOT / ".build" / "release")).resolve()
READY_SECONDS = 20
STOP_SECONDS = 20


class ProgramDied(AssertionError):
    """A program ended although it should run."""


class Program:
    """One process. Output goes to a log file; the line 'ready on HOST:PORT' marks the start of service."""

    def __init__(self, name: str, arguments: list[str], folder: Path, ready_port: int):
        self.name = name
        self.arguments = [str(a) for a in arguments]
        self.folder = folder
        self.ready_port = ready_port
        self.log = folder / f"{name}-{ready_port}.log"
        self.process: subprocess.Popen | None = None
        self.ready_after_seconds = 0.0
        # Stands in front of the command, such as a tracer that leaves the process id as it is.
        self.wrapper: list[str] = []
        self._ready = threading.Event()
        self._reader: threading.Thread | None = None

    def start(self, wait: bool = True) -> "Program":
        assert self.process is None or self.process.poll() is not None, f"{self.name} is running already"
        self._ready = threading.Event()
        started = time.monotonic()
        self.process = subprocess.Popen(
            [*self.wrapper, str(BINARIES / self.name), *self.arguments],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process, self._ready, started), daemon=True)
        self._reader.start()
        if wait:
            self.wait_ready()
        return self

    def _read(self, process: subprocess.Popen, ready: threading.Event, started: float) -> None:
        pattern = re.compile(rb"ready on \S*:(\d+)")
        with open(self.log, "ab") as log:
            for line in process.stdout:
                log.write(line)
                log.flush()
                match = pattern.search(line)
                if match and int(match.group(1)) == self.ready_port:
                    self.ready_after_seconds = time.monotonic() - started
                    ready.set()
        ready.set()

    def wait_ready(self) -> None:
        if not self._ready.wait(READY_SECONDS):
            raise ProgramDied(f"{self.name} is not ready after {READY_SECONDS} s\n{self.tail()}")
        if self.process.poll() is not None:
            raise ProgramDied(f"{self.name} ended with {self.process.returncode}\n{self.tail()}")

    @property
    def pid(self) -> int:
        return self.process.pid

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def assert_alive(self) -> None:
        if not self.is_alive():
            raise ProgramDied(f"{self.name} ended with {self.process.returncode}\n{self.tail()}")

    def kill(self) -> None:
        """SIGKILL: what a power cut does to a process."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)

    def terminate(self) -> int:
        """SIGTERM, as an operator stops it; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        return status

    def stop(self) -> None:
        """End of a test: no questions asked."""
        if self.is_alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_SECONDS)

    def tail(self, lines: int = 30) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"

    def anonymous_bytes(self) -> int:
        """Resident memory that is not backed by a file."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Anonymous:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("smaps_rollup has no Anonymous line")

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def write_properties(path: Path, values: dict) -> Path:
    path.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    return path


class NameServer(Program):
    def __init__(self, folder: Path, **options):
        self.port = free_port()
        config = write_properties(
            folder / f"namesrv-{self.port}.conf", {"listenPort": self.port, "bindAddress": "127.0.0.1", **options})
        super().__init__("mqnamesrv", ["-c", config], folder, self.port)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


def broker_options(folder: Path, name: str, port: int, options: dict) -> dict:
    return {
        "brokerClusterName": "DefaultCluster", "brokerName": name, "brokerId": 0, "brokerIP1": "127.0.0.1",
        "listenPort": port, "storePathRootDir": folder / f"store-{name}",
        # Small files: a test's disk and page cache are not a server's.
        "mappedFileSizeCommitLog": 64 * 1024 * 1024, **options,
    }


class Broker(Program):
    def __init__(self, folder: Path, namesrv: str, name: str = "broker-a", **options):
        self.broker_name = name
        self.port = free_port(below=2, above=1)
        self.store = folder / f"store-{name}"
        config = write_properties(
            folder / f"{name}.conf",
            {"namesrvAddr": namesrv, **broker_options(folder, name, self.port, options)})
        super().__init__("mqbroker", ["-c", config], folder, self.port)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


class Proxy(Program):
    """mqproxy in cluster mode."""

    def __init__(self, folder: Path, namesrv: str, **options):
        self.port = free_port()
        self.remoting_port = free_port()
        config = folder / f"proxy-{self.port}.json"
        config.write_text(json.dumps({
            "rocketMQClusterName": "DefaultCluster", "namesrvAddr": namesrv, "grpcServerPort": self.port,
            "remotingListenPort": self.remoting_port, **options}))
        super().__init__("mqproxy", ["-pm", "cluster", "-pc", config], folder, self.port)

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"


class LocalProxy(Program):
    """mqproxy -pm local: proxy, broker and name server in one process."""

    def __init__(self, folder: Path, proxy_options: dict | None = None, **options):
        self.port = free_port()
        self.remoting_port = free_port()
        self.broker_port = free_port(below=2, above=1)
        self.namesrv_port = free_port()
        self.store = folder / "store-broker-a"
        broker_config = write_properties(
            folder / "local-broker.conf", broker_options(folder, "broker-a", self.broker_port, options))
        config = folder / f"local-proxy-{self.port}.json"
        config.write_text(json.dumps({
            "rocketMQClusterName": "DefaultCluster", "grpcServerPort": self.port,
            "remotingListenPort": self.remoting_port, **(proxy_options or {})}))
        super().__init__(
            "mqproxy",
            ["-pm", "local", "-pc", config, "-bc", broker_config, "-n", f"127.0.0.1:{self.namesrv_port}"],
            folder, self.port)

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def namesrv(self) -> str:
        return f"127.0.0.1:{self.namesrv_port}"
