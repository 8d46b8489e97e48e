"""More than somebody can take: a slow disk, slow consumers, clients that do not read. Memory stays bounded, others are
served, and who is refused hears why."""

import struct
import threading
import time

import pytest
from harness.bench import bench
from harness.http2 import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    SERVICE,
    SETTINGS,
    WINDOW_UPDATE,
    HTTP2Socket,
    block,
    grpc_fields,
)
from harness.http2 import frame as h2_frame
from harness.legacy_send import send
from harness.raw import OK, RawClient, d, message, queue, resource, s
from harness.remoting import RemotingSocket, frame, header
from harness.waiting import eventually

pytestmark = pytest.mark.alone

MEGABYTE = 1024 * 1024
PULL_MESSAGE = 11
SUCCESS, FLUSH_DISK_TIMEOUT = 0, 10
# What a server may hold for itself under any of these loads: 64 MB for one client that does not read, and its usual needs.
ANONYMOUS_BYTES_MAX = 200 * MEGABYTE
# Others wait for the two cores as well; a server that makes them wait for its own reasons takes far longer.
OTHERS_SECONDS_MAX = 2
# What mqbench ends with when its load ran, whatever became of the messages.
RAN = (0, 1)


class Meanwhile:
    """Runs a load while the block runs, and keeps the largest memory of the servers."""

    def __init__(self, cluster, load):
        self.cluster, self.report, self.peaks = cluster, None, {}
        self._thread = threading.Thread(target=self._run, args=(load,))

    def _run(self, load) -> None:
        self.report = load()

    def __enter__(self) -> "Meanwhile":
        self._thread.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_) -> None:
        while self._thread.is_alive():
            self._look()
            time.sleep(0.1)
        self._look()

    def _look(self) -> None:
        for program in self.cluster.programs:
            self.peaks[program.name] = max(self.peaks.get(program.name, 0), program.anonymous_bytes())

    def assert_bounded(self) -> None:
        assert self.peaks and all(peak <= ANONYMOUS_BYTES_MAX for peak in self.peaks.values()), self.peaks


def assert_others_are_served(cluster, topic: str, group: str, count: int = 5) -> None:
    """Another client sends, receives and acknowledges, each within the time."""
    with RawClient(cluster.endpoint) as client:
        for number in range(count):
            started = time.monotonic()
            client.send_ok(message(topic, b"other-%d" % number))
            client.receive_all(topic, group, 1)
            assert time.monotonic() - started < OTHERS_SECONDS_MAX


def test_senders_faster_than_the_disk(slow_flush, fresh_cluster, monkeypatch):
    cluster = fresh_cluster(flushDiskType="SYNC_FLUSH")
    monkeypatch.delenv("LD_PRELOAD")
    topic, read, group = cluster.topic(), cluster.topic(), cluster.group()
    with RawClient(cluster.endpoint) as client:
        for number in range(5):
            client.send_ok(message(read, b"%d" % number))
        slow_flush.write_text("200000")
        with Meanwhile(cluster, lambda: bench(
                "produce", "--namesrv", cluster.namesrv, "-t", topic, "--producers", "8", "--in-flight", "512",
                "--duration", "4", "--warm-up", "0", statuses=RAN)) as load:
            # Reading does not wait for the disk that writing waits for.
            started = time.monotonic()
            client.receive_all(read, group, 5)
            assert time.monotonic() - started < OTHERS_SECONDS_MAX
    load.assert_bounded()
    sent = load.report["sent"]
    assert sent["failures"] == {}, "a disk that is only slow refuses nobody"
    # Some 4,096 in flight share each flush of 200 ms.
    assert 4_096 < sent["count"] < 4_096 * 30
    assert load.report["audit"]["acknowledged"] <= cluster.admin.stored_count(topic)


def test_a_disk_too_slow_for_the_timeout_answers_so_and_recovers(slow_flush, fresh_cluster, monkeypatch):
    cluster = fresh_cluster(flushDiskType="SYNC_FLUSH", syncFlushTimeout=500)
    monkeypatch.delenv("LD_PRELOAD")
    topic = cluster.topic()
    with RemotingSocket(cluster.broker_address, timeout=20) as client:
        assert send(client, topic, b"before")["code"] == SUCCESS
        slow_flush.write_text("3000000")
        started = time.monotonic()
        assert send(client, topic, b"during")["code"] == FLUSH_DISK_TIMEOUT
        assert time.monotonic() - started < 2.9, "the answer does not wait for the flush"
        slow_flush.write_text("0")
        eventually(lambda: send(client, topic, b"after")["code"] == SUCCESS, "sends succeed again")


def test_consumers_slower_than_producers(fresh_cluster):
    cluster = fresh_cluster()
    topic, other, group = cluster.topic(), cluster.topic(), cluster.group()
    with RawClient(cluster.endpoint) as slow, Meanwhile(cluster, lambda: bench(
            "produce", "--proxy", cluster.endpoint, "-t", topic, "--duration", "4", "--warm-up", "0",
            statuses=RAN)) as load:
        for _ in range(3):
            assert slow.receive(topic, group, count=1)[0] == OK
        assert_others_are_served(cluster, other, cluster.group())
    load.assert_bounded()
    assert load.report["sent"]["failures"] == {}
    assert load.report["audit"]["acknowledged"] == cluster.admin.stored_count(topic) > 1_000


def large_topic(cluster) -> str:
    topic = cluster.topic(queues=1)
    with RawClient(cluster.endpoint) as client:
        for _ in range(32):
            client.send_ok(message(topic, b"x" * MEGABYTE))
    return topic


def test_a_legacy_client_that_does_not_read(fresh_cluster):
    cluster = fresh_cluster()
    topic, other = large_topic(cluster), cluster.topic()
    fields = {
        "consumerGroup": cluster.group(), "topic": topic, "queueId": "0", "queueOffset": "0", "maxMsgNums": "32",
        "sysFlag": "4", "commitOffset": "0", "suspendTimeoutMillis": "0", "subscription": "*", "subVersion": "0",
        "expressionType": "TAG", "maxMsgBytes": str(32 * MEGABYTE)}
    with RemotingSocket(cluster.broker_address, timeout=2) as client:
        request = b"".join(frame(header(PULL_MESSAGE, number, fields)) for number in range(100))

        def ask() -> None:
            # Gigabytes of answers that nobody reads; the server stops reading, or hangs up.
            for _ in range(100):
                try:
                    client.socket.sendall(request)
                except OSError:
                    return

        with Meanwhile(cluster, ask) as load:
            assert_others_are_served(cluster, other, cluster.group())
    load.assert_bounded()
    cluster.assert_alive()


def test_a_grpc_client_that_does_not_read(fresh_cluster):
    cluster = fresh_cluster()
    topic, other = large_topic(cluster), cluster.topic()

    def ask(client: HTTP2Socket) -> None:
        """Opens all windows, receives on 500 streams for a group each, and reads nothing."""
        client.send(h2_frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 2**31 - 1))
                    + h2_frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 2**31 - 1 - 65_535)))
        fields = block(grpc_fields(SERVICE + "ReceiveMessage", **{"x-mq-client-id": "deaf"}))
        for number in range(500):
            request = s.ReceiveMessageRequest(
                group=resource(f"{topic}-{number}"), message_queue=queue(topic), batch_size=32,
                filter_expression=d.FilterExpression(type=d.FilterType.TAG, expression="*"))
            request.invisible_duration.FromMilliseconds(10_000)
            request.long_polling_timeout.FromMilliseconds(1_000)
            body = request.SerializeToString()
            body = struct.pack(">BI", 0, len(body)) + body
            stream = 2 * number + 1
            if not client.send(h2_frame(HEADERS, END_HEADERS, stream, fields)
                               + h2_frame(DATA, END_STREAM, stream, body)):
                return
        time.sleep(2)

    with HTTP2Socket(int(cluster.endpoint.rsplit(":", 1)[1])) as client:
        with Meanwhile(cluster, lambda: ask(client)) as load:
            assert_others_are_served(cluster, other, cluster.group())
    load.assert_bounded()
    cluster.assert_alive()


def test_senders_at_once_share_flushes(slow_flush, fresh_cluster, monkeypatch):
    """Group commit, on a disk of 2 ms a flush: with 64 senders that send one after the other, at least 20 times the
    throughput of one."""
    cluster = fresh_cluster(flushDiskType="SYNC_FLUSH")
    monkeypatch.delenv("LD_PRELOAD")
    topic = cluster.topic()
    slow_flush.write_text("2000")
    one, many = (
        bench("produce", "--namesrv", cluster.namesrv, "-t", topic, "--producers", str(senders), "--in-flight", "1",
              "--duration", "3", "--warm-up", "1", statuses=RAN)["sent"]
        for senders in (1, 64))
    print(f"one sender {one['perSecond']:.0f}/s, 64 senders {many['perSecond']:.0f}/s")
    assert one["perSecond"] < 500, "the disk is not slow"
    assert many["perSecond"] >= 20 * one["perSecond"]
