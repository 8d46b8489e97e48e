"""The proxy's port for clients of the remoting protocol, 8080 by default; and each protocol on the other's port."""

import json
import subprocess
import time

import pytest
from harness import lite, sdk
from harness.programs import ROOT
from harness.raw import RawClient, message
from harness.remoting import GET_ROUTEINFO_BY_TOPIC, HEART_BEAT, REQUEST_CODE_NOT_SUPPORTED, RemotingSocket, frame, header
from harness.waiting import eventually
from test_legacy_producer import PYTHON, SCRIPT

PULL_MESSAGE, POP_MESSAGE, ACK_MESSAGE, NOTIFICATION, SEND_V2 = 11, 200050, 200051, 200054, 310
QUERY_OFFSET, UPDATE_OFFSET, MAX_OFFSET, CONSUMER_LIST = 14, 15, 30, 38
VERSION_NOT_SUPPORTED, INVALID_PARAMETER = 15, 29


def remoting_endpoints(deployment) -> list[str]:
    proxies = getattr(deployment, "proxies", None) or [deployment.proxy]
    return [f"127.0.0.1:{proxy.remoting_port}" for proxy in proxies]


def ask(client: RemotingSocket, code: int, fields: dict | None = None, body: bytes = b"") -> tuple[dict, bytes]:
    """A call during which the broker may send notices."""
    client._opaque += 1
    client.send(frame(header(code, client._opaque, fields), body))
    while True:
        head, answer = client.read()
        if head["opaque"] == client._opaque and head["flag"] & 1:
            return head, answer


def route(client: RemotingSocket, topic: str) -> dict:
    head, body = client.call(GET_ROUTEINFO_BY_TOPIC, {"topic": topic, "acceptStandardJsonOnly": "true"})
    assert head["code"] == 0, head
    return json.loads(body)


def send(client: RemotingSocket, topic: str, broker: str | None, body: bytes, queue: int = 0) -> dict:
    fields = {
        "a": "legacy", "b": topic, "c": "TBW102", "d": "4", "e": str(queue), "f": "0", "g": str(int(time.time() * 1000)),
        "h": "0", "i": "UNIQ_KEY\x01" + f"id{time.monotonic_ns()}" + "\x02", "j": "0", "k": "false", "m": "false"}
    if broker:
        fields["n"] = broker
    head, _ = client.call(SEND_V2, fields, body)
    return head


def heartbeat(client: RemotingSocket, group: str, topic: str, client_id: str) -> None:
    body = {
        "clientID": client_id, "producerDataSet": [], "consumerDataSet": [{
            "groupName": group, "consumeType": "CONSUME_PASSIVELY", "messageModel": "CLUSTERING",
            "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET", "unitMode": False,
            "subscriptionDataSet": [{
                "topic": topic, "subString": "*", "tagsSet": [], "codeSet": [], "subVersion": 1,
                "classFilterMode": False, "expressionType": "TAG"}]}]}
    head, _ = ask(client, HEART_BEAT, {}, json.dumps(body).encode())
    assert head["code"] == 0, head


def test_routes_name_the_proxy_and_requests_reach_the_broker(deployment):
    topic, group = deployment.topic(), deployment.group()
    endpoint = remoting_endpoints(deployment)[0]
    with RemotingSocket(endpoint) as client:
        known = route(client, topic)
        addresses = {address for broker in known["brokerDatas"] for address in broker["brokerAddrs"].values()}
        assert addresses == {endpoint}
        brokers = sorted(broker["brokerName"] for broker in known["brokerDatas"])
        for broker in brokers:
            assert send(client, topic, broker, broker.encode())["code"] == 0

            def end() -> str:
                head, _ = client.call(MAX_OFFSET, {"topic": topic, "queueId": "0", "bname": broker})
                return head["extFields"]["offset"]

            eventually(lambda: end() == "1", "the message is in its queue")
            offsets = {"consumerGroup": group, "topic": topic, "queueId": "0", "bname": broker}
            assert client.call(UPDATE_OFFSET, {**offsets, "commitOffset": "1"})[0]["code"] == 0
            assert client.call(QUERY_OFFSET, offsets)[0]["extFields"]["offset"] == "1"
        head, _ = client.call(105, {"topic": deployment.name(), "acceptStandardJsonOnly": "true"})
        assert head["code"] == 17
        assert client.call(99_999)[0]["code"] == REQUEST_CODE_NOT_SUPPORTED
        assert send(client, topic, "no-such-broker", b"x")["code"] != 0


def test_pop_and_ack(deployment):
    topic, group = deployment.topic(queues=1, one_broker=True), deployment.group()
    with RemotingSocket(remoting_endpoints(deployment)[0], timeout=10) as client:
        broker = route(client, topic)["brokerDatas"][0]["brokerName"]
        assert send(client, topic, broker, b"popped")["code"] == 0

        def pop() -> dict:
            head, body = client.call(POP_MESSAGE, {
                "consumerGroup": group, "topic": topic, "queueId": "-1", "maxMsgNums": "32", "invisibleTime": "60000",
                "pollTime": "5000", "bornTime": str(int(time.time() * 1000)), "initMode": "0", "bname": broker})
            assert head["code"] == 0 and b"popped" in body, head
            return head["extFields"]

        found = pop()
        handle = (f"{found['startOffsetInfo'].split()[-1]} {found['popTime']} {found['invisibleTime']} "
                  f"{found['reviveQid']} 0 {broker} 0 0")
        # The handle names the broker: an ack needs no bname.
        head, _ = client.call(ACK_MESSAGE, {
            "consumerGroup": group, "topic": topic, "queueId": "0", "extraInfo": handle, "offset": "0"})
        assert head["code"] == 0, head
        eventually(
            lambda: client.call(QUERY_OFFSET, {
                "consumerGroup": group, "topic": topic, "queueId": "0", "bname": broker})[0]["extFields"].get(
                    "offset") == "1", "the ack moved the offset")


def test_lite_topics(deployment):
    """Apache's proxy has no handler for their codes. Questions pass, of their consumers too."""
    topic = lite.parent(deployment, one_broker=True)
    group = lite.group(deployment, topic)
    with RemotingSocket(remoting_endpoints(deployment)[0], timeout=10) as client, RawClient(deployment.endpoint) as v5:
        broker = route(client, topic)["brokerDatas"][0]["brokerName"]
        for code in range(200070, 200080):
            head, _ = client.call(code, {"topic": topic, "group": group, "bname": broker})
            assert head["code"] == REQUEST_CODE_NOT_SUPPORTED and str(code) in head["remark"]
        question = {
            "consumerGroup": group, "topic": topic, "queueId": "-1", "pollTime": "0", "order": "false",
            "bornTime": str(int(time.time() * 1000)), "isLiteConsumer": "true", "bname": broker}

        def has_message(**fields) -> str:
            head, _ = client.call(NOTIFICATION, question | fields)
            assert head["code"] == 0, head
            return head["extFields"]["hasMsg"]

        assert client.call(NOTIFICATION, question)[0]["code"] == INVALID_PARAMETER, "it does not say of which client"
        question["clientId"] = v5.metadata[0][1]
        lite.add(v5, topic, group, "x")
        assert has_message() == "false"
        client.send(frame(header(NOTIFICATION, 77, question | {"pollTime": "9000"})))
        started = time.monotonic()
        lite.send(v5, topic, "x", b"1")
        head, _ = client.read()
        assert head["opaque"] == 77 and head["extFields"]["hasMsg"] == "true" and time.monotonic() - started < 5
        # It is still there.
        assert has_message() == "true"
        assert [m.body for m in lite.drain(v5, topic, group, 1)] == [b"1"]


def test_members_of_a_group_see_each_other_through_any_proxy(deployment):
    topic, group = deployment.topic(), deployment.group()
    endpoints = remoting_endpoints(deployment)
    with RemotingSocket(endpoints[0]) as first, RemotingSocket(endpoints[-1]) as second:
        heartbeat(first, group, topic, "client-1")
        heartbeat(second, group, topic, "client-2")
        for client in (first, second):
            def members() -> list[str]:
                return sorted(json.loads(ask(client, CONSUMER_LIST, {"consumerGroup": group})[1])["consumerIdList"])

            eventually(lambda: members() == ["client-1", "client-2"], "both are members")
    with RemotingSocket(endpoints[0]) as third:
        heartbeat(third, group, topic, "client-3")
        eventually(
            lambda: b"client-1" not in ask(third, CONSUMER_LIST, {"consumerGroup": group})[1], "who left is gone")


def test_clients_before_5_0_work_when_there_is_no_doubt(deployment):
    topic = deployment.topic(queues=2, one_broker=True)
    with RemotingSocket(remoting_endpoints(deployment)[0]) as client:
        assert send(client, topic, None, b"one broker")["code"] == 0
    if hasattr(deployment, "proxies"):
        topic = deployment.topic()
        with RemotingSocket(remoting_endpoints(deployment)[0]) as client:
            head = send(client, topic, None, b"two brokers")
            assert head["code"] == VERSION_NOT_SUPPORTED and "bname" in head["remark"]


def test_the_4x_client_sends_through_the_proxy(local):
    if not PYTHON.exists():
        pytest.fail(f"{PYTHON} is missing: run ./scripts/test --integration once")
    topic, group = local.topic(), local.group()
    done = subprocess.run(
        [PYTHON, SCRIPT, remoting_endpoints(local)[0], topic, "single", "10"], capture_output=True, text=True,
        timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    with sdk.simple_consumer(local.endpoint, group, topic) as consumer:
        assert len(sdk.receive(consumer, 10)) == 10


def test_each_port_takes_the_other_protocol(deployment):
    topic, group = deployment.topic(queues=1, one_broker=True), deployment.group()
    with RawClient(remoting_endpoints(deployment)[0]) as client:
        client.send_ok(message(topic, b"gRPC on the remoting port"))
        assert client.receive_all(topic, group, 1)[0].body == b"gRPC on the remoting port"
    with RemotingSocket(deployment.endpoint) as client:
        assert route(client, topic)["queueDatas"]
