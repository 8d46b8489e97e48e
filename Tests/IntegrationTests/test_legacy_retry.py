"""What the 4.x C++ client fails to consume comes again, and in the end lands in the dead-letter queue."""

import json

import pytest
from harness import sdk
from harness.legacy import LegacyConsumer, produce
from harness.waiting import eventually

# Retries begin with the third level.
DELAYS = "1s 1s 1s 1s 1s 1s 1s 1s"


def bodies(count: int) -> list[str]:
    return [f"legacy body {n} – ünïcode" for n in range(count)]


def test_a_failed_message_comes_again(fresh_cluster):
    cluster = fresh_cluster(messageDelayLevel=DELAYS)
    topic, group = cluster.topic(), cluster.group()
    # One message: of a batch, the client sends back what follows a failed message without having shown it.
    produce(cluster.namesrv, topic, "single", 1)
    with LegacyConsumer(cluster, topic, group, failures=2) as consumer:
        consumer.wait_for(bodies(1), seconds=60)
    for body in bodies(1):
        tries = [m for m in consumer.messages if m["body"] == body]
        assert [m["times"] for m in tries] == [0, 1, 2]
        assert {m["origin"] for m in tries[1:]} == {topic}
        assert {m["tag"] for m in tries} == {"legacy"}
        # The delay of the level lies between two tries.
        assert tries[1]["at"] - tries[0]["at"] >= 0.95


def test_after_the_maximum_it_is_a_dead_letter(fresh_cluster):
    cluster = fresh_cluster(messageDelayLevel=DELAYS)
    topic, group = cluster.topic(), cluster.group()
    cluster.admin.run("updateSubGroup", "-c", "DefaultCluster", "-g", group, "-r", "1").expect_success()
    produce(cluster.namesrv, topic, "single", 1)
    with LegacyConsumer(cluster, topic, group, failures=100) as consumer:
        eventually(
            lambda: cluster.admin.run("topicStatus", "-t", f"%DLQ%{group}").status == 0
            and cluster.admin.stored_count(f"%DLQ%{group}") == 1,
            "a dead letter", seconds=60)
    assert [m["times"] for m in consumer.messages] == [0, 1]


def test_both_generations_of_clients_share_topics_and_groups(deployment):
    """v5 consumers at the proxy and a 4.x one at the broker, on one topic: each group gets all, in a group of both
    nothing is lost."""
    topic, group = deployment.topic(), deployment.group()
    with LegacyConsumer(deployment, topic, group) as legacy, \
            sdk.simple_consumer(deployment.endpoint, group, topic) as modern, \
            sdk.simple_consumer(deployment.endpoint, deployment.group(), topic) as other, \
            sdk.producer(deployment.endpoint, topic) as producer:
        produce(deployment.namesrv, topic, "single", 20)
        for n in range(20):
            producer.send(sdk.message(topic, f"modern {n}".encode()))
        wanted = set(bodies(20)) | {f"modern {n}" for n in range(20)}
        assert {m.body.decode() for m in sdk.receive(other, 40)} == wanted
        # Who pulls reads its queues whole; who pops gets what the others have not committed yet.
        legacy.wait_for(wanted)
        assert {m.body.decode() for m in modern.receive(32, 30)} <= wanted


@pytest.mark.parametrize("policy, waits", [
    # The first two of a customized table are those of delay levels that retries do not use.
    ({"type": "CUSTOMIZED", "customizedRetryPolicy": {"next": [60_000, 60_000, 1_500, 3_000]}}, [1.5, 3.0, 3.0]),
    ({"type": "EXPONENTIAL", "exponentialRetryPolicy": {"initial": 1_000, "max": 3_000, "multiplier": 2}}, [1.0, 2.0, 3.0]),
], ids=["customized", "exponential"])
def test_a_group_says_itself_when_to_try_again(fresh_cluster, policy, waits):
    cluster = fresh_cluster()
    topic, group = cluster.topic(queues=1), cluster.group()
    cluster.admin.run(
        "updateSubGroup", "-c", "DefaultCluster", "-g", group, "-p", json.dumps(policy)).expect_success()
    with LegacyConsumer(cluster, topic, group, failures=3) as consumer:
        produce(cluster.namesrv, topic, "single", 1)
        consumer.wait_for(bodies(1), seconds=60)
    tries = consumer.messages
    assert [m["times"] for m in tries] == [0, 1, 2, 3] and {m["origin"] for m in tries[1:]} == {topic}
    for before, after, wait in zip(tries, tries[1:], waits):
        # The client learns only after ten seconds that its retry topic is there now.
        slack = 12 if before is tries[0] else 2
        assert wait - 0.1 <= after["at"] - before["at"] < wait + slack, [m["at"] - tries[0]["at"] for m in tries]
