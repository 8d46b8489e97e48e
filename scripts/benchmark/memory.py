"""Memory that a benchmark's servers find ready: see `BackedMemory`."""

import mmap
import re
import threading
from pathlib import Path

# A little faster than a load writes, for longer than ten seconds: what lies free meanwhile is soon the host's again.
PIECE_BYTES = 32 << 20
PIECE_SECONDS = 0.07
FIRST_PIECES = 8
PIECES = 200


class BackedMemory:
    """Has the kernel's next free pages be really there, for as long as a load runs.

    A virtual machine may give free memory back to its host after some seconds, and pays for each page at its next first
    touch: here 0.33 CPU-s per 100,000 records of 1 KB against 0.02, charged to the server whose log they fill. Pages that
    were touched and freed just before are the first to be used again, so that servers are measured and not the host. A
    piece is freed at a time: of what is freed all at once, the host had the rest again after six seconds."""

    def __enter__(self) -> "BackedMemory":
        free = int(re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1)) * 1024
        self.pieces = []
        for _ in range(max(1, min(PIECES, free // 2 // PIECE_BYTES))):
            # Shared memory would not be made of huge pages.
            piece = mmap.mmap(-1, PIECE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            piece.madvise(mmap.MADV_HUGEPAGE)
            for offset in range(0, PIECE_BYTES, mmap.PAGESIZE):
                piece[offset] = 1
            self.pieces.append(piece)
        self.is_over = threading.Event()
        for _ in range(min(FIRST_PIECES, len(self.pieces))):
            self.free_one()
        self.thread = threading.Thread(target=self.free_in_turn, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.is_over.set()
        self.thread.join()
        while self.pieces:
            self.free_one()

    def free_in_turn(self) -> None:
        while self.pieces and not self.is_over.wait(PIECE_SECONDS):
            self.free_one()

    def free_one(self) -> None:
        self.pieces.pop().close()
