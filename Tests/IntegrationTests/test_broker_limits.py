"""The limits that the README tells of a broker: the last value within is taken, the first one beyond gets the code."""

import socket
import struct

import pytest
from harness import legacy_send
from harness.remoting import RemotingSocket

UPDATE_AND_CREATE_TOPIC, UPDATE_GROUP, POP_MESSAGE, PULL_MESSAGE = 17, 200, 200050, 11
SUCCESS, MESSAGE_ILLEGAL, SUBSCRIPTION_PARSE_FAILED, INVALID_PARAMETER, NOT_FOUND = 0, 13, 23, 29, 19
POLLING_TIMEOUT = 210


@pytest.fixture
def broker(local):
    with RemotingSocket(local.broker_address, timeout=20) as connection:
        yield connection


def send(broker: RemotingSocket, topic: str, body: bytes = b"x", properties: str = "") -> tuple[int, str]:
    head = legacy_send.send(broker, topic, body, properties=properties)
    return head["code"], head.get("remark", "")


def test_bodies(broker, local):
    topic = local.topic()
    assert send(broker, topic, b"x" * (4 << 20))[0] == SUCCESS
    code, remark = send(broker, topic, b"x" * ((4 << 20) + 1))
    assert code == MESSAGE_ILLEGAL and "4194304" in remark
    assert send(broker, topic, b"")[0] == MESSAGE_ILLEGAL


def test_properties(broker, local):
    """The broker's own count: about a hundred bytes."""
    topic = local.topic()

    def of(count: int) -> str:
        text = "UNIQ_KEY\x01K\x02long\x01"
        return text + "y" * (count - len(text) - 1) + "\x02"

    assert send(broker, topic, properties=of(32_600))[0] == SUCCESS
    code, remark = send(broker, topic, properties=of(32_768))
    assert code == MESSAGE_ILLEGAL and "32767" in remark
    accepted, refused = 32_600, 32_768
    while refused - accepted > 1:
        middle = (accepted + refused) // 2
        if send(broker, topic, properties=of(middle))[0] == SUCCESS:
            accepted = middle
        else:
            refused = middle
    stored = len(local.admin.run("queryMsgByUniqueKey", "-t", topic, "-i", "K", "--json").json[-1]["properties"]["long"])
    assert 32_767 - 200 < accepted <= 32_767 and stored > 32_000


@pytest.mark.parametrize("name, code", [
    ("t" * 127, SUCCESS), ("t" * 128, INVALID_PARAMETER), ("with blank", INVALID_PARAMETER),
    ("%|-_azAZ09", SUCCESS), ("ümlaut", INVALID_PARAMETER), ("a.b", INVALID_PARAMETER)])
def test_names_of_topics(broker, name, code):
    assert send(broker, name)[0] == code


@pytest.mark.parametrize("queues, code", [("65536", SUCCESS), ("65537", INVALID_PARAMETER), ("-1", INVALID_PARAMETER)])
def test_queues_of_a_topic(broker, local, queues, code):
    head, _ = broker.call(UPDATE_AND_CREATE_TOPIC, {
        "topic": local.name(), "defaultTopic": "TBW102", "readQueueNums": queues, "writeQueueNums": queues, "perm": "6",
        "topicFilterType": "SINGLE_TAG", "topicSysFlag": "0", "order": "false", "attributes": ""})
    assert head["code"] == code, head


@pytest.mark.parametrize("length, code", [(120, SUCCESS), (121, INVALID_PARAMETER)])
def test_names_of_groups(broker, length, code):
    head, _ = broker.call(UPDATE_GROUP, body=b'{"groupName": "%s"}' % (b"g" * length))
    assert head["code"] == code, head


def test_delays(broker, local):
    topic, day = local.topic(message_type="DELAY"), 86_400
    assert send(broker, topic, properties=f"TIMER_DELAY_SEC\x01{40 * day - 10}\x02")[0] == SUCCESS
    assert send(broker, topic, properties=f"TIMER_DELAY_SEC\x01{40 * day + 10}\x02")[0] == MESSAGE_ILLEGAL


@pytest.mark.parametrize("length, code", [(16 * 1024, NOT_FOUND), (16 * 1024 + 1, SUBSCRIPTION_PARSE_FAILED)])
def test_filter_expressions(broker, local, length, code):
    start = "a = '"
    head, _ = broker.call(PULL_MESSAGE, {
        "consumerGroup": "limits", "topic": local.topic(), "queueId": "0", "queueOffset": "0", "maxMsgNums": "1",
        "sysFlag": "4", "commitOffset": "0", "suspendTimeoutMillis": "0", "subVersion": "0", "expressionType": "SQL92",
        "subscription": start + "v" * (length - len(start) - 1) + "'"})
    assert head["code"] == code, head


@pytest.mark.parametrize("count, code", [("32", POLLING_TIMEOUT), ("33", INVALID_PARAMETER), ("0", INVALID_PARAMETER)])
def test_messages_of_a_pop(broker, local, count, code):
    head, _ = broker.call(POP_MESSAGE, {
        "consumerGroup": "limits", "topic": local.topic(), "queueId": "-1", "maxMsgNums": count, "invisibleTime": "1000",
        "pollTime": "0", "bornTime": "0", "initMode": "0", "expType": "TAG", "exp": "*", "order": "false"})
    assert head["code"] == code, head


def test_messages_of_a_pull(broker, local):
    topic = local.topic(queues=1)
    for _ in range(40):
        assert send(broker, topic, b"s" * 10)[0] == SUCCESS

    def pulled() -> tuple[int, int]:
        head, body = broker.call(PULL_MESSAGE, {
            "consumerGroup": "limits", "topic": topic, "queueId": "0", "queueOffset": "0", "maxMsgNums": "1000",
            "sysFlag": "4", "commitOffset": "0", "suspendTimeoutMillis": "0", "subVersion": "0", "subscription": "*"})
        return int(head["extFields"]["nextBeginOffset"]), len(body)

    from harness.waiting import eventually
    eventually(lambda: local.admin.stored_count(topic) == 40, "all are in the queue")
    assert pulled()[0] == 32
    large = local.topic(queues=1)
    for _ in range(4):
        assert send(broker, large, b"s" * 100_000)[0] == SUCCESS
    eventually(lambda: local.admin.stored_count(large) == 4, "all are in the queue")
    topic = large
    count, size = pulled()
    assert count == 2 and size <= 256 << 10


def test_frames(local):
    host, port = local.broker_address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(struct.pack(">II", (16 << 20) + 1, 100))
        assert connection.recv(1) == b""
