"""SQL92 filters: v5 consumers at the proxy, and remoting consumers whose filter the broker knows from heartbeats."""

import json

from harness import sdk
from harness.legacy_send import send
from harness.remoting import HEART_BEAT, RemotingSocket, frame, header
from harness.waiting import eventually
from rocketmq import FilterExpression, SimpleConsumer
from rocketmq.grpc_protocol import FilterType


def test_sql_filter(deployment):
    topic, group = deployment.topic(), deployment.group()
    with sdk.producer(deployment.endpoint, topic) as producer:
        for n in range(12):
            producer.send(sdk.message(
                topic, b"%d" % n, tag="even" if n % 2 == 0 else "odd", properties={"n": str(n), "colour": "red"}))
    expression = FilterExpression("n BETWEEN 2 AND 9 AND TAGS = 'even' AND colour IN ('red', 'blue')", FilterType.SQL)
    consumer = SimpleConsumer(
        sdk.configuration(deployment.endpoint), group, {topic: expression}, await_duration=5)
    consumer.startup()
    try:
        found = sdk.receive(consumer, 4)
    finally:
        consumer.shutdown()
    assert sorted(int(m.body) for m in found) == [2, 4, 6, 8]


PULL_MESSAGE, SUCCESS, SUBSCRIPTION_NOT_EXIST, SUBSCRIPTION_NOT_LATEST = 11, 0, 24, 25


def pull(connection: RemotingSocket, group: str, topic: str, version: int) -> tuple[int, int]:
    """The answer's code and how many messages it holds of those that the test sends; the request names no filter."""
    answer, body = connection.call(PULL_MESSAGE, {
        "consumerGroup": group, "topic": topic, "queueId": "0", "queueOffset": "0", "maxMsgNums": "32", "sysFlag": "0",
        "commitOffset": "0", "suspendTimeoutMillis": "0", "subVersion": str(version)})
    return answer["code"], body.count(b"body of number ")


def beat(connection: RemotingSocket, group: str, subscriptions: list[dict] | None) -> None:
    """A heartbeat; without subscriptions, the short form that does not tell them."""
    connection.send(frame(header(HEART_BEAT), json.dumps({
        "clientID": "10.0.0.7@1", "heartbeatFingerprint": 5, "withoutSub": subscriptions is None, "producerDataSet": [],
        "consumerDataSet": [{
            "groupName": group, "consumeType": "CONSUME_PASSIVELY", "messageModel": "CLUSTERING",
            "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET", "subscriptionDataSet": subscriptions or []}]}).encode()))
    # The broker tells members of changes, too.
    while not (answer := connection.read()[0])["flag"] & 1:
        pass
    assert answer["code"] == SUCCESS


def test_sql_filter_lives_past_a_restart(fresh_cluster):
    """Clients send a heartbeat every 30 s; what they pull before is filtered as the one before the restart said."""
    cluster = fresh_cluster(brokers=1, proxies=0)
    topic, group, address = cluster.topic(queues=1), cluster.group(), cluster.broker.address
    with RemotingSocket(address) as connection:
        for n in range(6):
            assert send(connection, topic, b"body of number %d" % n, properties=f"n\x01{n}\x02")["code"] == SUCCESS
    def kept() -> dict | None:
        path = cluster.broker.store / "config" / "consumerFilter.json"
        topics = json.loads(path.read_text())["filterDataByTopic"] if path.exists() else {}
        return topics.get(topic, {}).get("groupFilterData", {}).get(group)

    with RemotingSocket(address) as client, RemotingSocket(address) as other:
        assert pull(other, group, topic, 7)[0] == SUBSCRIPTION_NOT_EXIST
        beat(client, group, [
            {"topic": topic, "subString": "n > 3", "expressionType": "SQL92", "subVersion": 7}])
        eventually(lambda: pull(other, group, topic, 7) == (SUCCESS, 2), "the messages are in the queue")
        # Written while the group is there: a broker that is killed has no time for it.
        eventually(kept, "the filter is written")
        cluster.broker.kill()
    for stop in (lambda: None, cluster.broker.terminate):
        stop()
        cluster.broker.start()
        with RemotingSocket(address) as client, RemotingSocket(address) as connection:
            assert pull(connection, group, topic, 7) == (SUCCESS, 2)
            beat(client, group, None)
            assert pull(connection, group, topic, 7) == (SUCCESS, 2)
            # The client has another filter by now.
            assert pull(connection, group, topic, 8)[0] == SUBSCRIPTION_NOT_LATEST
            assert pull(connection, cluster.group(), topic, 7)[0] == SUBSCRIPTION_NOT_EXIST
    entries = cluster.admin.run("queryCq", "-t", topic, "-q", "0", "-i", "0", "-g", group, "--json").expect_success().json
    assert json.loads(entries["filterData"])["expression"] == "n > 3"
    filter = kept()
    assert (filter["expression"], filter["expressionType"], filter["clientVersion"]) == ("n > 3", "SQL92", 7)
    assert filter["dead"] and filter["deadTime"] >= filter["bornTime"] > 0
