"""Transactions: each ends once and as decided, whichever proxy is asked and whoever dies."""

import os
import time

import pytest
from harness import sdk
from harness.raw import OK, RawClient, message
from harness.transactions import (COMMIT, ROLLBACK, ByBody, RawProducer, bodies, end, half, send_half,
                                  transactional_producer)
from harness.waiting import eventually
from rocketmq.grpc_protocol import definition_pb2 as d

# Brokers that ask soon, so that tests need not wait for half a minute, with small files, which a debug build reads in time
# after a kill.
SOON = {"enableMixedMessageType": "true", "mappedFileSizeCommitLog": 2 * 1024 * 1024,
        "transactionTimeOut": 1000, "transactionCheckInterval": 1000}
COUNT = int(os.environ.get("ROCKETMQ_TRANSACTION_COUNT", "60"))


def test_commit_and_rollback_of_the_sdk(deployment):
    topic, group = deployment.topic(queues=1, message_type="TRANSACTION", one_broker=True), deployment.group()
    with transactional_producer(deployment.endpoint, topic) as producer:
        for body in (b"commit", b"rollback", b"commit again"):
            transaction = producer.begin_transaction()
            receipt = producer.send(sdk.message(topic, body, tag="t", keys=["k"], properties={"a": "b"}), transaction)
            assert receipt.transaction_id
            transaction.commit() if body.startswith(b"commit") else transaction.rollback()
    with RawClient(deployment.endpoint) as client:
        received = client.receive_all(topic, group, 2)
        assert sorted(m.body for m in received) == [b"commit", b"commit again"]
        assert all(m.system_properties.message_type == d.MessageType.TRANSACTION for m in received)
        assert all(m.system_properties.tag == "t" and m.user_properties["a"] == "b" for m in received)
        assert bodies(client, topic, group) == []


def test_nothing_is_seen_before_the_commit(deployment):
    topic, group = deployment.topic(queues=1, message_type="TRANSACTION", one_broker=True), deployment.group()
    with RawClient(deployment.endpoint) as client:
        entry = send_half(client, topic, b"x")
        assert bodies(client, topic, group, seconds=1) == []
        assert end(client, topic, entry.message_id, entry.transaction_id, COMMIT).code == OK
        assert bodies(client, topic, group) == [b"x"]


def test_repeated_ends_are_answered_with_the_truth(deployment):
    topic, group = deployment.topic(queues=1, message_type="TRANSACTION", one_broker=True), deployment.group()
    with RawClient(deployment.endpoint) as client:
        first, second = send_half(client, topic, b"1"), send_half(client, topic, b"2")

        def code(entry, resolution):
            return end(client, topic, entry.message_id, entry.transaction_id, resolution).code

        assert [code(first, COMMIT), code(first, COMMIT), code(first, ROLLBACK)] == [OK, OK, d.Code.BAD_REQUEST]
        assert [code(second, ROLLBACK), code(second, ROLLBACK), code(second, COMMIT)] == [OK, OK, d.Code.BAD_REQUEST]
        assert bodies(client, topic, group) == [b"1"]


def test_ids_that_are_none(deployment):
    topic = deployment.topic(message_type="TRANSACTION")
    with RawClient(deployment.endpoint) as client:
        for text in ("", " ", "x", "1-s-0-0-no-such-broker", "1-s-7fffffff-0-broker-a", "1-s-zz-0-broker-a", "9" * 999):
            assert end(client, topic, "id", text, COMMIT).code == d.Code.INVALID_TRANSACTION_ID, text
        entry = send_half(client, topic, b"x")
        # No decision is no request: the broker will ask.
        assert end(client, topic, entry.message_id, entry.transaction_id, 0).code == OK


def test_message_type_is_enforced(deployment):
    normal, transactional = deployment.topic(), deployment.topic(message_type="TRANSACTION")
    conflict = d.Code.MESSAGE_PROPERTY_CONFLICT_WITH_TYPE
    with RawClient(deployment.endpoint) as client:
        assert client.send(half(normal, b"x")).status.code == conflict
        assert client.send(message(transactional, b"x")).status.code == conflict


@pytest.mark.parametrize("kind", ["TRANSACTION", "MIXED"])
@pytest.mark.parametrize("mode", ["local", "cluster"])
def test_undecided_transactions_are_asked_about(fresh_local, fresh_cluster, mode, kind):
    system = fresh_local(**SOON) if mode == "local" else fresh_cluster(brokers=1, proxies=2, **SOON)
    topic, group = system.topic(queues=1, message_type=kind), system.group()
    checker = ByBody()
    with transactional_producer(system.endpoints[0], topic, checker) as producer:
        for body in (b"commit", b"rollback"):
            producer.send(sdk.message(topic, body, tag="t"), producer.begin_transaction())
        # Through the other proxy, where nobody publishes the topic: the producer at the first one is asked.
        with RawClient(system.endpoints[-1]) as client:
            send_half(client, topic, b"commit of a client that went away")
            received = client.receive_all(topic, group, 2)
            assert sorted(m.body for m in received) == [b"commit", b"commit of a client that went away"]
            eventually(lambda: len(set(checker.asked)) == 3, "all are asked about", seconds=10)
            assert bodies(client, topic, group) == []


def test_the_question_is_complete_and_each_producer_gets_some(fresh_cluster):
    cluster = fresh_cluster(brokers=1, proxies=2, **SOON)
    topic, group = cluster.topic(queues=1, message_type="TRANSACTION"), cluster.group()
    with RawProducer(cluster.endpoints[0], topic) as one, RawProducer(cluster.endpoints[1], topic) as other:
        sent = {send_half(one, topic, b"b%d" % n, tag="t").message_id: b"b%d" % n for n in range(6)}
        commands = []
        eventually(lambda: not one.checks.empty() and not other.checks.empty(), "both are asked", seconds=20)
        deadline = time.monotonic() + 20
        while len({c.message.system_properties.message_id for c in commands}) < 6 and time.monotonic() < deadline:
            for client in (one, other):
                while not client.checks.empty():
                    commands.append(client.checks.get())
            time.sleep(0.1)
        for command in commands:
            system = command.message.system_properties
            assert command.message.topic.name == topic and command.message.body == sent[system.message_id]
            assert system.message_type == d.MessageType.TRANSACTION and system.tag == "t"
            assert system.body_digest.type == d.DigestType.MD5 and len(system.body_digest.checksum) == 32
            assert system.HasField("born_timestamp") and system.body_encoding == d.Encoding.IDENTITY
            # Answered through whichever proxy, without saying that it is the answer to a check.
            assert end(other, topic, system.message_id, command.transaction_id, COMMIT).code == OK
        assert sorted(bodies(one, topic, group)) == sorted(sent.values())


def test_a_proxy_dies_between_send_and_end(fresh_cluster):
    cluster = fresh_cluster(brokers=2, proxies=2)
    topic, group = cluster.topic(queues=1, message_type="TRANSACTION"), cluster.group()
    with RawClient(cluster.endpoints[0]) as one:
        entries = [send_half(one, topic, b"%d" % n) for n in range(4)]
    cluster.proxies[0].kill()
    with RawClient(cluster.endpoints[1]) as other:
        for index, entry in enumerate(entries):
            decision = ROLLBACK if index == 0 else COMMIT
            assert end(other, topic, entry.message_id, entry.transaction_id, decision).code == OK
        found = []
        eventually(lambda: found.extend(bodies(other, topic, group, 1)) or len(found) >= 3, "all come", seconds=20)
        assert sorted(found) == [b"1", b"2", b"3"]


def test_a_broker_dies_between_send_and_end(fresh_cluster):
    cluster = fresh_cluster(brokers=1, proxies=1, **SOON)
    topic, group = cluster.topic(queues=1, message_type="TRANSACTION"), cluster.group()
    with RawClient(cluster.endpoint) as client:
        entries = {body: send_half(client, topic, body) for body in (b"before", b"after", b"back", b"commit later")}

        def code(body, resolution):
            entry = entries[body]
            return end(client, topic, entry.message_id, entry.transaction_id, resolution).code

        assert code(b"before", COMMIT) == OK and code(b"back", ROLLBACK) == OK
        cluster.brokers[0].kill()
        cluster.brokers[0].start()
        eventually(lambda: code(b"after", COMMIT) == OK, "the broker is back", seconds=30)
        assert code(b"before", COMMIT) == OK
        assert code(b"before", ROLLBACK) == d.Code.BAD_REQUEST
        assert code(b"back", COMMIT) == d.Code.BAD_REQUEST
        with transactional_producer(cluster.endpoint, topic):
            found = []
            eventually(
                lambda: found.extend(bodies(client, topic, group, 1)) or b"commit later" in found,
                "the new producer is asked", seconds=60)
        found += bodies(client, topic, group)
        assert sorted(found) == [b"after", b"before", b"commit later"]


def test_many_transactions_with_a_producer_and_a_broker_that_die(fresh_cluster):
    """Commit, rollback, undecided, and a producer that dies with its transactions open; the broker is killed halfway."""
    cluster = fresh_cluster(brokers=1, proxies=2, **SOON)
    topic, group = cluster.topic(queues=4, message_type="TRANSACTION"), cluster.group()
    expected, ends = set(), {}
    with RawProducer(cluster.endpoints[0], topic) as dying:
        for number in range(COUNT):
            body = (b"commit", b"rollback")[number % 2] + b" %d" % number
            entry = send_half(dying, topic, body)
            if body.startswith(b"commit"):
                expected.add(body)
            if number % 4 < 2:
                ends[body] = entry
        # The other half stays open with the producer's death.
    with RawClient(cluster.endpoints[1]) as client:
        for index, (body, entry) in enumerate(ends.items()):
            decision = COMMIT if body.startswith(b"commit") else ROLLBACK

            def is_ended():
                return end(client, topic, entry.message_id, entry.transaction_id, decision).code == OK

            if index == len(ends) // 2:
                cluster.brokers[0].kill()
                cluster.brokers[0].start()
                eventually(is_ended, "the broker is back", seconds=30)
            eventually(is_ended, f"{body} is ended")
        checker = ByBody()
        found = []
        with transactional_producer(cluster.endpoints[1], topic, checker):
            deadline = time.monotonic() + 30 + COUNT / 10
            while len(found) < len(expected) and time.monotonic() < deadline:
                found += bodies(client, topic, group, 1)
            # What was rolled back is asked about too, until the checker has said so.
            undecided = COUNT - len(ends)
            eventually(lambda: len(set(checker.asked)) >= undecided, "all are asked about", seconds=60)
        found += bodies(client, topic, group)
    assert len(found) == len(set(found)), "a transaction was committed twice"
    assert set(found) == expected
