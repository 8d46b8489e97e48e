"""The 4.x C++ client in processes of its own."""

import json
import subprocess
import threading
from pathlib import Path

import pytest

from .programs import ROOT
from .waiting import eventually

PYTHON = ROOT / ".venvs" / "v4" / "bin" / "python"
SCRIPTS = Path(__file__).resolve().parents[1]


def _command(script: str, *arguments: str) -> list[str]:
    if not PYTHON.exists():
        pytest.fail(f"{PYTHON} is missing: run ./scripts/test --integration once")
    return [str(PYTHON), str(SCRIPTS / script), *arguments]


def produce(namesrv: str, topic: str, kind: str, count: int, *prefix: str) -> list[str]:
    """Sends with the legacy producer; the lines it prints, `ID OFFSET` each."""
    done = subprocess.run(
        _command("legacy_producer.py", namesrv, topic, kind, str(count), *prefix), capture_output=True, text=True,
        timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.split(" ", 1)[1] for line in done.stdout.splitlines() if line.startswith("sent ")]


def produce_in_background(namesrv: str, topic: str, kind: str, count: int, *prefix: str) -> subprocess.Popen:
    """Sends with the legacy producer while the test goes on."""
    return subprocess.Popen(
        _command("legacy_producer.py", namesrv, topic, kind, str(count), *prefix), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)


class LegacyConsumer:
    """A running consumer; `messages` holds its deliveries in their order."""

    def __init__(self, deployment, topic: str, group: str, **options):
        self.messages: list[dict] = []
        self._ready = threading.Event()
        arguments = {"namesrv": deployment.namesrv, "topic": topic, "group": group, **options}
        self.process = subprocess.Popen(
            _command("legacy_consumer.py", json.dumps(arguments)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self._other: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            if line.startswith("{"):
                self.messages.append(json.loads(line))
            elif line.startswith("ready"):
                self._ready.set()
            else:
                self._other.append(line)
        self._ready.set()

    def __enter__(self) -> "LegacyConsumer":
        assert self._ready.wait(30), "the consumer does not start"
        assert self.process.poll() is None or not self._other, "".join(self._other[-20:])
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        """Leaves its group as a client does that is shut down."""
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        self._reader.join(10)

    def kill(self) -> None:
        """SIGKILL: the broker learns of it by the end of the connection."""
        self.process.kill()
        self.process.wait(10)
        self._reader.join(10)

    def bodies(self, status: str = "consumed") -> list[str]:
        return [m["body"] for m in list(self.messages) if m["status"] == status]

    def wait_for(self, bodies, seconds: float = 30) -> None:
        wanted = set(bodies)
        eventually(
            lambda: wanted <= set(self.bodies()),
            lambda: f"{sorted(wanted - set(self.bodies()))} of {len(wanted)} are missing; other output: "
            f"{self._other[-5:]}", seconds=seconds)
