"""Free TCP ports outside the range the kernel hands out by itself, so that a restart finds its port free again.

Tests that run beside others draw from a part of the range of their own: nobody else takes the port of a program that is
not started yet, or is down for a moment.
"""

import os
import random
import socket

LOWEST, HIGHEST = 12000, 31000
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_share = (HIGHEST - LOWEST) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_taken: set[int] = set()
_random = random.Random(os.getpid())


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(below: int = 0, above: int = 0) -> int:
    """A free port whose neighbours (`below` under it, `above` over it) are free too: a broker uses P-2, P and P+1."""
    for _ in range(1000):
        port = LOWEST + _worker * _share + _random.randrange(below, _share - above)
        block = range(port - below, port + above + 1)
        if all(p not in _taken and _is_free(p) for p in block):
            _taken.update(block)
            return port
    raise RuntimeError("no free port found")
