"""A balancer that ends TLS and spreads single calls over three proxies: no two calls of a client meet the same one."""

import collections
import os
import subprocess
import sys

import pytest
from harness.balancers import PerCallBalancer
from harness.raw import OK, RawClient, message
from harness.transactions import COMMIT, end, send_half
from harness.waiting import eventually

SDK_PROGRAM = """
import collections, sys
sys.path.insert(0, sys.argv[1])
from harness import sdk
from harness.transactions import ByBody
from harness.waiting import eventually
from rocketmq import Producer
address, topic, fifo, transactional, simple_group, push_group, fifo_group, transaction_group = sys.argv[2:]

collector, fifo_collector, transaction_collector = sdk.Collector(), sdk.Collector(), sdk.Collector()
failed = set()

def fails_once(message):
    if message.body in failed or not message.body.startswith(b"fails"):
        return True
    failed.add(message.body)
    return False

collector.decide = fails_once
with sdk.push_consumer(address, push_group, topic, collector, tls=True), \\
        sdk.push_consumer(address, fifo_group, fifo, fifo_collector, tls=True), \\
        sdk.push_consumer(address, transaction_group, transactional, transaction_collector, tls=True), \\
        sdk.producer(address, topic, fifo, tls=True) as producer:
    bodies = [b"%d" % n for n in range(40)] + [b"fails once"]
    for body in bodies:
        producer.send(sdk.message(topic, body))
    for n in range(10):
        for group in "abc":
            made = sdk.message(fifo, b"%s %d" % (group.encode(), n))
            made.message_group = group
            producer.send(made)
    with sdk.simple_consumer(address, simple_group, topic, tls=True) as consumer:
        received = sdk.receive(consumer, len(bodies))
        assert sorted(m.body for m in received) == sorted(bodies)
    checker = ByBody()
    transactions = Producer(sdk.configuration(address), [transactional], checker, tls_enable=True)
    transactions.startup()
    for n in range(4):
        for body in (b"commit", b"rollback"):
            transaction = transactions.begin_transaction()
            transactions.send(sdk.message(transactional, body + b" %d" % n), transaction)
            transaction.commit() if body == b"commit" else transaction.rollback()
    transactions.send(sdk.message(transactional, b"commit when asked"), transactions.begin_transaction())
    eventually(lambda: {m.body for m in collector.messages} == set(bodies), "all is pushed", seconds=60)
    eventually(lambda: sum(m.body == b"fails once" for m in collector.messages) == 2, "a failure is tried again", seconds=60)
    eventually(lambda: len({m.body for m in fifo_collector.messages}) == 30, "all groups are pushed", seconds=60)
    order = collections.defaultdict(list)
    for m in fifo_collector.messages:
        group, number = m.body.split()
        order[group].append(int(number))
    assert all(numbers == list(range(10)) for numbers in order.values()), order
    expected = {b"commit %d" % n for n in range(4)} | {b"commit when asked"}
    eventually(lambda: {m.body for m in transaction_collector.messages} == expected,
               lambda: "transactions end as decided: %r" % [m.body for m in transaction_collector.messages], seconds=60)
    transactions.shutdown()
print("ok through the balancer")
"""


@pytest.fixture
def balanced_calls(fresh_cluster, tmp_path):
    running = []

    def make(**options):
        cluster = fresh_cluster(brokers=2, proxies=3, **options)
        balancer = PerCallBalancer(tmp_path, cluster.endpoints)
        running.append(balancer)
        cluster.known_topic = cluster.topic()

        def is_up() -> bool:
            with RawClient(balancer.address) as client:
                return client.route_is_known(cluster.known_topic)

        eventually(is_up, "nginx serves")
        return cluster, balancer

    yield make
    for balancer in running:
        balancer.stop()


def test_consecutive_calls_land_on_different_proxies(balanced_calls):
    cluster, balancer = balanced_calls()
    topic, group = cluster.topic(queues=1, one_broker=True), cluster.group()
    transactional, transaction_group = cluster.topic(queues=1, message_type="TRANSACTION"), cluster.group()
    with RawClient(balancer.tls_address, tls_roots=balancer.roots.read_bytes()) as client:
        for n in range(30):
            client.send_ok(message(topic, b"%d" % n))
        messages = client.receive_all(topic, group, 30, ack=False)
        for each in messages[:15]:
            client.ack_ok(topic, group, each)
        for each in messages[15:]:
            # Made at one proxy, changed at a second, acked at a third.
            changed = client.change_invisible(topic, group, each, 60)
            assert changed.status.code == OK
            each.system_properties.receipt_handle = changed.receipt_handle
            client.ack_ok(topic, group, each)
        entry = send_half(client, transactional, b"x")
        assert end(client, transactional, entry.message_id, entry.transaction_id, COMMIT).code == OK
        assert [m.body for m in client.receive_all(transactional, transaction_group, 1)] == [b"x"]
        (client_id,) = [value for name, value in client.metadata if name == "x-mq-client-id"]
        places = balancer.proxies_by_client()[client_id]
        assert set(places) == set(cluster.endpoints)
        assert all(one != other for one, other in zip(places, places[1:])), "two calls in a row met the same proxy"


def test_every_kind_of_sdk_client_works(balanced_calls):
    """In a process of its own: grpc reads the trusted roots once, when it is loaded."""
    cluster, balancer = balanced_calls(transactionTimeOut=1000, transactionCheckInterval=1000)
    names = [cluster.topic(), cluster.topic(message_type="FIFO"), cluster.topic(message_type="TRANSACTION")]
    groups = [cluster.group() for _ in range(4)]
    cluster.admin.run(
        "updateSubGroup", "-c", "DefaultCluster", "-g", groups[2], "-o", "true").expect_success()
    done = subprocess.run(
        [sys.executable, "-c", SDK_PROGRAM, os.path.dirname(__file__), balancer.tls_address, *names, *groups],
        env={**os.environ, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(balancer.roots)}, capture_output=True, text=True,
        timeout=170)
    assert "ok through the balancer" in done.stdout, done.stdout + done.stderr
    counts = collections.Counter(proxy for _, _, proxy in balancer.calls())
    assert set(counts) == set(cluster.endpoints)
    assert max(counts.values()) < 1.5 * min(counts.values()), counts
    for method in ("SendMessage", "ReceiveMessage", "AckMessage", "EndTransaction"):
        spread = {proxy for _, each, proxy in balancer.calls() if each == method}
        # Of a few calls among many others each third may fall to the same proxy.
        assert len(spread) >= 2, f"{method} went to {spread} only"
    # No client is tied to one.
    for client, places in balancer.proxies_by_client("SendMessage", "AckMessage").items():
        assert len(places) < 6 or len(set(places)) >= 2, (client, places)
