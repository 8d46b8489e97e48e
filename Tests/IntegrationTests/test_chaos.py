"""Proxies are killed and drained under load: nothing is lost, groups keep their order, drains cost no send.

A short run by default; ROCKETMQ_CHAOS_SECONDS=600 makes it a long one.
"""

import collections
import os
import random
import threading
import time

from harness import sdk
from harness.waiting import eventually
from test_haproxy import balanced  # noqa: F401 - a fixture

SECONDS = int(os.environ.get("ROCKETMQ_CHAOS_SECONDS", "30"))
INTERVAL = 20 if SECONDS > 120 else 6
GROUPS = 12
# How long after a kill a send may fail: connections have to be found broken and made anew.
KILL_SHADOW = 5


class Load:
    """Producers of both kinds, and what became of what they sent."""

    def __init__(self, address: str, topic: str, fifo_topic: str):
        self.address, self.topic, self.fifo_topic = address, topic, fifo_topic
        self.finished = threading.Event()
        self.sent: set[bytes] = set()
        self.fifo_sent: dict[str, list[int]] = collections.defaultdict(list)
        self.failures: list[tuple[float, str]] = []
        self.threads = [
            threading.Thread(target=self.produce, args=(n,), daemon=True) for n in range(2)
        ] + [threading.Thread(target=self.produce_in_order, daemon=True)]
        for thread in self.threads:
            thread.start()

    def produce(self, number: int) -> None:
        with sdk.producer(self.address, self.topic) as producer:
            for n in range(10_000_000):
                if self.finished.is_set():
                    return
                body = b"%d-%d" % (number, n)
                try:
                    producer.send(sdk.message(self.topic, body))
                    self.sent.add(body)
                except Exception as error:  # noqa: BLE001 - whatever the SDK throws is a failed send
                    self.failures.append((time.monotonic(), str(error)))
                time.sleep(0.02)

    def produce_in_order(self) -> None:
        counters = collections.Counter()
        with sdk.producer(self.address, self.fifo_topic) as producer:
            while not self.finished.is_set():
                group = f"g{random.randrange(GROUPS)}"
                message = sdk.message(self.fifo_topic, b"%s %d" % (group.encode(), counters[group]))
                message.message_group = group
                try:
                    producer.send(message)
                    self.fifo_sent[group].append(counters[group])
                except Exception as error:  # noqa: BLE001
                    self.failures.append((time.monotonic(), str(error)))
                # A number is not used again: a failed send may have been stored.
                counters[group] += 1
                time.sleep(0.02)

    def stop(self) -> None:
        self.finished.set()
        for thread in self.threads:
            thread.join(30)


def first_seen(messages) -> dict[str, list[int]]:
    """Numbers of each group in the order in which they came first."""
    seen: dict[str, list[int]] = collections.defaultdict(list)
    for message in list(messages):
        group, number = message.body.decode().split()
        if int(number) not in seen[group]:
            seen[group].append(int(number))
    return seen


def test_proxies_come_and_go_under_load(balanced):  # noqa: F811
    cluster, address = balanced(2)
    topic, fifo_topic = cluster.topic(), cluster.topic(message_type="FIFO")
    group, fifo_group = cluster.group(), cluster.group()
    cluster.admin.run(
        "updateSubGroup", "-c", "DefaultCluster", "-g", fifo_group, "-o", "true").expect_success()
    collectors = [sdk.Collector(), sdk.Collector()]
    fifo_collector = sdk.Collector()
    kills: list[float] = []
    with sdk.push_consumer(address, group, topic, collectors[0]), \
            sdk.push_consumer(address, group, topic, collectors[1]), \
            sdk.push_consumer(address, fifo_group, fifo_topic, fifo_collector):
        load = Load(address, topic, fifo_topic)
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
    outside = [text for at, text in load.failures if not any(0 <= at - kill <= KILL_SHADOW for kill in kills)]
    assert outside == [], "a drain, or nothing at all, made sends fail"
    for name, numbers in first_seen(fifo_collector.messages).items():
        assert numbers == sorted(numbers), f"group {name} was not in order"
    assert len(load.sent) > SECONDS * 10 and turn >= 3
    for program in cluster.programs:
        program.assert_alive()
