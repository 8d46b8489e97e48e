"""Waiting for something that is announced nowhere, with a bound."""

import time
from typing import Callable, TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], what: str | Callable[[], str], seconds: float = 15, pause: float = 0.05) -> T:
    """The first true value of `condition`; fails with `what` (a text, or a call for one) when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            text = what() if callable(what) else what
            raise AssertionError(f"not within {seconds} s: {text} (last: {value!r})")
        time.sleep(pause)
