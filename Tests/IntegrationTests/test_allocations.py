"""Heap allocations per message on the hot paths, held by numbers: what creeps in shows here before it shows as time."""

import struct

import pytest
from harness import preload
from harness.bench import bench
from harness.programs import BINARIES

# Counts into a file that is shared with the test, one a process.
SHIM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static unsigned long unshared;
static unsigned long *count = &unshared;

static void one(void) { __atomic_fetch_add(count, 1, __ATOMIC_RELAXED); }

void *malloc(size_t size) { one(); return __libc_malloc(size); }
void *calloc(size_t number, size_t size) { one(); return __libc_calloc(number, size); }
void *realloc(void *old, size_t size) { one(); return __libc_realloc(old, size); }
void *memalign(size_t alignment, size_t size) { one(); return __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { one(); return __libc_memalign(alignment, size); }
int posix_memalign(void **result, size_t alignment, size_t size) {
    one();
    *result = __libc_memalign(alignment, size);
    return *result == NULL ? ENOMEM : 0;
}

__attribute__((constructor)) static void share(void) {
    char path[4096];
    const char *folder = getenv("ALLOCATION_COUNTS");
    if (folder == NULL) return;
    snprintf(path, sizeof path, "%s/%d", folder, (int)getpid());
    int file = open(path, O_CREAT | O_RDWR, 0644);
    if (file < 0 || ftruncate(file, 4096) != 0) abort();
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page == MAP_FAILED) abort();
    count = page;
}
"""

# Most allocations per message; a tenth above what was measured when the number was set.
CAPS = {
    "send": {"proxy": 15.5, "broker": 9.5},
    "legacy send": {"broker": 11.5},
    "receive and ack": {"proxy": 10.6, "broker": 16.8},
    "legacy pull": {"broker": 1.0},
}


class Counters:
    """The counts of some servers, read twice around a load."""

    def __init__(self, folder, cluster):
        self.files = {"broker": folder / str(cluster.broker.pid), "proxy": folder / str(cluster.proxy.pid)}

    def read(self) -> dict[str, int]:
        return {name: struct.unpack("Q", path.read_bytes()[:8])[0] for name, path in self.files.items()}

    def during(self, load) -> tuple[int, dict[str, int]]:
        before = self.read()
        messages = load()
        after = self.read()
        return messages, {name: after[name] - before[name] for name in after}


@pytest.fixture
def counted(tmp_path, monkeypatch, fresh_cluster):
    """A cluster whose servers count, and their counters."""
    counts = tmp_path / "counts"
    counts.mkdir()
    monkeypatch.setenv("LD_PRELOAD", str(preload.build(SHIM, tmp_path)))
    monkeypatch.setenv("ALLOCATION_COUNTS", str(counts))
    cluster = fresh_cluster(brokers=1)
    monkeypatch.delenv("LD_PRELOAD")
    return cluster, Counters(counts, cluster)


@pytest.mark.alone
@pytest.mark.skipif("debug" in str(BINARIES), reason="the numbers are those of release programs")
def test_allocations_per_message_stay_below_their_caps(counted):
    cluster, counters = counted
    topic, group = cluster.topic(), cluster.group()
    proxy, namesrv = ("--proxy", cluster.endpoint), ("--namesrv", cluster.namesrv)

    def produce(*target):
        before = cluster.admin.stored_count(topic)
        bench("produce", *target, "-t", topic, "--duration", "2", "--warm-up", "1", "--producers", "4",
              "--in-flight", "32")
        return cluster.admin.stored_count(topic) - before

    def consume(*target, kind):
        report = bench("consume", *target, "-t", topic, "-g", f"{group}-{kind}", "--duration", "2", "--warm-up", "0",
                       "--consumers", "4")
        return report["audit"]["received"]

    measured = {
        "send": counters.during(lambda: produce(*proxy)),
        "legacy send": counters.during(lambda: produce(*namesrv)),
        "receive and ack": counters.during(lambda: consume(*proxy, kind="pop")),
        "legacy pull": counters.during(lambda: consume(*namesrv, kind="pull")),
    }
    found = {}
    for path, (messages, counts) in measured.items():
        assert messages > 1_000, f"{path}: {messages} messages say nothing"
        found[path] = {name: round(counts[name] / messages, 2) for name in CAPS[path]}
    print(found)
    too_many = {path: found[path] for path in CAPS
                if any(found[path][name] > cap for name, cap in CAPS[path].items())}
    assert not too_many, f"more heap allocations per message than {CAPS}: {too_many}; all: {found}"
