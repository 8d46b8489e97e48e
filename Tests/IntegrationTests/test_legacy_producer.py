"""The 4.x C++ client sends straight to a broker through our name server; v5 clients receive through the proxy."""

import subprocess
from pathlib import Path

import pytest
from harness import sdk
from harness.legacy import LegacyConsumer
from harness.programs import ROOT
from harness.raw import RawClient
from harness.waiting import eventually

PYTHON = ROOT / ".venvs" / "v4" / "bin" / "python"
SCRIPT = Path(__file__).with_name("legacy_producer.py")


def run_producer(namesrv: str, topic: str, *arguments: str) -> list[str]:
    if not PYTHON.exists():
        pytest.fail(f"{PYTHON} is missing: run ./scripts/test --integration once")
    done = subprocess.run(
        [PYTHON, SCRIPT, namesrv, topic, *arguments], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.split(" ", 1)[1] for line in done.stdout.splitlines() if line.startswith("sent ")]


def test_single_messages(deployment):
    topic, group = deployment.topic(), deployment.group()
    ids = run_producer(deployment.namesrv, topic, "single", "20")
    with sdk.simple_consumer(deployment.endpoint, group, topic) as consumer:
        messages = sdk.receive(consumer, 20)
    assert {m.body.decode() for m in messages} == {f"legacy body {n} – ünïcode" for n in range(20)}
    assert all(m.tag == "legacy" and m.properties.get("from") == "C++ 4.x" for m in messages)
    assert len(ids) == 20


def test_compressed_body_arrives_plain(deployment):
    topic, group = deployment.topic(queues=1), deployment.group()
    run_producer(deployment.namesrv, topic, "large", "1")
    with RawClient(deployment.endpoint) as client:
        (received,) = client.receive_all(topic, group, 1)
    assert received.body == b"0123456789" * 10_000
    assert received.system_properties.body_encoding == 1


def test_batch(deployment):
    topic, group = deployment.topic(), deployment.group()
    run_producer(deployment.namesrv, topic, "batch", "10")
    with sdk.simple_consumer(deployment.endpoint, group, topic) as consumer:
        messages = sdk.receive(consumer, 10)
    assert {m.body for m in messages} == {b"batch %d" % n for n in range(10)}


def test_a_batch_is_stored_as_its_messages(deployment):
    """The client marks a batch with `1` where Java says `true`, and sends it as SEND_MESSAGE_V2: Apache's broker stores one
    message that nobody can read."""
    topic, group = deployment.topic(queues=2), deployment.group()
    run_producer(deployment.namesrv, topic, "batch", "10")
    eventually(lambda: deployment.admin.stored_count(topic) == 10, "ten messages are in the queues")
    with LegacyConsumer(deployment, topic, group) as consumer:
        consumer.wait_for(f"batch {n}" for n in range(10))
    assert len(consumer.messages) == 10 and {m["tag"] for m in consumer.messages} == {"legacy"}
    # One batch goes to one queue, in its order.
    assert len({m["queue"] for m in consumer.messages}) == 1
    by_offset = sorted(consumer.messages, key=lambda m: m["offset"])
    assert [m["body"] for m in by_offset] == [f"batch {n}" for n in range(10)]


def test_ordered_send_picks_one_queue(deployment):
    topic = deployment.topic()
    sent = run_producer(deployment.namesrv, topic, "ordered", "10")
    assert [int(line.split()[1]) for line in sent] == list(range(10)), "a queue of the topic counts from 0"
    eventually(lambda: deployment.admin.stored_count(topic) == 10, "all are in the consume queues")


def test_topic_is_created_by_the_first_send(deployment):
    topic = deployment.name()
    run_producer(deployment.namesrv, topic, "single", "3")
    # The files of a new queue are made durable before its first message can be read.
    eventually(lambda: deployment.admin.stored_count(topic) == 3, "all are in the consume queues")
