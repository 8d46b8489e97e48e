"""A disk that refuses to flush: no send is called durable, and the broker says so everywhere until it is restarted."""

import pytest
from harness import preload
from harness.raw import OK, RawClient, message
from harness.waiting import eventually

# Fails every flush while the file named by FAIL_FLUSH exists, as a dying disk does.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int fails(void) {
    const char *path = getenv("FAIL_FLUSH");
    if (path == NULL || access(path, F_OK) != 0) return 0;
    errno = EIO;
    return 1;
}

int fdatasync(int descriptor) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    return fails() ? -1 : real(descriptor);
}

int fsync(int descriptor) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return fails() ? -1 : real(descriptor);
}

int msync(void *start, size_t length, int flags) {
    int (*real)(void *, size_t, int) = dlsym(RTLD_NEXT, "msync");
    return fails() ? -1 : real(start, length, flags);
}
"""


@pytest.fixture
def failing_flush(tmp_path, monkeypatch):
    """Servers started from here on fail to flush while the returned file exists."""
    trigger = tmp_path / "disk-is-dying"
    monkeypatch.setenv("LD_PRELOAD", str(preload.build(SHIM, tmp_path)))
    monkeypatch.setenv("FAIL_FLUSH", str(trigger))
    return trigger


@pytest.mark.parametrize("flush", ["SYNC_FLUSH", "ASYNC_FLUSH"])
def test_a_failed_flush_fences_the_broker(failing_flush, fresh_cluster, monkeypatch, flush):
    cluster = fresh_cluster(brokers=1, flushDiskType=flush)
    monkeypatch.delenv("LD_PRELOAD")
    topic, group = cluster.topic(queues=1), cluster.group()

    def status() -> str:
        return cluster.admin.run("brokerStatus", "-b", cluster.broker_address).expect_success().output

    def is_writable() -> bool:
        route = cluster.admin.run("topicRoute", "-t", topic, "--json").expect_success().json
        return route["queueDatas"][0]["perm"] & 2 != 0

    with RawClient(cluster.endpoint) as client:
        client.send_ok(message(topic, b"before"))
        assert "READ_ONLY" not in status() and is_writable()
        failing_flush.touch()
        refused = client.send(message(topic, b"during"))
        if flush == "SYNC_FLUSH":
            assert refused.status.code != OK, "a send that is not on the disk was called durable"
        eventually(lambda: "READ_ONLY" in status(), "the broker says that it is read-only")
        assert "READ_ONLY" in cluster.admin.run("clusterList").expect_success().output
        failing_flush.unlink()
        # The disk is well again, but what it lost nobody knows.
        assert client.send(message(topic, b"after")).status.code != OK
        eventually(lambda: not is_writable(), "clients are sent elsewhere")
        received = client.receive_all(topic, group, 1)
        assert received[0].body == b"before"
    assert "critical" in cluster.broker.tail(200).lower()
    cluster.broker.kill()
    cluster.broker.start()
    with RawClient(cluster.endpoint) as client:
        eventually(lambda: client.send(message(topic, b"again")).status.code == OK, "a restart serves again")
    assert "READ_ONLY" not in status()
