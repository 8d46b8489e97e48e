"""mqadmin as an operator runs it."""

import json
import subprocess
from dataclasses import dataclass

from .programs import BINARIES


@dataclass
class AdminResult:
    command: list[str]
    status: int
    output: str
    errors: str

    def expect_success(self) -> "AdminResult":
        assert self.status == 0, f"{' '.join(self.command)}: exit {self.status}\n{self.output}{self.errors}"
        return self

    @property
    def json(self):
        return json.loads(self.output)


class Admin:
    def __init__(self, namesrv: str):
        self.namesrv = namesrv

    def run(self, command: str, *arguments: str, namesrv: bool = True) -> AdminResult:
        line = [str(BINARIES / "mqadmin"), command]
        if namesrv:
            line += ["-n", self.namesrv]
        line += arguments
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        return AdminResult(line[1:], done.returncode, done.stdout, done.stderr)

    def stored_count(self, topic: str) -> int:
        """Messages that the brokers hold of a topic, by its queues' offsets."""
        status = self.run("topicStatus", "-t", topic, "--json").expect_success().json
        return sum_offsets(status)


def sum_offsets(value) -> int:
    """Sum of maxOffset - minOffset wherever both stand together."""
    if isinstance(value, dict):
        if "maxOffset" in value and "minOffset" in value:
            return int(value["maxOffset"]) - int(value["minOffset"])
        return sum(sum_offsets(v) for v in value.values())
    if isinstance(value, list):
        return sum(sum_offsets(v) for v in value)
    return 0
