"""What an idle system costs, and how soon it serves. Figures of release programs; debug ones are larger and slower."""

import subprocess
import time

import grpc
import pytest
from harness.connections import Clients
from harness.programs import BINARIES
from harness.raw import OK, RawClient, d, message, s
from harness.waiting import eventually

MEGABYTE = 1024 * 1024
START_SECONDS_MAX = 0.5
ANONYMOUS_BYTES_MAX = {"mqproxy": 40 * MEGABYTE, "mqnamesrv": 25 * MEGABYTE, "mqbroker": 60 * MEGABYTE}
LOCAL_BYTES_MAX = sum(ANONYMOUS_BYTES_MAX.values())
# The budget of an idle connection is 32 KB: about half of it is used without TLS. TLS takes 18 KB more, most of it NIOSSL's
# (two buffers of which some pages are touched, a ring of 4 KB) and BoringSSL's.
CONNECTION_BYTES_MAX = 18 * 1024
TLS_CONNECTION_BYTES_MAX = 36 * 1024
# A telemetry stream: its metadata, and what the proxy knows of its client.
STREAM_BYTES_MAX = 7 * 1024
# 2 KB, and room for what the memory of 1,000 leaves unused in between.
PARKED_BYTES_MAX = 3 * 1024
IDLE_SECONDS = 5
IDLE_CORES_MAX = 0.02

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(BINARIES.resolve().name != "release", reason="only release programs are measured"),
]


@pytest.mark.parametrize("name", ["mqadmin", "mqbench", "mqbroker", "mqnamesrv", "mqproxy"])
def test_program_runs_on_a_machine_without_swift(name):
    needed = subprocess.run(["ldd", BINARIES / name], capture_output=True, text=True, check=True).stdout
    assert "libc.so.6" in needed
    assert "swift" not in needed


def test_cluster_starts_soon_and_stays_small(fresh_cluster):
    cluster = fresh_cluster()
    for program in cluster.programs:
        print(f"{program.name}: ready after {program.ready_after_seconds:.3f} s, "
              f"{program.anonymous_bytes() / MEGABYTE:.1f} MB anonymous")
    for program in cluster.programs:
        assert program.ready_after_seconds <= START_SECONDS_MAX, program.name
        assert program.anonymous_bytes() <= ANONYMOUS_BYTES_MAX[program.name], program.name


def test_local_mode_starts_soon_and_stays_small(fresh_local):
    local = fresh_local()
    assert local.proxy.ready_after_seconds <= START_SECONDS_MAX
    assert local.proxy.anonymous_bytes() <= LOCAL_BYTES_MAX


def test_memory_after_work_is_given_back(fresh_cluster):
    """500 messages of 100 KB through everything; afterwards it is idle again."""
    cluster = fresh_cluster()
    topic, group = cluster.topic(), cluster.group()
    with RawClient(cluster.endpoint) as client:
        for _ in range(500):
            client.send_ok(message(topic, b"x" * 100_000))
        client.receive_all(topic, group, 500, seconds=60)
    for program in cluster.programs:
        limit = ANONYMOUS_BYTES_MAX[program.name]
        eventually(lambda: program.anonymous_bytes() <= limit,
                   f"{program.name} is below {limit // MEGABYTE} MB (first {program.anonymous_bytes() / MEGABYTE:.1f})")


def test_memory_of_a_compressed_giant_is_given_back(fresh_local):
    """A few hundred KB that inflate to 100 MB: refused as too large, and nothing of them stays."""
    local = fresh_local()
    request = s.SendMessageRequest(messages=[message(local.topic(), bytes(100 * MEGABYTE))])
    with RawClient(local.endpoint) as client:
        answer = client.stub.SendMessage(
            request, metadata=client.metadata, timeout=60, compression=grpc.Compression.Gzip)
        assert answer.status.code == d.Code.MESSAGE_BODY_TOO_LARGE
        eventually(lambda: local.proxy.anonymous_bytes() <= ANONYMOUS_BYTES_MAX["mqproxy"], "the memory is given back")


class Memory:
    """What connections cost a proxy; what is made once, for the first of them, is not theirs."""

    COUNT = 1_000

    def __init__(self, cluster, topic: str, tls: bool = False):
        self.proxy = cluster.proxy
        with Clients(self.proxy.port, 50, topic, tls=tls) as warm:
            warm.call_once()
            warm.open_streams()
            warm.park_receives(poll_seconds=1)
            assert warm.wait_for_receives() == 50
        self.before = self.proxy.anonymous_bytes()

    def each(self) -> float:
        time.sleep(2)
        return (self.proxy.anonymous_bytes() - self.before) / self.COUNT


def test_connections_and_parked_receives_are_cheap(fresh_cluster):
    """scripts/bench-connections measures the same with 5,000."""
    cluster = fresh_cluster()
    topic = cluster.topic()
    memory = Memory(cluster, topic)
    with Clients(cluster.proxy.port, memory.COUNT, topic) as clients:
        clients.call_once()
        idle = memory.each()
        clients.open_streams()
        streaming = memory.each()
        began = time.monotonic()
        clients.park_receives(poll_seconds=10)
        parked = memory.each() - streaming
        assert time.monotonic() - began < 10, "the first receives have ended"
        print(f"bytes of an idle connection {idle:.0f}, with a stream {streaming:.0f}, of a parked receive {parked:.0f}")
        assert idle <= CONNECTION_BYTES_MAX and streaming - idle <= STREAM_BYTES_MAX and parked <= PARKED_BYTES_MAX
        assert clients.wait_for_receives() == memory.COUNT


def test_connections_over_tls_are_cheap(fresh_cluster):
    cluster = fresh_cluster()
    topic = cluster.topic()
    memory = Memory(cluster, topic, tls=True)
    with Clients(cluster.proxy.port, memory.COUNT, topic, tls=True) as clients:
        clients.call_once()
        idle = memory.each()
        print(f"bytes of an idle connection over TLS {idle:.0f}")
        assert idle <= TLS_CONNECTION_BYTES_MAX


def test_idle_programs_rest(fresh_cluster):
    cluster = fresh_cluster()
    with RawClient(cluster.endpoint) as client:
        assert client.query_route(cluster.topic()).status.code == OK
        before = {program.name: program.cpu_seconds() for program in cluster.programs}
        time.sleep(IDLE_SECONDS)
        for program in cluster.programs:
            assert (program.cpu_seconds() - before[program.name]) / IDLE_SECONDS <= IDLE_CORES_MAX, program.name


def test_start_on_a_store_that_was_killed(fresh_cluster):
    cluster = fresh_cluster()
    topic = cluster.topic()
    with RawClient(cluster.endpoint) as client:
        for _ in range(300):
            client.send_ok(message(topic, b"x" * 10_000))
    cluster.broker.kill()
    cluster.broker.start()
    assert cluster.broker.ready_after_seconds <= 2 * START_SECONDS_MAX
