"""Order by message group: a group waits for itself only, and keeps its order whatever happens to its consumers."""

import collections
import concurrent.futures
import random
import threading
import time

import pytest
from harness.raw import OK, RawClient, fifo


def make_group(deployment, retries: int = 16) -> str:
    group = deployment.group()
    deployment.admin.run(
        "updateSubGroup", "-c", "DefaultCluster", "-g", group, "-o", "true", "-r", str(retries)).expect_success()
    return group


def test_one_poisoned_group_delays_no_other(deployment):
    topic = deployment.topic(queues=1, message_type="FIFO", one_broker=True)
    group = make_group(deployment)
    with RawClient(deployment.endpoint) as client:
        for n in range(20):
            client.send_ok(fifo(topic, "poison", b"poison %d" % n))
            client.send_ok(fifo(topic, "good", b"good %d" % n))
        received, started = [], time.monotonic()
        while len(received) < 20 and time.monotonic() - started < 30:
            code, messages = client.receive(topic, group, invisible_seconds=60, poll_seconds=5)
            for m in messages:
                if m.system_properties.message_group == "good":
                    received.append(m.body)
                    client.ack_ok(topic, group, m)
                else:
                    assert m.body == b"poison 0", "what follows a poisoned message must wait for it"
        assert received == [b"good %d" % n for n in range(20)]
        assert time.monotonic() - started < 15, "the good group waited for the poisoned one"


def test_a_failed_message_comes_again_before_the_next_of_its_group(deployment):
    topic = deployment.topic(queues=1, message_type="FIFO", one_broker=True)
    group = make_group(deployment, retries=2)
    with RawClient(deployment.endpoint) as client:
        for n in range(3):
            client.send_ok(fifo(topic, "a", b"%d" % n))
        seen = []
        for _ in range(5):
            (m,) = client.receive_all(topic, group, 1, ack=False)
            seen.append((m.body, m.system_properties.delivery_attempt))
            if m.body == b"0":
                client.change_invisible(topic, group, m, 0)
            else:
                client.ack_ok(topic, group, m)
    # Three attempts, then the message is a dead letter and its group goes on.
    assert seen == [(b"0", 1), (b"0", 2), (b"0", 3), (b"1", 1), (b"2", 1)]


def test_a_repeated_attempt_gets_the_same_message(deployment):
    topic = deployment.topic(queues=1, message_type="FIFO", one_broker=True)
    group = make_group(deployment)
    with RawClient(deployment.endpoint) as client, RawClient(deployment.endpoints[-1]) as other:
        client.send_ok(fifo(topic, "a", b"first"))
        _, first = client.receive(topic, group, attempt_id="attempt-1")
        _, again = other.receive(topic, group, attempt_id="attempt-1")
        _, others = other.receive(topic, group, attempt_id="attempt-2", poll_seconds=1)
        assert [m.body for m in first] == [m.body for m in again] == [b"first"] and others == []
        assert again[0].system_properties.delivery_attempt == 1
        client.ack_ok(topic, group, *first)


@pytest.mark.parametrize("groups, per_group", [(1_000, 4)])
def test_many_groups_keep_order_while_consumers_come_and_go(cluster, groups, per_group):
    topic = cluster.topic(queues=4, message_type="FIFO")  # 4 queues on each of 2 brokers
    group = make_group(cluster)
    with RawClient(cluster.endpoint) as client, concurrent.futures.ThreadPoolExecutor(8) as pool:
        for n in range(per_group):
            list(pool.map(lambda g, n=n: client.send_ok(fifo(topic, f"g{g}", b"%d %d" % (g, n))), range(groups)))
    done: dict[int, list[int]] = collections.defaultdict(list)
    lock, finished = threading.Lock(), threading.Event()

    def consume(seed: int) -> None:
        choice = random.Random(seed)
        while not finished.is_set():
            # A consumer's life: a few receives at one proxy, some messages left unfinished when it goes.
            with RawClient(choice.choice(cluster.endpoints)) as client:
                for _ in range(choice.randint(2, 6)):
                    code, messages = client.receive(topic, group, invisible_seconds=10, poll_seconds=1)
                    for m in messages:
                        g, n = map(int, m.body.split())
                        if choice.random() < 0.02:
                            client.change_invisible(topic, group, m, choice.choice([0, 1]))
                            continue
                        with lock:
                            if n not in done[g]:
                                done[g].append(n)
                        if client.ack(topic, group, m).status.code != OK:
                            continue
                        with lock:
                            if sum(map(len, done.values())) == groups * per_group:
                                finished.set()

    consumers = [threading.Thread(target=consume, args=(seed,), daemon=True) for seed in range(6)]
    for thread in consumers:
        thread.start()
    finished.wait(120)
    finished.set()
    for thread in consumers:
        thread.join(20)
    assert sum(map(len, done.values())) == groups * per_group
    assert all(order == list(range(per_group)) for order in done.values()), "a group's order was broken"
