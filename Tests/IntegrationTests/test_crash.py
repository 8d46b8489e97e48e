"""What was answered OK survives SIGKILL; what was acked stays acked over a clean restart."""

import os
import threading
import time

import pytest
from harness import sdk
from harness.raw import NOT_FOUND, OK, RawClient, message
from harness.waiting import eventually

MESSAGES = int(os.environ.get("CRASH_TEST_MESSAGES", "20000"))
PRODUCERS = 4
KILLS = 5


class Sender(threading.Thread):
    """Sends until `count` sends were answered OK; failed ones are tried again as new messages."""

    def __init__(self, endpoint: str, topic: str, number: int, count: int, progress):
        super().__init__(daemon=True)
        self.endpoint, self.topic, self.number, self.count, self.progress = endpoint, topic, number, count, progress
        self.acknowledged: list[bytes] = []
        self.failures = 0

    def run(self) -> None:
        with sdk.producer(self.endpoint, self.topic) as producer:
            attempt = 0
            while len(self.acknowledged) < self.count:
                body = b"%d-%d" % (self.number, attempt)
                attempt += 1
                try:
                    producer.send(sdk.message(self.topic, body))
                except Exception:
                    self.failures += 1
                    continue
                self.acknowledged.append(body)
                self.progress.release()


@pytest.mark.timeout(420)
@pytest.mark.parametrize("flush", ["ASYNC_FLUSH", "SYNC_FLUSH"])
def test_no_acknowledged_send_is_lost_when_the_broker_is_killed(fresh_cluster, flush):
    total = MESSAGES if flush == "ASYNC_FLUSH" else MESSAGES // 10
    cluster = fresh_cluster(brokers=1, flushDiskType=flush)
    topic, group = cluster.topic(queues=8), cluster.group()
    progress = threading.Semaphore(0)
    senders = [Sender(cluster.endpoint, topic, n, total // PRODUCERS, progress) for n in range(PRODUCERS)]
    for sender in senders:
        sender.start()
    # A kill after each sixth of the acknowledged sends, in the middle of the others.
    for _ in range(KILLS):
        for _ in range(total // (KILLS + 1)):
            assert progress.acquire(timeout=60), cluster.broker.tail()
        cluster.broker.kill()
        cluster.broker.start()
    for sender in senders:
        sender.join(180)
        assert not sender.is_alive(), f"a producer hangs, {sender.failures} failures\n{cluster.proxy.tail()}"
    acknowledged = {body for sender in senders for body in sender.acknowledged}
    assert len(acknowledged) == total
    received: set[bytes] = set()
    deadline = time.monotonic() + 120
    with RawClient(cluster.endpoint) as client:
        while not acknowledged <= received and time.monotonic() < deadline:
            code, messages = client.receive(topic, group)
            assert code in (OK, NOT_FOUND)
            received |= {m.body for m in messages}
            if messages:
                client.ack_ok(topic, group, *messages)
    missing = acknowledged - received
    assert not missing, f"{len(missing)} acknowledged messages are gone, e.g. {sorted(missing)[:5]}"
    print(f"{flush}: {total} acknowledged, {sum(s.failures for s in senders)} sends failed during {KILLS} kills")


def test_nothing_acked_comes_back_after_a_clean_restart(fresh_cluster):
    cluster = fresh_cluster(brokers=1)
    topic, group = cluster.topic(queues=4), cluster.group()
    with RawClient(cluster.endpoint) as client:
        client.send_ok(*[message(topic, b"%d" % n) for n in range(200)])
        acked = client.receive_all(topic, group, 200, invisible_seconds=10)
        assert len(acked) == 200
    assert cluster.broker.terminate() == 0
    cluster.broker.start()
    with RawClient(cluster.endpoint) as client:
        eventually(lambda: client.route_is_known(topic), "the route is back")
        client.receive_nothing(topic, group, seconds=14)


def test_unacked_messages_keep_their_attempt_over_a_restart(fresh_cluster):
    cluster = fresh_cluster(brokers=1)
    topic, group = cluster.topic(queues=1), cluster.group()
    with RawClient(cluster.endpoint) as client:
        client.send_ok(message(topic, b"in flight"))
        (first,) = client.receive_all(topic, group, 1, ack=False, invisible_seconds=12)
        received = time.monotonic()
    assert cluster.broker.terminate() == 0
    cluster.broker.start()
    with RawClient(cluster.endpoint) as client:
        eventually(lambda: client.route_is_known(topic), "the route is back")
        (second,) = client.receive_all(topic, group, 1, seconds=40)
        assert time.monotonic() - received >= 11.9, "redelivered before the invisible time ended"
    assert second.system_properties.delivery_attempt == 2
    assert second.system_properties.message_id == first.system_properties.message_id


def test_acks_survive_a_kill_but_for_the_last_moment(fresh_cluster):
    cluster = fresh_cluster(brokers=1)
    topic, group = cluster.topic(queues=1), cluster.group()
    with RawClient(cluster.endpoint) as client:
        client.send_ok(*[message(topic, b"%d" % n) for n in range(32)])
        client.receive_all(topic, group, 32, invisible_seconds=10)
        # The promise is the last flush interval (100 ms); a long poll passes the time.
        assert client.receive(topic, group, poll_seconds=5) == (NOT_FOUND, [])
    cluster.broker.kill()
    cluster.broker.start()
    with RawClient(cluster.endpoint) as client:
        eventually(lambda: client.route_is_known(topic), "the route is back")
        client.receive_nothing(topic, group, seconds=14)
