"""Pauses that a machine makes: see `PauseMeter`."""

import multiprocessing
import os
import time
from dataclasses import dataclass

STEP_SECONDS = 0.005
# Shorter ones are the kernel's: it does some of its work without a break.
PAUSE_SECONDS = 0.005


@dataclass
class Pauses:
    """Of the core that stood still the longest: the sum, and the longest one of all cores."""

    total_ms: float
    longest_ms: float


class PauseMeter:
    """Tells for how long cores ran nothing though they should have.

    A virtual machine's host may hold its cores for tens of milliseconds at a time, which the sum of stolen time does not show.
    On each core a process that goes before all others wakes up each five milliseconds; where it comes late, nothing else ran
    either. Without the right to such a priority, which root has, it tells nothing."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("fork")
        cores = sorted(os.sched_getaffinity(0))
        self.totals = context.Array("d", len(cores), lock=False)
        self.longest = context.Array("d", len(cores), lock=False)
        self.watchers = [
            context.Process(target=self.watch, args=(place, core), daemon=True) for place, core in enumerate(cores)]

    def __enter__(self) -> "PauseMeter":
        for watcher in self.watchers:
            watcher.start()
        return self

    def __exit__(self, *_) -> None:
        for watcher in self.watchers:
            watcher.kill()
            watcher.join()

    def take(self) -> Pauses | None:
        """What was since the last call; None when that cannot be measured."""
        if not all(watcher.is_alive() for watcher in self.watchers):
            return None
        found = Pauses(max(self.totals) * 1000, max(self.longest) * 1000)
        for place in range(len(self.totals)):
            self.totals[place] = self.longest[place] = 0
        return found

    def watch(self, place: int, core: int) -> None:
        os.sched_setaffinity(0, {core})
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            return
        before = time.monotonic()
        while True:
            time.sleep(STEP_SECONDS)
            now = time.monotonic()
            late = now - before - STEP_SECONDS
            if late > PAUSE_SECONDS:
                self.totals[place] += late
                self.longest[place] = max(self.longest[place], late)
            before = now
