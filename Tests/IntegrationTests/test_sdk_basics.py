"""The official v5 SDK, unmodified: send, receive, ack, in local mode and on a cluster."""

import threading
import time

import pytest
from harness import sdk

UNICODE = "grüße-消息-🚀-\u00a0nbsp-עברית"


def test_send_receive_ack(deployment):
    topic, group = deployment.topic(), deployment.group()
    with sdk.producer(deployment.endpoint, topic) as producer:
        receipts = [producer.send(sdk.message(topic, b"body %d" % n, tag="t", keys=[f"k{n}"])) for n in range(20)]
    with sdk.simple_consumer(deployment.endpoint, group, topic) as consumer:
        messages = sdk.receive(consumer, 20)
    assert {m.message_id for m in messages} == {r.message_id for r in receipts}
    assert {m.body for m in messages} == {b"body %d" % n for n in range(20)}
    assert all(m.delivery_attempt == 1 and m.tag == "t" and not m.corrupted for m in messages)
    assert deployment.admin.stored_count(topic) == 20


def test_what_is_acked_stays_away(deployment):
    topic, group = deployment.topic(queues=1, one_broker=True), deployment.group()
    with sdk.producer(deployment.endpoint, topic) as producer:
        producer.send(sdk.message(topic, b"once"))
    with sdk.simple_consumer(deployment.endpoint, group, topic) as consumer:
        sdk.receive(consumer, 1, invisible_seconds=10)
        seen, deadline = [], time.monotonic() + 14
        while time.monotonic() < deadline:
            seen += consumer.receive(32, 10)
    assert seen == []


def test_unacked_message_comes_back_with_attempt_2(deployment):
    topic, group = deployment.topic(queues=1, one_broker=True), deployment.group()
    with sdk.producer(deployment.endpoint, topic) as producer:
        producer.send(sdk.message(topic, b"again"))
    with sdk.simple_consumer(deployment.endpoint, group, topic) as consumer:
        started = time.monotonic()
        first = sdk.receive(consumer, 1, invisible_seconds=10, ack=False)[0]
        second = sdk.receive(consumer, 1, invisible_seconds=10, seconds=40)[0]
        elapsed = time.monotonic() - started
    assert (first.delivery_attempt, second.delivery_attempt) == (1, 2)
    assert first.message_id == second.message_id and second.body == b"again"
    assert elapsed >= 9.9, "redelivered before the invisible time ended"
    assert elapsed < 20


def test_change_invisible_duration_brings_it_back_sooner(deployment):
    topic, group = deployment.topic(queues=1, one_broker=True), deployment.group()
    with sdk.producer(deployment.endpoint, topic) as producer:
        producer.send(sdk.message(topic, b"sooner"))
    with sdk.simple_consumer(deployment.endpoint, group, topic) as consumer:
        first = sdk.receive(consumer, 1, invisible_seconds=120, ack=False)[0]
        old_handle = first.receipt_handle
        started = time.monotonic()
        consumer.change_invisible_duration(first, 2)
        assert first.receipt_handle != old_handle, "a new handle replaces the old one"
        second = sdk.receive(consumer, 1, seconds=30)[0]
        elapsed = time.monotonic() - started
    assert second.message_id == first.message_id and second.delivery_attempt == 2
    assert 1.9 <= elapsed < 15


def test_change_invisible_duration_keeps_it_away_longer(deployment):
    topic, group = deployment.topic(queues=1, one_broker=True), deployment.group()
    with sdk.producer(deployment.endpoint, topic) as producer:
        producer.send(sdk.message(topic, b"later"))
    with sdk.simple_consumer(deployment.endpoint, group, topic) as consumer:
        first = sdk.receive(consumer, 1, invisible_seconds=10, ack=False)[0]
        started = time.monotonic()
        consumer.change_invisible_duration(first, 18)
        second = sdk.receive(consumer, 1, seconds=50)[0]
        assert time.monotonic() - started >= 17.9
        assert second.message_id == first.message_id


def test_tag_filter(deployment):
    topic, group = deployment.topic(), deployment.group()
    with sdk.producer(deployment.endpoint, topic) as producer:
        for n in range(30):
            producer.send(sdk.message(topic, b"%d" % n, tag="abc"[n % 3]))
    with sdk.simple_consumer(deployment.endpoint, group, topic, "a || c") as consumer:
        messages = sdk.receive(consumer, 20)
        assert consumer.receive(32, 10) == []
    assert sorted(m.tag for m in messages) == ["a"] * 10 + ["c"] * 10


def test_tags_whose_hashes_collide_are_told_apart(deployment):
    topic, group = deployment.topic(queues=1, one_broker=True), deployment.group()
    with sdk.producer(deployment.endpoint, topic) as producer:
        producer.send(sdk.message(topic, b"wrong", tag="BB"))
        producer.send(sdk.message(topic, b"right", tag="Aa"))
    with sdk.simple_consumer(deployment.endpoint, group, topic, "Aa") as consumer:
        messages = sdk.receive(consumer, 1)
        assert consumer.receive(32, 10) == []
    assert [m.body for m in messages] == [b"right"]


@pytest.mark.parametrize("size", [1, 1000, 65_536, 1024 * 1024, 4 * 1024 * 1024 - 1024])
def test_body_sizes(deployment, size):
    topic, group = deployment.topic(queues=1, one_broker=True), deployment.group()
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    with sdk.producer(deployment.endpoint, topic) as producer:
        producer.send(sdk.message(topic, body))
    with sdk.simple_consumer(deployment.endpoint, group, topic) as consumer:
        (received,) = sdk.receive(consumer, 1)
    assert received.body == body and not received.corrupted


def test_any_unicode_in_tag_keys_and_properties(deployment):
    topic, group = deployment.topic(queues=1, one_broker=True), deployment.group()
    properties = {UNICODE: UNICODE, "plain": "value", "emoji-🎉": "日本語 с пробелом", "same": "=:;&|%"}
    with sdk.producer(deployment.endpoint, topic) as producer:
        producer.send(sdk.message(topic, UNICODE.encode(), tag="täg-标签-🏷", keys=["ключ", "鍵-🔑"], properties=properties))
    with sdk.simple_consumer(deployment.endpoint, group, topic, "täg-标签-🏷") as consumer:
        (received,) = sdk.receive(consumer, 1)
    assert received.body.decode() == UNICODE
    assert received.tag == "täg-标签-🏷"
    assert received.keys == {"ключ", "鍵-🔑"}
    assert received.properties == properties


def test_waiting_receiver_gets_a_message_at_once(deployment):
    topic, group = deployment.topic(queues=1, one_broker=True), deployment.group()
    with sdk.producer(deployment.endpoint, topic) as producer, \
            sdk.simple_consumer(deployment.endpoint, group, topic) as consumer:
        # Two polls on a cluster with two brokers: one of them waits where the message will be.
        waiting = [consumer.receive_async(32, 30) for _ in deployment.endpoints]
        arrived = threading.Event()
        for future in waiting:
            future.add_done_callback(lambda f: arrived.set() if f.result() else None)
        sent = time.monotonic()
        producer.send(sdk.message(topic, b"now"))
        assert arrived.wait(4), "no waiting receiver got the message"
        assert time.monotonic() - sent < 2


def test_push_consumers_share_the_work(deployment):
    topic, group = deployment.topic(queues=4), deployment.group()
    first, second = sdk.Collector(), sdk.Collector()
    count = 400
    with sdk.push_consumer(deployment.endpoint, group, topic, first), \
            sdk.push_consumer(deployment.endpoint, group, topic, second), \
            sdk.producer(deployment.endpoint, topic) as producer:
        deadline = time.monotonic() + 60
        sent = set()
        # Keep sending until both have had something: which poll is parked first is not ours to say.
        while time.monotonic() < deadline and (len(sent) < count or not (first.messages and second.messages)):
            sent.add(producer.send(sdk.message(topic, b"%d" % len(sent))).message_id)
        while time.monotonic() < deadline:
            seen = [m.message_id for m in first.messages + second.messages]
            if set(seen) == sent:
                break
            with first.condition:
                first.condition.wait(0.1)
    assert set(seen) == sent
    assert len(seen) == len(sent), "no message was consumed twice"
    assert first.messages and second.messages, "both instances got some"


def test_push_consumer_failure_is_retried(deployment):
    topic, group = deployment.topic(queues=1, one_broker=True), deployment.group()
    collector = sdk.Collector(decide=lambda message: message.delivery_attempt > 1)
    with sdk.push_consumer(deployment.endpoint, group, topic, collector), \
            sdk.producer(deployment.endpoint, topic) as producer:
        producer.send(sdk.message(topic, b"second time lucky"))
        with collector.condition:
            assert collector.condition.wait_for(lambda: len(collector.messages) >= 2, 60)
    assert [m.delivery_attempt for m in collector.messages[:2]] == [1, 2]


def test_two_groups_each_get_everything(deployment):
    topic = deployment.topic()
    with sdk.producer(deployment.endpoint, topic) as producer:
        ids = {producer.send(sdk.message(topic, b"x")).message_id for _ in range(10)}
    for group in (deployment.group(), deployment.group()):
        with sdk.simple_consumer(deployment.endpoint, group, topic) as consumer:
            assert {m.message_id for m in sdk.receive(consumer, 10)} == ids


def test_unknown_topic_is_an_error_not_a_hang(deployment):
    with sdk.producer(deployment.endpoint) as producer:
        with pytest.raises(Exception) as caught:
            producer.send(sdk.message(deployment.name(), b"nowhere"))
    assert "40402" in str(caught.value) or "TOPIC" in str(caught.value).upper() or "route" in str(caught.value).lower()


def test_wrong_message_type_is_refused(deployment):
    topic = deployment.topic(message_type="FIFO")
    with sdk.producer(deployment.endpoint, topic) as producer, pytest.raises(Exception):
        producer.send(sdk.message(topic, b"no group"))
