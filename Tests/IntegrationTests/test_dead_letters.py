"""ForwardMessageToDeadLetterQueue, and where given-up messages are found again."""

from harness.raw import OK, RawClient, d, fifo, message, resource, s
from harness.waiting import eventually


def forward(client: RawClient, topic: str, group: str, handle: str, message_id: str = "", attempts: int = 1) -> d.Status:
    request = s.ForwardMessageToDeadLetterQueueRequest(
        group=resource(group), topic=resource(topic), receipt_handle=handle, message_id=message_id,
        delivery_attempt=1, max_delivery_attempts=attempts)
    return client.stub.ForwardMessageToDeadLetterQueue(request, metadata=client.metadata, timeout=5).status


def forward_message(client: RawClient, topic: str, group: str, each: d.Message) -> d.Status:
    return forward(client, topic, group, each.system_properties.receipt_handle, each.system_properties.message_id)


def dead_letters(client: RawClient, deployment, group: str, count: int) -> list[d.Message]:
    topic = f"%DLQ%{group}"
    eventually(lambda: client.route_is_known(topic), "the dead-letter topic has a route")
    # The topic is made by the first dead letter: who reads it from the beginning sets its place by hand.
    reader = deployment.group()
    route = client.query_route(topic)

    def pull() -> list[d.Message] | None:
        found = []
        for queue in route.message_queues:
            request = s.PullMessageRequest(
                group=resource(reader), message_queue=queue, offset=0, batch_size=32,
                filter_expression=d.FilterExpression(type=d.FilterType.TAG, expression="*"))
            found += [f.message for f in client.stub.PullMessage(request, metadata=client.metadata, timeout=5)
                      if f.WhichOneof("content") == "message"]
        return found if len(found) >= count else None

    # Stored when the forward is answered, readable in a moment.
    found = eventually(pull, "the dead letters are readable")
    assert len(found) == count, found
    return found


def test_a_forwarded_message_is_a_dead_letter_and_done(deployment):
    topic, group = deployment.topic(queues=1, one_broker=True), deployment.group()
    # Received through one proxy, given up through another, where there is one.
    with RawClient(deployment.endpoints[0]) as one, RawClient(deployment.endpoints[-1]) as other:
        one.send_ok(message(topic, b"poison", tag="t", keys=["k"], properties={"a": "b"}), message(topic, b"good"))
        received = {m.body: m for m in one.receive_all(topic, group, 2, ack=False, invisible_seconds=10)}
        poison = received[b"poison"]
        assert forward_message(other, topic, group, poison).code == OK
        one.ack_ok(topic, group, received[b"good"])
        (dead,) = dead_letters(other, deployment, group, 1)
        assert dead.body == b"poison" and dead.user_properties["a"] == "b"
        assert dead.system_properties.message_id == poison.system_properties.message_id
        assert (dead.system_properties.tag, list(dead.system_properties.keys)) == ("t", ["k"])
        assert dead.system_properties.dead_letter_queue.topic == topic
        assert dead.system_properties.dead_letter_queue.message_id
        # It does not come again to the group that gave it up.
        one.receive_nothing(topic, group, seconds=12)


def test_forwarding_twice_makes_one_dead_letter(deployment):
    topic, group = deployment.topic(queues=1, one_broker=True), deployment.group()
    with RawClient(deployment.endpoint) as client:
        client.send_ok(message(topic, b"once"))
        (each,) = client.receive_all(topic, group, 1, ack=False)
        assert forward_message(client, topic, group, each).code == OK
        again = forward_message(client, topic, group, each).code
        assert again in (OK, d.Code.INVALID_RECEIPT_HANDLE)
        dead_letters(client, deployment, group, 1)


def test_handles_that_forward_nothing(deployment):
    topic, group = deployment.topic(queues=1, one_broker=True), deployment.group()
    with RawClient(deployment.endpoint) as client:
        client.send_ok(message(topic, b"x"))
        (each,) = client.receive_all(topic, group, 1, ack=False)
        fields = each.system_properties.receipt_handle.split(" ")
        invalid = d.Code.INVALID_RECEIPT_HANDLE
        for handle in ("", "x", " ".join(fields[:8]), " ".join(fields[:8] + ["-1"]),
                       " ".join(fields[:5] + ["no-such-broker"] + fields[6:])):
            assert forward(client, topic, group, handle).code == invalid, handle
        assert forward_message(client, topic, "", each).code == d.Code.ILLEGAL_CONSUMER_GROUP
        assert forward_message(client, "", group, each).code == d.Code.ILLEGAL_TOPIC
        # None of that ended the delivery.
        client.ack_ok(topic, group, each)


def test_fifo_groups_go_on_after_a_forward(deployment):
    topic, group = deployment.topic(queues=1, message_type="FIFO", one_broker=True), deployment.group()
    deployment.admin.run("updateSubGroup", "-c", "DefaultCluster", "-g", group, "-o", "true").expect_success()
    with RawClient(deployment.endpoint) as client:
        for n in range(3):
            client.send_ok(fifo(topic, "g", b"%d" % n))
        (first,) = client.receive_all(topic, group, 1, ack=False, invisible_seconds=60)
        assert forward_message(client, topic, group, first).code == OK
        rest = [client.receive_all(topic, group, 1)[0].body for _ in range(2)]
        assert rest == [b"1", b"2"]
        (dead,) = dead_letters(client, deployment, group, 1)
        assert dead.body == b"0"
