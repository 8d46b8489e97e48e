"""The 4.x C++ client consumes straight from a broker that it found through our name server."""

from harness.legacy import LegacyConsumer, produce
from harness.remoting import INVOKE_BROKER_TO_RESET_OFFSET, RemotingSocket
from harness.waiting import eventually


def expected(count: int) -> set[str]:
    return {f"legacy body {n} – ünïcode" for n in range(count)}


def test_push_consumer_gets_what_is_there_and_what_comes(deployment):
    topic, group = deployment.topic(), deployment.group()
    produce(deployment.namesrv, topic, "single", 10)
    with LegacyConsumer(deployment, topic, group) as consumer:
        consumer.wait_for(expected(10))
        # Parked pulls are woken by what is appended.
        produce(deployment.namesrv, topic, "single", 20)
        consumer.wait_for(expected(20))
        eventually(lambda: len(consumer.messages) == 30, lambda: f"{len(consumer.messages)} of 30 deliveries")
    assert {m["tag"] for m in consumer.messages} == {"legacy"}


def test_orderly_consumer_keeps_the_order(deployment):
    topic, group = deployment.topic(), deployment.group()
    with LegacyConsumer(deployment, topic, group, orderly=True) as consumer:
        produce(deployment.namesrv, topic, "ordered", 50)
        consumer.wait_for([f"ordered {n}" for n in range(50)], seconds=60)
    assert consumer.bodies() == [f"ordered {n}" for n in range(50)]


def test_pull_consumer_reads_all_queues(deployment):
    # The SDK keeps offsets by queue number alone: with queues of the same number on two brokers it skips messages.
    topic, group = deployment.topic(one_broker=True), deployment.group()
    produce(deployment.namesrv, topic, "single", 20)
    eventually(lambda: deployment.admin.stored_count(topic) == 20, "all are in the consume queues")
    consumer = LegacyConsumer(deployment, topic, group, pull=True)
    eventually(lambda: consumer.process.poll() is not None, "the consumer is through", seconds=60)
    assert sorted(consumer.bodies()) == sorted(expected(20))


def test_tag_filter(deployment):
    topic, group = deployment.topic(), deployment.group()
    with LegacyConsumer(deployment, topic, group, expression="other || legacy") as wanted, \
            LegacyConsumer(deployment, topic, deployment.group(), expression="other") as unwanted:
        produce(deployment.namesrv, topic, "single", 20)
        wanted.wait_for(expected(20))
    assert not unwanted.messages


def test_each_broadcasting_consumer_gets_everything(deployment):
    topic, group = deployment.topic(), deployment.group()
    # Consumers of one process list are told apart by their instance names.
    with LegacyConsumer(deployment, topic, group, broadcasting=True, instance="one") as one, \
            LegacyConsumer(deployment, topic, group, broadcasting=True, instance="two") as two:
        produce(deployment.namesrv, topic, "single", 20)
        one.wait_for(expected(20), seconds=45)
        two.wait_for(expected(20), seconds=45)


def reset_offsets(deployment, topic: str, group: str, timestamp: int) -> None:
    """As mqadmin resetOffsetByTime does."""
    with RemotingSocket(deployment.broker_address) as broker:
        head, body = broker.call(INVOKE_BROKER_TO_RESET_OFFSET, {
            "topic": topic, "group": group, "timestamp": str(timestamp), "isForce": "true"})
        assert head["code"] == 0, head
        assert b'"offsetTable":{{"brokerName"' in body


def test_a_reset_brings_messages_again(deployment):
    topic, group = deployment.topic(one_broker=True), deployment.group()
    produce(deployment.namesrv, topic, "single", 10)
    with LegacyConsumer(deployment, topic, group) as consumer:
        consumer.wait_for(expected(10))
        reset_offsets(deployment, topic, group, 0)
        # The waiting pulls are told at once; the client takes a queue up again after a pause of its own.
        eventually(
            lambda: len(consumer.messages) >= 20, lambda: f"{len(consumer.messages)} of 20 deliveries", seconds=60)
    assert set(consumer.bodies()[10:]) == expected(10)


def test_a_reset_to_the_end_skips_messages(deployment):
    topic, group = deployment.topic(one_broker=True), deployment.group()
    with LegacyConsumer(deployment, topic, group) as consumer:
        produce(deployment.namesrv, topic, "single", 5)
        consumer.wait_for(expected(5))
    produce(deployment.namesrv, topic, "single", 10, "skipped")
    eventually(lambda: deployment.admin.stored_count(topic) == 15, "all are in the consume queues")
    reset_offsets(deployment, topic, group, -1)
    with LegacyConsumer(deployment, topic, group) as consumer:
        produce(deployment.namesrv, topic, "single", 3)
        consumer.wait_for(expected(3), seconds=60)
    assert not [body for body in consumer.bodies() if body.startswith("skipped")]
