"""Commands of mqadmin about running clients and what they have consumed, with the 4.x C++ client."""

import json
import socket
import threading
import time

import pytest
from harness.legacy import LegacyConsumer, produce
from harness.remoting import HEART_BEAT, RemotingSocket, frame, header
from harness.waiting import eventually

CONSUME_MESSAGE_DIRECTLY, GET_CONSUMER_RUNNING_INFO, GET_CONSUMER_STATUS_FROM_CLIENT = 309, 307, 221


def wanted(prefix: str, count: int) -> set[str]:
    return {f"{prefix} {n}" for n in range(count)}


@pytest.mark.parametrize("server_side", ["true", "false"])
def test_a_running_consumer_goes_back_in_time(fresh_cluster, server_side):
    """Told by its next pull, or by RESET_CONSUMER_CLIENT_OFFSET (220) as brokers of 4.x do it."""
    cluster = fresh_cluster(useServerSideResetOffset=server_side)
    topic, group = cluster.topic(queues=2), cluster.group()
    produce(cluster.namesrv, topic, "single", 10, "early")
    time.sleep(0.01)
    between = int(time.time() * 1000)
    produce(cluster.namesrv, topic, "single", 10, "late")
    with LegacyConsumer(cluster, topic, group) as consumer:
        consumer.wait_for(wanted("early", 10) | wanted("late", 10))
        # Offsets are committed every five seconds; the reset must not depend on it.
        reset = cluster.admin.run(
            "resetOffsetByTime", "-g", group, "-t", topic, "-s", str(between), "--json").expect_success().json
        assert {row["queueId"] for row in reset} == {0, 1} and sum(row["offset"] for row in reset) == 10
        again = wanted("late", 10)
        eventually(
            lambda: all(consumer.bodies().count(body) == 2 for body in again),
            lambda: f"{consumer.bodies()}", seconds=60)
        assert all(consumer.bodies().count(body) == 1 for body in wanted("early", 10))
        # It goes on from there, and no old offset is committed over the new one.
        produce(cluster.namesrv, topic, "single", 4, "new")
        consumer.wait_for(wanted("new", 4))
    eventually(
        lambda: cluster.admin.run("consumerProgress", "-g", group, "-t", topic, "--json").json["diffTotal"] == 0,
        "all is committed", seconds=20)
    assert all(consumer.bodies().count(body) == 2 for body in again)


def test_one_queue_is_reset_to_an_offset(fresh_cluster):
    cluster = fresh_cluster()
    topic, group = cluster.topic(queues=1), cluster.group()
    produce(cluster.namesrv, topic, "single", 6, "m")
    cluster.admin.run(
        "resetOffsetByTime", "-g", group, "-t", topic, "-s", "now", "-b", cluster.broker.address, "-q", "0", "-o",
        "4").expect_success()
    with LegacyConsumer(cluster, topic, group) as consumer:
        consumer.wait_for({"m 4", "m 5"})
    assert set(consumer.bodies()) == {"m 4", "m 5"}
    beyond = cluster.admin.run(
        "resetOffsetByTime", "-g", group, "-t", topic, "-s", "now", "-b", cluster.broker.address, "-q", "0", "-o", "99")
    assert beyond.status == 1 and "not in consume queue range" in beyond.errors


@pytest.mark.parametrize("server_side", ["true", "false"])
def test_what_has_accumulated_is_skipped(fresh_cluster, server_side):
    """Without a connected client, where brokers of 4.x leave the committing to the tool."""
    cluster = fresh_cluster(useServerSideResetOffset=server_side)
    topic, group = cluster.topic(queues=2), cluster.group()
    produce(cluster.namesrv, topic, "single", 10, "old")
    cluster.admin.run("updateSubGroup", "-c", "DefaultCluster", "-g", group).expect_success()
    skipped = cluster.admin.run("skipAccumulatedMessage", "-g", group, "-t", topic, "--json").expect_success().json
    assert sum(row["offset"] for row in skipped) == 10
    with LegacyConsumer(cluster, topic, group) as consumer:
        produce(cluster.namesrv, topic, "single", 4, "new")
        consumer.wait_for(wanted("new", 4))
    assert set(consumer.bodies()) == wanted("new", 4)


def test_clients_are_listed(fresh_cluster):
    cluster = fresh_cluster()
    topic, group = cluster.topic(queues=4), cluster.group()
    with LegacyConsumer(cluster, topic, group, expression="A || B") as first, \
            LegacyConsumer(cluster, topic, group, expression="A || B") as second:
        def found() -> dict:
            answer = cluster.admin.run("consumerConnection", "-g", group, "--json")
            return answer.json if answer.status == 0 else {"connectionSet": []}

        listed = eventually(lambda: found() if len(found()["connectionSet"]) == 2 else None, "both are known")
        assert {c["language"] for c in listed["connectionSet"]} == {"CPP"}
        assert listed["subscriptionTable"][topic]["subString"] == "A || B"
        assert (listed["messageModel"], listed["consumeType"]) == ("CLUSTERING", "CONSUME_PASSIVELY")
        assert "warnings" not in listed
        text = cluster.admin.run(
            "consumerConnection", "-g", group, "-b", cluster.broker.address, namesrv=False).expect_success().output
        assert all(c["clientId"] in text for c in listed["connectionSet"]) and "WARN" not in text
        client = listed["connectionSet"][0]["clientId"]
        status = cluster.admin.run("consumerStatus", "-g", group, "-i", client, "--json").expect_success().json
        assert set(status) == {client}
        assert status[client]["properties"]["PROP_CONSUME_TYPE"] == "CONSUME_PASSIVELY"
        same = cluster.admin.run(
            "consumerStatus", "-g", group, "-i", client, "-b", cluster.broker.address, "--json", namesrv=False)
        assert set(same.expect_success().json) == {client}
        owners = eventually(
            lambda: o if all(o := [q["clientIP"] for q in cluster.admin.run(
                "consumerProgress", "-g", group, "-t", topic, "-s", "true", "--json").json["queues"]]) else None,
            "the clients have shared the queues out")
        assert len(owners) == 4 and set(owners) == {c["clientId"].split("@")[0] for c in listed["connectionSet"]}
        title = cluster.admin.run("consumerProgress", "-g", group, "-s", "true").expect_success().output.splitlines()[0]
        assert title.split("#")[5:7] == ["Consumer Offset      ", "Client IP           "]
        both = cluster.admin.run("consumerStatus", "-g", group, "--json").expect_success().json
        assert len(both) == 2 and all(info is not None for info in both.values())
        assert first.process.poll() is None and second.process.poll() is None


def test_members_that_subscribe_differently_are_warned_of(fresh_cluster):
    cluster = fresh_cluster()
    topic, group = cluster.topic(queues=4), cluster.group()
    with LegacyConsumer(cluster, topic, group, expression="A"), LegacyConsumer(cluster, topic, group, expression="B"):
        warnings = eventually(
            lambda: cluster.admin.run("consumerConnection", "-g", group, "--json").json.get("warnings"),
            "the broker has noticed", seconds=30)
        assert warnings == ["the members of the group have different subscriptions"]
        assert f"WARN: {warnings[0]}" in cluster.admin.run("consumerConnection", "-g", group).expect_success().output


def test_producers_are_listed(fresh_cluster):
    cluster = fresh_cluster()
    topic = cluster.topic()
    with RemotingSocket(cluster.broker.address) as client:
        client.call(HEART_BEAT, body=json.dumps({
            "clientID": "10.0.0.9@1", "producerDataSet": [{"groupName": "P1"}], "consumerDataSet": []}).encode())
        table = cluster.admin.run("producer", "-b", cluster.broker.address, "--json", namesrv=False).expect_success()
        assert [p["clientId"] for p in table.json["data"]["P1"]] == ["10.0.0.9@1"]
        text = cluster.admin.run("producer", "-b", cluster.broker.address).expect_success().output
        assert "producer group (P1) instance : clientId=10.0.0.9@1,remoteIP=/127.0.0.1:" in text
        found = cluster.admin.run("producerConnection", "-g", "P1", "-t", topic, "--json").expect_success().json
        assert [c["clientId"] for c in found["connectionSet"]] == ["10.0.0.9@1"]
    absent = cluster.admin.run("producerConnection", "-g", "P2", "-t", topic)
    assert absent.status == 1 and "P2" in absent.errors


class AnsweringClient(threading.Thread):
    """A connected push consumer that answers what brokers ask of Java clients; the C++ client does not know all of it."""

    def __init__(self, address: str, group: str, topic: str, client_id: str):
        super().__init__(daemon=True)
        self._topic = topic
        self.asked: list[tuple[dict, bytes]] = []
        self._socket = RemotingSocket(address, timeout=30)
        # Its answer is read with whatever else comes.
        self._socket.send(frame(header(HEART_BEAT), json.dumps({
            "clientID": client_id, "producerDataSet": [], "consumerDataSet": [{
                "groupName": group, "consumeType": "CONSUME_PASSIVELY", "messageModel": "CLUSTERING",
                "consumeFromWhere": "CONSUME_FROM_LAST_OFFSET", "unitMode": False,
                "subscriptionDataSet": [{"topic": topic, "subString": "*", "subVersion": 1, "expressionType": "TAG"}],
            }]}).encode()))

    def run(self) -> None:
        while True:
            try:
                command = self._socket.read()
            except OSError:
                return
            if command is None:
                return
            head, body = command
            answers = {
                GET_CONSUMER_RUNNING_INFO: {
                    "properties": {"PROP_CONSUME_TYPE": "CONSUME_PASSIVELY"}, "subscriptionSet": [], "mqTable": {}},
                CONSUME_MESSAGE_DIRECTLY: {
                    "autoCommit": True, "consumeResult": "CR_SUCCESS", "order": False, "spentTimeMills": 1},
                GET_CONSUMER_STATUS_FROM_CLIENT: {"messageQueueTable": {
                    json.dumps({"topic": self._topic, "brokerName": "broker-a", "queueId": queue}): offset
                    for queue, offset in ((0, 7), (1, 3))}},
            }
            answer = answers.get(head["code"]) if head["flag"] & 1 == 0 else None
            if answer is None:
                continue
            self.asked.append((head, body))
            self._socket.send(frame(header(0, head["opaque"], flag=1), json.dumps(answer).encode()))

    def close(self) -> None:
        # A close alone waits for the thread that reads.
        self._socket.socket.shutdown(socket.SHUT_RDWR)
        self._socket.socket.close()


def test_a_client_consumes_a_message_at_once(fresh_cluster):
    cluster = fresh_cluster()
    topic, group = cluster.topic(queues=1), cluster.group()
    cluster.admin.run("updateSubGroup", "-c", "DefaultCluster", "-g", group).expect_success()
    sent = cluster.admin.run("sendMessage", "-t", topic, "-p", "look at this", "--json").expect_success().json
    client = AnsweringClient(cluster.broker.address, group, topic, "10.0.0.8@7")
    client.start()
    eventually(
        lambda: cluster.admin.run("consumerConnection", "-g", group).status == 0, "the broker knows the client")
    (result,) = cluster.admin.run(
        "queryMsgById", "-i", sent["msgId"], "-t", topic, "-g", group, "-d", "10.0.0.8@7",
        "--json").expect_success().json
    assert result["consumeResult"] == "CR_SUCCESS"
    head, body = client.asked[-1]
    assert head["code"] == CONSUME_MESSAGE_DIRECTLY and head["extFields"]["msgId"] == sent["msgId"]
    assert b"look at this" in body
    client.close()
    eventually(
        lambda: cluster.admin.run("consumerConnection", "-g", group).status == 1, "the broker has noticed that it is gone")
    gone = cluster.admin.run("queryMsgById", "-i", sent["msgId"], "-g", group, "-d", "10.0.0.8@7")
    assert gone.status == 1 and "not online" in gone.errors


def test_a_client_says_how_far_it_is(cluster):
    topic, group = cluster.topic(queues=2), cluster.group()
    client = AnsweringClient(cluster.broker.address, group, topic, "10.0.0.8@7")
    client.start()
    ask = ["getConsumerStatus", "-g", group, "-t", topic]
    # Only one of the two brokers knows the group.
    told = eventually(
        lambda: done.json if (done := cluster.admin.run(*ask, "--json")).status == 0 else None,
        "the broker knows the client")
    assert [(r["clientId"], r["brokerName"], r["queueId"], r["offset"]) for r in told["offsets"]] == [
        ("10.0.0.8@7", "broker-a", 0, 7), ("10.0.0.8@7", "broker-a", 1, 3)]
    assert told["remarks"] == [] and client.asked[-1][0]["extFields"]["topic"] == topic
    text = cluster.admin.run(*ask, "-i", "10.0.0.8@7").expect_success().output.splitlines()
    assert text[0] == f"get consumer status from client. group={group}, topic={topic}, originClientId=10.0.0.8@7"
    assert [line.split() for line in text[1:3]] == [
        ["#clientId", "#brokerName", "#queueId", "#offset"], ["10.0.0.8@7", "broker-a", "0", "7"]]
    assert cluster.admin.run(*ask, "-i", "10.0.0.9@9", "--json").expect_success().json["offsets"] == []
    client.close()
    nobody = cluster.admin.run("getConsumerStatus", "-g", "nobody-here", "-t", topic)
    assert nobody.status == 1 and "not online" in nobody.errors
    assert cluster.admin.run(*ask[:-1], "no-such-topic").status == 1
    assert cluster.admin.run(*ask[:3]).status == 2
