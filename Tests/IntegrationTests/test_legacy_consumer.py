"""The 4.x C++ client consumes straight from a broker that it found through our name server."""

from harness.legacy import LegacyConsumer, produce
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
