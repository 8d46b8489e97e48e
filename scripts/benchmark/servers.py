"""Fresh servers for one measurement: ours, or an installed Apache RocketMQ."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

NAMESRV_PORT, BROKER_PORT, PROXY_PORT = 19876, 20911, 18081
NAMESRV, PROXY = f"127.0.0.1:{NAMESRV_PORT}", f"127.0.0.1:{PROXY_PORT}"
TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """One process of ours; `ready_millis` is from the start to the line that says it serves."""

    def __init__(self, name: str, command: list[str], folder: Path, environment: dict[str, str] | None = None):
        self.name = name
        self.log = folder / f"{name}.log"
        started = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **(environment or {})})
        while not re.search(rb"ready on", self.log.read_bytes()):
            if self.process.poll() is not None or time.monotonic() - started > 30:
                raise SystemExit(f"{name} did not start:\n{self.log.read_text()}")
            time.sleep(0.002)
        self.ready_millis = (time.monotonic() - started) * 1000

    @property
    def pid(self) -> int:
        return self.process.pid

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def anonymous_bytes(self) -> int:
        return int(re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text()).group(1)) * 1024

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Ours:
    """Name server, broker and proxy of this tree, each a process."""

    def __init__(self, binaries: Path, flush: str = "ASYNC_FLUSH", topics: list[str] | None = None,
                 environment: dict[str, str] | None = None, broker_lines: str = ""):
        self.binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="mqbench-"))
        if topics:
            write_topics(self.folder / "store", topics)
        namesrv_conf, broker_conf, proxy_conf = (self.folder / n for n in ("namesrv.conf", "broker.conf", "proxy.json"))
        namesrv_conf.write_text(f"listenPort={NAMESRV_PORT}\nbindAddress=127.0.0.1\n")
        broker_conf.write_text(broker_configuration(self.folder / "store", flush) + broker_lines)
        proxy_conf.write_text(json.dumps({"namesrvAddr": NAMESRV, "grpcServerPort": PROXY_PORT}))
        self.namesrv = Server("mqnamesrv", [str(binaries / "mqnamesrv"), "-c", str(namesrv_conf)], self.folder)
        self.broker_environment = environment
        self.broker = self.start_broker()
        self.proxy = Server("mqproxy", [str(binaries / "mqproxy"), "-pc", str(proxy_conf)], self.folder)

    @property
    def servers(self) -> list[Server]:
        return [self.namesrv, self.broker, self.proxy]

    @property
    def pids(self) -> dict[str, int]:
        return {"proxy": self.proxy.pid, "broker": self.broker.pid}

    def start_broker(self) -> Server:
        command = [str(self.binaries / "mqbroker"), "-c", str(self.folder / "broker.conf")]
        return Server("mqbroker", command, self.folder, self.broker_environment)

    def restart_without_cache(self) -> None:
        """Starts the broker again on a store whose bytes are on the disk only."""
        self.broker.stop()
        for path in (self.folder / "store").rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        self.broker = self.start_broker()
        wait_for_route(self.binaries, "bench")

    def topic(self, name: str = "bench", queues: int = 8) -> None:
        subprocess.run(
            [str(self.binaries / "mqadmin"), "updateTopic", "-n", NAMESRV, "-c", "DefaultCluster", "-t", name,
             "-r", str(queues), "-w", str(queues)], check=True, stdout=subprocess.DEVNULL)
        wait_for_route(self.binaries, name)

    def stop(self) -> None:
        for server in reversed(self.servers):
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Apache:
    """An installed Apache RocketMQ, started by its own scripts with its own memory settings."""

    def __init__(self, home: Path, binaries: Path, flush: str = "ASYNC_FLUSH"):
        self.home, self.binaries = home, binaries
        self.folder = Path(tempfile.mkdtemp(prefix="mqbench-apache-"))
        (self.folder / "namesrv.conf").write_text(f"listenPort={NAMESRV_PORT}\n")
        (self.folder / "broker.conf").write_text(broker_configuration(self.folder / "store", flush))
        (self.folder / "proxy.json").write_text(
            json.dumps({"namesrvAddr": NAMESRV, "rocketMQClusterName": "DefaultCluster",
                        "grpcServerPort": PROXY_PORT}))
        self.processes = []
        for name, arguments, port in (
            ("mqnamesrv", ["-c", "namesrv.conf"], NAMESRV_PORT), ("mqbroker", ["-c", "broker.conf"], BROKER_PORT),
            ("mqproxy", ["-pc", "proxy.json"], PROXY_PORT),
        ):
            with open(self.folder / f"{name}.log", "wb") as log:
                process = subprocess.Popen(
                    ["sh", str(home / "bin" / name), *arguments], cwd=self.folder, stdout=log, stderr=log,
                    start_new_session=True, env={**os.environ, "ROCKETMQ_HOME": str(home)})
            self.processes.append(process)
            wait_for_port(port, name, process)
        self.pids = {"proxy": java_below(self.processes[2].pid), "broker": java_below(self.processes[1].pid)}

    def topic(self, name: str = "bench", queues: int = 8) -> None:
        Ours.topic(self, name, queues)

    def stop(self) -> None:
        for process in reversed(self.processes):
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            process.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)


def load_command(binaries: Path, work: str, *arguments: str, system=None, remoting=False) -> list[str]:
    """mqbench on the proxy, or by remoting on the broker; its report is JSON, with the costs of the servers of a system."""
    target = ["--namesrv", NAMESRV] if remoting else ["--proxy", PROXY]
    command = [str(binaries / "mqbench"), work, *target, "--quiet", "--json", *arguments]
    for name, pid in (system.pids if system else {}).items():
        command += ["--pid", f"{name}={pid}"]
    return command


def run_load(command: list[str]) -> dict:
    """The report; what became of the messages is for the caller to look at."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def broker_configuration(store: Path, flush: str) -> str:
    return (
        f"namesrvAddr={NAMESRV}\nbrokerName=broker-a\nbrokerIP1=127.0.0.1\nlistenPort={BROKER_PORT}\n"
        f"storePathRootDir={store}\nflushDiskType={flush}\n")


def write_topics(store: Path, topics: list[str], queues: int = 8) -> None:
    """The registry as the broker writes it, without a request for each topic."""
    table = {
        name: {"topicName": name, "readQueueNums": queues, "writeQueueNums": queues, "perm": 6,
               "topicFilterType": "SINGLE_TAG", "topicSysFlag": 0, "order": False, "attributes": {}}
        for name in topics}
    (store / "config").mkdir(parents=True)
    (store / "config" / "topics.json").write_text(json.dumps(
        {"dataVersion": {"stateVersion": 0, "timestamp": 1, "counter": 1}, "topicConfigTable": table}))


def wait_for_route(binaries: Path, topic: str) -> None:
    for _ in range(100):
        done = subprocess.run([str(binaries / "mqadmin"), "topicRoute", "-n", NAMESRV, "-t", topic], capture_output=True)
        if done.returncode == 0:
            return
        time.sleep(0.1)
    raise SystemExit(f"no route for {topic}")


def wait_for_port(port: int, name: str, process: subprocess.Popen) -> None:
    for _ in range(1200):
        if process.poll() is not None:
            raise SystemExit(f"{name} ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"{name} does not listen on {port}")


def java_below(pid: int) -> int:
    """The JVM that a start script runs: the youngest descendant."""
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[-1])
    return pid
