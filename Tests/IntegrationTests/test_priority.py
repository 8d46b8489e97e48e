"""Messages with a priority: the higher ones first among what is there."""

from harness.raw import OK, RawClient, d, message
from harness.waiting import eventually


def with_priority(topic: str, priority: int, body: bytes) -> d.Message:
    result = message(topic, body, priority=priority)
    result.system_properties.message_type = d.MessageType.PRIORITY
    return result


def test_higher_priorities_come_first(deployment):
    topic, group = deployment.topic(queues=4, message_type="PRIORITY", one_broker=True), deployment.group()
    with RawClient(deployment.endpoint) as client:
        for priority in (0, 3, 1, 2, 9, 0, 3):
            client.send_ok(with_priority(topic, priority, b"%d" % priority))
        eventually(lambda: deployment.admin.stored_count(topic) == 7, "all are in their queues")
        received = []
        while len(received) < 7:
            code, messages = client.receive(topic, group, count=2, invisible_seconds=60)
            assert code == OK
            client.ack_ok(topic, group, *messages)
            received += messages
    # 9 is more than there are queues: it shares the last one with 3, in the order of sending.
    assert [m.body for m in received] == [b"3", b"9", b"3", b"2", b"1", b"0", b"0"]
    assert all(m.system_properties.message_type == d.MessageType.PRIORITY for m in received)
    assert [m.system_properties.priority for m in received] == [3, 9, 3, 2, 1, 0, 0]


def test_a_failed_message_comes_again_before_lower_ones(deployment):
    topic, group = deployment.topic(queues=4, message_type="PRIORITY", one_broker=True), deployment.group()
    with RawClient(deployment.endpoint) as client:
        client.send_ok(with_priority(topic, 1, b"low"))
        client.send_ok(with_priority(topic, 2, b"high"))
        eventually(lambda: deployment.admin.stored_count(topic) == 2, "both are in their queues")
        _, (high,) = client.receive(topic, group, count=1)
        assert high.body == b"high"
        client.change_invisible(topic, group, high, 0)
        _, (again,) = client.receive(topic, group, count=1)
        assert again.body == b"high" and again.system_properties.delivery_attempt == 2


def test_priority_needs_a_topic_for_it(deployment):
    topic = deployment.topic()
    with RawClient(deployment.endpoint) as client:
        answer = client.send(with_priority(topic, 1, b"x"))
        assert answer.status.code == d.Code.MESSAGE_PROPERTY_CONFLICT_WITH_TYPE
