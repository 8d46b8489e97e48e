"""PullMessage: queues read from an offset on, in both modes."""

import threading
import time

import grpc
import pytest
from harness.raw import NOT_FOUND, OK, RawClient, d, message, resource, s
from harness.waiting import eventually


class Pulled:
    def __init__(self, frames):
        self.code, self.messages, self.next_offset, last = 0, [], None, None
        for frame in frames:
            last = frame.WhichOneof("content")
            if last == "status":
                self.code = frame.status.code
            elif last == "message":
                self.messages.append(frame.message)
            else:
                self.next_offset = frame.next_offset
        self.last = last

    @property
    def bodies(self) -> list[bytes]:
        return [m.body for m in self.messages]


def pull(client: RawClient, queue: d.MessageQueue, offset: int, *, group: str = "pull-group", count: int = 32,
         expression: str = "*", kind: int = d.FilterType.TAG, poll_seconds: float = 0, timeout: float = 10) -> Pulled:
    request = s.PullMessageRequest(
        group=resource(group), message_queue=queue, offset=offset, batch_size=count,
        filter_expression=d.FilterExpression(type=kind, expression=expression))
    if poll_seconds:
        request.long_polling_timeout.FromMilliseconds(int(poll_seconds * 1000))
    return Pulled(client.stub.PullMessage(request, metadata=client.metadata, timeout=timeout))


def one_queue(deployment, client: RawClient) -> tuple[str, d.MessageQueue]:
    topic = deployment.topic(queues=1, one_broker=True)
    (queue,) = client.query_route(topic).message_queues
    return topic, queue


def fill(client: RawClient, queue: d.MessageQueue, *messages: d.Message) -> None:
    """Sends, and waits until all of it can be read: that is a moment after the answer."""
    for each in messages:
        client.send_ok(each)
    request = s.QueryOffsetRequest(message_queue=queue, query_offset_policy=d.QueryOffsetPolicy.END)
    eventually(
        lambda: client.stub.QueryOffset(request, metadata=client.metadata, timeout=5).offset == len(messages),
        "the queue holds the messages")


def test_a_queue_is_read_from_any_offset(deployment):
    with RawClient(deployment.endpoint) as client, RawClient(deployment.endpoints[-1]) as other:
        topic, queue = one_queue(deployment, client)
        fill(client, queue, *[
            message(topic, b"%d" % n, tag="t", keys=["k"], properties={"n": str(n)}) for n in range(10)])
        all_of_it = pull(client, queue, 0)
        assert all_of_it.code == OK and all_of_it.last == "next_offset" and all_of_it.next_offset == 10
        assert all_of_it.bodies == [b"%d" % n for n in range(10)]
        for n, each in enumerate(all_of_it.messages):
            system = each.system_properties
            assert (system.queue_id, system.queue_offset, system.tag, list(system.keys)) == (0, n, "t", ["k"])
            assert each.topic.name == topic and each.user_properties["n"] == str(n)
            assert system.HasField("store_timestamp") and system.body_digest.checksum
        # Reading changes nothing: again, elsewhere, in pieces.
        for client in (client, other):
            offset, seen = 4, []
            while offset < 10:
                part = pull(client, queue, offset, count=4)
                seen += part.bodies
                assert part.next_offset == offset + len(part.messages)
                offset = part.next_offset
            assert seen == [b"%d" % n for n in range(4, 10)]


def test_filters_pass_over_what_is_not_wanted(deployment):
    with RawClient(deployment.endpoint) as client:
        topic, queue = one_queue(deployment, client)
        fill(client, queue, *[
            message(topic, b"%d" % n, tag="abc"[n % 3], properties={"n": str(n)}) for n in range(12)])
        tagged = pull(client, queue, 0, expression="a||c")
        assert tagged.bodies == [b"%d" % n for n in range(12) if n % 3 != 1] and tagged.next_offset == 12
        picked = pull(client, queue, 0, expression="n > 8 AND TAGS = 'b'", kind=d.FilterType.SQL)
        assert picked.bodies == [b"10"] and picked.next_offset == 12
        nothing = pull(client, queue, 0, expression="z")
        assert (nothing.code, nothing.messages, nothing.next_offset) == (NOT_FOUND, [], 12)


@pytest.mark.alone
def test_a_poll_waits_for_the_next_message(deployment):
    with RawClient(deployment.endpoint) as client:
        topic, queue = one_queue(deployment, client)
        fill(client, queue, message(topic, b"old"))
        results: list[tuple[float, Pulled]] = []

        def wait():
            answer = pull(client, queue, 1, poll_seconds=15, timeout=20)
            results.append((time.monotonic(), answer))

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        time.sleep(1)
        assert not results
        sent = time.monotonic()
        client.send_ok(message(topic, b"new"))
        thread.join(10)
        ((at, answer),) = results
        assert answer.bodies == [b"new"] and answer.next_offset == 2 and at - sent < 1
        started = time.monotonic()
        empty = pull(client, queue, 2, poll_seconds=1)
        assert (empty.code, empty.next_offset, empty.last) == (NOT_FOUND, 2, "next_offset")
        assert 0.8 < time.monotonic() - started < 4
        before = time.monotonic()
        assert pull(client, queue, 2).code == NOT_FOUND
        assert time.monotonic() - before < 0.8, "without a polling time the answer comes at once"


def test_a_filtered_poll_is_not_ended_by_other_messages(deployment):
    with RawClient(deployment.endpoint) as client:
        topic, queue = one_queue(deployment, client)
        results: list[Pulled] = []
        thread = threading.Thread(
            target=lambda: results.append(pull(client, queue, 0, expression="b", poll_seconds=15, timeout=20)),
            daemon=True)
        thread.start()
        time.sleep(0.5)
        client.send_ok(message(topic, b"1", tag="a"))
        time.sleep(0.5)
        assert not results
        client.send_ok(message(topic, b"2", tag="b"))
        thread.join(10)
        assert results[0].bodies == [b"2"] and results[0].next_offset == 2


def test_offsets_out_of_the_queue(deployment):
    with RawClient(deployment.endpoint) as client:
        topic, queue = one_queue(deployment, client)
        fill(client, queue, *[message(topic, b"%d" % n) for n in range(3)])
        beyond = pull(client, queue, 100)
        assert (beyond.code, beyond.messages, beyond.next_offset) == (d.Code.ILLEGAL_OFFSET, [], 3)
        assert pull(client, queue, -1).code == d.Code.ILLEGAL_OFFSET


def test_queues_that_are_none(deployment):
    with RawClient(deployment.endpoint) as client:
        topic, queue = one_queue(deployment, client)
        for change, code in (
                (dict(id=1), d.Code.BAD_REQUEST), (dict(id=-1), d.Code.BAD_REQUEST),
                (dict(topic=resource("no-such-topic")), d.Code.TOPIC_NOT_FOUND),
                (dict(topic=resource("no topic")), d.Code.ILLEGAL_TOPIC),
                (dict(broker=d.Broker(name="no-such-broker")), d.Code.BAD_REQUEST)):
            wrong = d.MessageQueue()
            wrong.CopyFrom(queue)
            for name, value in change.items():
                if name == "id":
                    wrong.id = value
                else:
                    getattr(wrong, name).CopyFrom(value)
            assert pull(client, wrong, 0).code == code, change
        assert pull(client, queue, 0, group="").code == d.Code.ILLEGAL_CONSUMER_GROUP
        assert pull(client, queue, 0, expression=" ", kind=d.FilterType.SQL).code == d.Code.ILLEGAL_FILTER_EXPRESSION
        assert pull(client, queue, 0, expression="((", kind=d.FilterType.SQL).code == d.Code.ILLEGAL_FILTER_EXPRESSION


def test_a_poll_ends_with_its_deadline_and_its_client(fresh_local):
    local = fresh_local()
    with RawClient(local.endpoint) as client:
        topic, queue = one_queue(local, client)
        started = time.monotonic()
        answer = pull(client, queue, 0, poll_seconds=20, timeout=3)
        assert answer.code == NOT_FOUND and time.monotonic() - started < 3
        with pytest.raises(grpc.RpcError):
            request = s.PullMessageRequest(group=resource("g"), message_queue=queue)
            request.long_polling_timeout.FromSeconds(20)
            call = client.stub.PullMessage(request, metadata=client.metadata, timeout=25)
            threading.Timer(0.5, call.cancel).start()
            next(call)
        fill(client, queue, message(topic, b"later"))
        assert pull(client, queue, 0).bodies == [b"later"]
        started = time.monotonic()
        waiting = threading.Thread(
            target=lambda: pull(client, queue, 1, poll_seconds=20, timeout=25), daemon=True)
        waiting.start()
        time.sleep(0.5)
        assert local.proxy.terminate() == 0
        waiting.join(5)
        assert not waiting.is_alive() and time.monotonic() - started < 12


def test_a_consumer_that_keeps_its_own_place(deployment):
    """What a pull consumer does: asks where it is, reads on, says how far it came; its successor goes on from there."""
    group = deployment.group()
    with RawClient(deployment.endpoint) as client, RawClient(deployment.endpoints[-1]) as successor:
        topic, queue = one_queue(deployment, client)
        fill(client, queue, *[message(topic, b"%d" % n) for n in range(6)])
        meta = {"metadata": client.metadata, "timeout": 5}
        where = client.stub.QueryOffset(
            s.QueryOffsetRequest(message_queue=queue, query_offset_policy=d.QueryOffsetPolicy.BEGINNING), **meta)
        first = pull(client, queue, where.offset, group=group, count=4)
        updated = client.stub.UpdateOffset(
            s.UpdateOffsetRequest(group=resource(group), message_queue=queue, offset=first.next_offset), **meta)
        assert updated.status.code == OK

        def place():
            answer = successor.stub.GetOffset(s.GetOffsetRequest(group=resource(group), message_queue=queue), **meta)
            return answer.offset if answer.status.code == OK else None

        eventually(lambda: place() == 4, "the successor knows the place")
        rest = pull(successor, queue, place(), group=group)
        assert first.bodies + rest.bodies == [b"%d" % n for n in range(6)]
