"""System calls of a program under test, in the order in which the kernel finished or began them."""

import re
from dataclasses import dataclass
from pathlib import Path

CALLS = "fdatasync,msync,read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg"


def wrapper(output: Path) -> list[str]:
    """In front of a program's command: strace as a grandchild, so that signals reach the program itself."""
    return ["strace", "-D", "-f", "-yy", "-s", "0", "-o", str(output), "-e", f"trace={CALLS}"]


@dataclass
class Call:
    """`begun` and `ended` are places in the trace: a call that ended before another began has the smaller number."""

    name: str
    file: str
    begun: int
    ended: int
    result: int


_WHOLE = re.compile(r"^(\d+) +(\w+)\(.* = (-?\d+)")
_BEGUN = re.compile(r"^(\d+) +(\w+)\(.*<unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>.* = (-?\d+)")
# An address holds a > too.
_FILE = re.compile(r"\(\d+<(.*?)>(?:, |\)| <unfinished)")


def read_trace(path: Path) -> list[Call]:
    """The calls that ended."""
    open_calls: dict[str, tuple[str, str, int]] = {}
    calls: list[Call] = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines()):
        file = _FILE.search(line)
        if match := _RESUMED.match(line):
            begun = open_calls.pop(match.group(1), None)
            if begun:
                calls.append(Call(begun[0], begun[1], begun[2], number, int(match.group(3))))
        elif match := _BEGUN.match(line):
            open_calls[match.group(1)] = (match.group(2), file.group(1) if file else "", number)
        elif match := _WHOLE.match(line):
            calls.append(Call(match.group(2), file.group(1) if file else "", number, number, int(match.group(3))))
    return calls
