"""Proxies are killed and drained under load, behind a balancer of connections and behind one of single calls: nothing is
lost, what is acked stays acked, groups keep their order, transactions end as decided, drains cost no send.

A short run by default; ROCKETMQ_CHAOS_SECONDS=600 makes it a long one.
"""

import collections
import contextlib
import os
import random
import threading
import time

import pytest
from harness import sdk
from harness.raw import RawClient
from harness.transactions import StandingProducer, transactional_producer
from harness.waiting import eventually
from test_balancer import balanced_calls  # noqa: F401 - a fixture
from test_haproxy import balanced  # noqa: F401 - a fixture

SECONDS = int(os.environ.get("ROCKETMQ_CHAOS_SECONDS", "30"))
INTERVAL = 20 if SECONDS > 120 else 6
GROUPS = 12
# How long after a kill a send may fail: connections have to be found broken and made anew.
KILL_SHADOW = 5
CHECKED_SOON = {"transactionTimeOut": 2000, "transactionCheckInterval": 1000}


class Load:
    """Producers of every kind, and what became of what they sent."""

    def __init__(self, address: str, topic: str, fifo_topic: str, transaction_topic: str):
        self.address, self.topic, self.fifo_topic = address, topic, fifo_topic
        self.transaction_topic = transaction_topic
        self.finished = threading.Event()
        self.closed = threading.Event()
        self.sent: set[bytes] = set()
        self.fifo_sent: dict[str, list[int]] = collections.defaultdict(list)
        # Transactions that have to be seen, and those that must not be.
        self.committed: set[bytes] = set()
        self.rolled_back: set[bytes] = set()
        self.failures: list[tuple[float, str]] = []
        bodies = [lambda n=n: self.produce(n) for n in range(2)] + [self.produce_in_order, self.produce_transactions]
        self.threads = [threading.Thread(target=body, daemon=True) for body in bodies]
        for thread in self.threads:
            thread.start()

    def attempt(self, send) -> bool:
        try:
            send()
            return True
        except Exception as error:  # noqa: BLE001 - whatever the SDK throws is a failed send
            self.failures.append((time.monotonic(), str(error)))
            return False

    def produce(self, number: int) -> None:
        with sdk.producer(self.address, self.topic) as producer:
            for n in range(10_000_000):
                if self.finished.is_set():
                    return
                body = b"%d-%d" % (number, n)
                if self.attempt(lambda: producer.send(sdk.message(self.topic, body))):
                    self.sent.add(body)
                time.sleep(0.02)

    def produce_in_order(self) -> None:
        counters = collections.Counter()
        with sdk.producer(self.address, self.fifo_topic) as producer:
            while not self.finished.is_set():
                group = f"g{random.randrange(GROUPS)}"
                message = sdk.message(self.fifo_topic, b"%s %d" % (group.encode(), counters[group]))
                message.message_group = group
                if self.attempt(lambda: producer.send(message)):
                    self.fifo_sent[group].append(counters[group])
                # A number is not used again: a failed send may have been stored.
                counters[group] += 1
                time.sleep(0.02)

    def produce_transactions(self) -> None:
        """Commits, roll-backs, and transactions that are left to the check."""
        with transactional_producer(self.address, self.transaction_topic) as producer, \
                StandingProducer(self.address, self.transaction_topic) as self.standing:
            for n in range(10_000_000):
                if self.finished.is_set():
                    # Whoever is to be asked about the open ones stays.
                    self.closed.wait(300)
                    return
                body = (b"commit %d", b"rollback %d")[n % 2] % n
                transaction = producer.begin_transaction()
                if self.attempt(lambda: producer.send(sdk.message(self.transaction_topic, body), transaction)):
                    (self.rolled_back if n % 2 else self.committed).add(body)
                    if n % 4 < 2:
                        # When this fails the broker asks, and the checker decides alike.
                        with contextlib.suppress(Exception):
                            transaction.rollback() if n % 2 else transaction.commit()
                time.sleep(0.1)

    def stop(self) -> None:
        """No more sends."""
        self.finished.set()
        for thread in self.threads[:3]:
            thread.join(30)

    def close(self) -> None:
        self.closed.set()
        self.threads[3].join(30)


class AckWatch:
    """Receives and acks one after the other by plain calls; what came back after an ack that was answered OK is kept.

    A message is known by its place: one that the SDK sent twice, as a kill took the first answer, is stored twice.
    """

    def __init__(self, address: str, topic: str, group: str):
        self.acked: set[tuple] = set()
        self.returned: list[tuple] = []
        self._finished = threading.Event()
        self._where = (address, topic, group)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        address, topic, group = self._where
        with RawClient(address) as client:
            while not self._finished.is_set():
                with contextlib.suppress(Exception):
                    _, messages = client.receive(topic, group, invisible_seconds=15)
                    self.returned += [self.place(message) for message in messages if self.place(message) in self.acked]
                    for message in messages:
                        answer = client.ack(topic, group, message)
                        if answer.entries and answer.entries[0].status.code == 20000:
                            self.acked.add(self.place(message))

    @staticmethod
    def place(message) -> tuple:
        """Id, broker, queue and offset; a handle names the broker in its sixth field."""
        known = message.system_properties
        return known.message_id, known.receipt_handle.split(" ")[5], known.queue_id, known.queue_offset

    def stop(self) -> None:
        self._finished.set()
        self._thread.join(30)


def first_seen(messages) -> dict[str, list[int]]:
    """Numbers of each group in the order in which they came first."""
    seen: dict[str, dict[int, None]] = collections.defaultdict(dict)
    for message in list(messages):
        group, number = message.body.decode().split()
        seen[group].setdefault(int(number))
    return {group: list(numbers) for group, numbers in seen.items()}


@pytest.fixture(params=["connections", "calls"])
def balanced_chaos(request):
    """A cluster of three proxies and two brokers, and the address of the balancer before it."""
    if request.param == "calls":
        cluster, balancer = request.getfixturevalue("balanced_calls")(**CHECKED_SOON)
        return cluster, balancer.address
    return request.getfixturevalue("balanced")(2, **CHECKED_SOON)


@pytest.mark.timeout(SECONDS + 400)
def test_proxies_come_and_go_under_load(balanced_chaos):
    cluster, address = balanced_chaos
    topic, fifo_topic = cluster.topic(), cluster.topic(message_type="FIFO")
    transaction_topic = cluster.topic(message_type="TRANSACTION")
    group, fifo_group, transaction_group = cluster.group(), cluster.group(), cluster.group()
    cluster.admin.run(
        "updateSubGroup", "-c", "DefaultCluster", "-g", fifo_group, "-o", "true").expect_success()
    collectors = [sdk.Collector(), sdk.Collector()]
    fifo_collector, transaction_collector = sdk.Collector(), sdk.Collector()
    kills: list[float] = []
    with sdk.push_consumer(address, group, topic, collectors[0]), \
            sdk.push_consumer(address, group, topic, collectors[1]), \
            sdk.push_consumer(address, fifo_group, fifo_topic, fifo_collector), \
            sdk.push_consumer(address, transaction_group, transaction_topic, transaction_collector):
        watch = AckWatch(address, topic, cluster.group())
        load = Load(address, topic, fifo_topic, transaction_topic)
        deadline, turn = time.monotonic() + SECONDS, 0
        while time.monotonic() < deadline:
            time.sleep(INTERVAL)
            proxy = cluster.proxies[turn % 3]
            if turn % 2 == 0:
                assert proxy.terminate() == 0
            else:
                kills.append(time.monotonic())
                proxy.kill()
            proxy.start()
            turn += 1
        load.stop()

        def missing() -> set[bytes]:
            return load.sent - {m.body for collector in collectors for m in list(collector.messages)}

        eventually(lambda: not missing(), "every message is consumed", seconds=90)

        def is_fifo_done() -> bool:
            seen = first_seen(fifo_collector.messages)
            return all(set(numbers) <= set(seen[name]) for name, numbers in load.fifo_sent.items())

        eventually(is_fifo_done, "every message of every group is consumed", seconds=90)
        def uncommitted() -> set[bytes]:
            return load.committed - {m.body for m in list(transaction_collector.messages)}

        eventually(lambda: not uncommitted(), lambda: f"committed, not consumed: {uncommitted()}", seconds=120)
        load.close()
        watch.stop()
    in_kills = [text for at, text in load.failures if any(0 <= at - kill <= KILL_SHADOW for kill in kills)]
    report(load, watch, turn, len(kills), in_kills, collectors)
    assert len(load.failures) == len(in_kills), f"a drain, or nothing at all, made sends fail: {load.failures}"
    assert watch.returned == [] and len(watch.acked) > SECONDS
    for name, numbers in first_seen(fifo_collector.messages).items():
        assert numbers == sorted(numbers), f"group {name} was not in order"
    assert not load.rolled_back & {m.body for m in transaction_collector.messages}
    assert len(load.sent) > SECONDS * 10 and turn >= 3
    for program in cluster.programs:
        program.assert_alive()


def report(load: Load, watch: AckWatch, turns: int, kills: int, failed_in_kills: list, collectors: list) -> None:
    consumed = sum(len(collector.messages) for collector in collectors)
    print(f"\n{SECONDS} s, {turns - kills} drains, {kills} kills: {len(load.sent)} messages sent, {consumed} deliveries, "
          f"{sum(map(len, load.fifo_sent.values()))} in {GROUPS} groups, {len(load.committed)} commits, "
          f"{len(load.rolled_back)} roll-backs, {len(watch.acked)} acks watched and {len(watch.returned)} returned, "
          f"{len(failed_in_kills)} sends failed in kills and {len(load.failures) - len(failed_in_kills)} elsewhere")
