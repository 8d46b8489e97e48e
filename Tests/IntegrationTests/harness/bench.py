"""mqbench as an operator runs it."""

import json
import subprocess

from .programs import BINARIES


def bench(*arguments: str, statuses: tuple[int, ...] = (0,)) -> dict:
    """The report of a load; of one that did not run (status 2 and 3) what it said."""
    done = subprocess.run(
        [str(BINARIES / "mqbench"), *arguments, "--json", "--quiet"], capture_output=True, text=True, timeout=90)
    assert done.returncode in statuses, f"{done.args}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout) if done.returncode < 2 else {"error": done.stderr}
