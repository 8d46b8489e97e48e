"""Every limit of the v5 API at, under and over its bound, by real calls, with the exact code.

Each row is a name, a call and the code that it has to end with. The rules: `MessageValidation`, and the defaults in
`ProxyConfiguration`.
"""

import time

import grpc
import pytest
from harness.raw import OK, RawClient, d, message, queue, resource, s

C = d.Code
HOUR = 3600
DAY = 24 * HOUR


def varint(number: int) -> bytes:
    return bytes([number & 0x7F | 0x80]) + varint(number >> 7) if number > 0x7F else bytes([number])


def field(number: int, content: bytes) -> bytes:
    """A field with a length, as protobuf writes it."""
    return bytes([number << 3 | 2]) + varint(len(content)) + content


class World:
    """Topics of every kind with a client, made once for each way to run."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.topic = deployment.topic(queues=1, one_broker=True)
        self.fifo = deployment.topic(message_type="FIFO")
        self.delay = deployment.topic(message_type="DELAY")
        self.transaction = deployment.topic(message_type="TRANSACTION")
        self.group = deployment.group()
        self.client = RawClient(deployment.endpoint)
        for _ in range(2):
            self.client.send_ok(*[message(self.topic, b"%d" % n) for n in range(40)])
        _, (self.held,) = self.client.receive(self.topic, self.group, count=1, invisible_seconds=3600)

    def send(self, topic: str | None = None, body: bytes = b"x", kind: int = d.MessageType.NORMAL, change=None,
             **options) -> int:
        made = message(topic or self.topic, body, **options)
        made.system_properties.message_type = kind
        if change:
            change(made.system_properties)
        return self.client.send(made, timeout=20).status.code

    def send_delayed(self, seconds: float) -> int:
        return self.send(self.delay, kind=d.MessageType.DELAY, change=lambda system: (
            system.delivery_timestamp.FromMilliseconds(int((time.time() + seconds) * 1000))))

    def send_half(self, seconds: int) -> int:
        return self.send(self.transaction, kind=d.MessageType.TRANSACTION, change=lambda system: (
            system.orphaned_transaction_recovery_duration.FromSeconds(seconds)))

    def receive(self, **options) -> tuple[int, int]:
        code, messages = self.client.receive(self.topic, self.deployment.group(), **options)
        return code, len(messages)

    def change(self, seconds: float) -> int:
        answer = self.client.change_invisible(self.topic, self.group, self.held, seconds)
        return answer.status.code

    def ack(self, count: int) -> int:
        request = s.AckMessageRequest(group=resource(self.group), topic=resource(self.topic))
        for n in range(count):
            request.entries.add(message_id=f"{n}", receipt_handle="nonsense")
        return self.client.stub.AckMessage(request, metadata=self.client.metadata, timeout=20).status.code

    def route(self, topic: str) -> int:
        return self.client.query_route(topic).status.code

    def assignment(self, group: str) -> int:
        return self.client.query_assignment(self.topic, group).status.code

    def as_client(self, client_id: str | None) -> int:
        metadata = [pair for pair in self.client.metadata if pair[0] != "x-mq-client-id"]
        if client_id is not None:
            metadata.append(("x-mq-client-id", client_id))
        request = s.QueryRouteRequest(topic=resource(self.topic), endpoints=self.client.endpoints)
        return self.client.stub.QueryRoute(request, metadata=metadata, timeout=5).status.code

    def poll(self, seconds: float | None, deadline: float, version: str = "5.1.2") -> int:
        """Code of a receive from a queue with messages, or of its refusal."""
        request = s.ReceiveMessageRequest(
            group=resource(self.deployment.group()), message_queue=queue(self.topic), batch_size=1,
            filter_expression=d.FilterExpression(type=d.FilterType.TAG, expression="*"))
        request.invisible_duration.FromSeconds(30)
        if seconds is not None:
            request.long_polling_timeout.FromMilliseconds(int(seconds * 1000))
        metadata = [pair for pair in self.client.metadata if pair[0] != "x-mq-client-version"]
        metadata.append(("x-mq-client-version", version))
        frames = self.client.stub.ReceiveMessage(request, metadata=metadata, timeout=deadline)
        return [f.status.code for f in frames if f.WhichOneof("content") == "status"][0]

    def pull(self, offset: int) -> int:
        (place,) = self.client.query_route(self.topic).message_queues
        request = s.PullMessageRequest(
            group=resource(self.group), message_queue=place, offset=offset, batch_size=1,
            filter_expression=d.FilterExpression(type=d.FilterType.TAG, expression="*"))
        frames = self.client.stub.PullMessage(request, metadata=self.client.metadata, timeout=5)
        return next(frames).status.code

    def update_offset(self, offset: int) -> int:
        (place,) = self.client.query_route(self.topic).message_queues
        request = s.UpdateOffsetRequest(group=resource(self.group), message_queue=place, offset=offset)
        return self.client.stub.UpdateOffset(request, metadata=self.client.metadata, timeout=5).status.code

    def settings(self, topics: int = 1, properties: dict | None = None) -> grpc.StatusCode | int:
        """OK, or the status that ends the stream."""
        settings = d.Settings(client_type=d.ClientType.PRODUCER)
        for n in range(topics):
            settings.publishing.topics.add(name=f"t{n}")
        # Newer than the SDK's stubs: field 9, a map.
        settings.MergeFromString(b"".join(
            field(9, field(1, key.encode()) + field(2, value.encode())) for key, value in (properties or {}).items()))
        try:
            frames = self.client.stub.Telemetry(
                iter([s.TelemetryCommand(settings=settings)]), metadata=self.client.metadata, timeout=5)
            return next(frames).status.code
        except grpc.RpcError as error:
            return error.code()


@pytest.fixture(scope="module")
def worlds():
    made: dict = {}
    yield made
    for world in made.values():
        world.client.channel.close()


@pytest.fixture
def world(deployment, worlds) -> World:
    if deployment not in worlds:
        worlds[deployment] = World(deployment)
    return worlds[deployment]


def text(count: int, letter: str = "x") -> str:
    return letter * count


def properties(count: int) -> dict:
    return {f"k{n}": "v" for n in range(count)}


ROWS = {
    # Bodies
    "body of 0": (lambda w: w.send(body=b""), C.MESSAGE_BODY_EMPTY),
    "body of 1": (lambda w: w.send(body=b"x"), OK),
    "body at 4 MB": (lambda w: w.send(body=bytes(4_194_304)), OK),
    "body over 4 MB": (lambda w: w.send(body=bytes(4_194_305)), C.MESSAGE_BODY_TOO_LARGE),
    # Topics
    "topic of 0": (lambda w: w.route(""), C.ILLEGAL_TOPIC),
    "topic of 1": (lambda w: w.route("t"), C.TOPIC_NOT_FOUND),
    "topic at 127": (lambda w: w.route(text(127)), C.TOPIC_NOT_FOUND),
    "topic over 127": (lambda w: w.route(text(128)), C.ILLEGAL_TOPIC),
    "topic with a space": (lambda w: w.route("a b"), C.ILLEGAL_TOPIC),
    "topic with a dot": (lambda w: w.route("a.b"), C.ILLEGAL_TOPIC),
    "topic beyond ASCII": (lambda w: w.route("тема"), C.ILLEGAL_TOPIC),
    "topic of every allowed letter": (lambda w: w.route("%|aZ09_-"), C.TOPIC_NOT_FOUND),
    "topic of the system": (lambda w: w.route("RMQ_SYS_TRANS_HALF_TOPIC"), C.ILLEGAL_TOPIC),
    "topic with the system's prefix": (lambda w: w.route("rmq_sys_x"), C.ILLEGAL_TOPIC),
    "send to an illegal topic": (lambda w: w.send(topic="a b"), C.ILLEGAL_TOPIC),
    "send to an absent topic": (lambda w: w.send(topic="no-such-topic"), C.TOPIC_NOT_FOUND),
    # Groups
    "group of 0": (lambda w: w.assignment(""), C.ILLEGAL_CONSUMER_GROUP),
    "group of 1": (lambda w: w.assignment("g"), OK),
    "group at 120": (lambda w: w.assignment(text(120)), OK),
    "group over 120": (lambda w: w.assignment(text(121)), C.ILLEGAL_CONSUMER_GROUP),
    "group with a space": (lambda w: w.assignment("a b"), C.ILLEGAL_CONSUMER_GROUP),
    "group of the system": (lambda w: w.assignment("CID_RMQ_SYS_x"), C.ILLEGAL_CONSUMER_GROUP),
    # Tags and keys
    "tag of 0": (lambda w: w.send(tag=""), OK),
    "tag": (lambda w: w.send(tag="a b"), OK),
    "tag of spaces": (lambda w: w.send(tag="  "), C.ILLEGAL_MESSAGE_TAG),
    "tag with a pipe": (lambda w: w.send(tag="a|b"), C.ILLEGAL_MESSAGE_TAG),
    "tag with a control character": (lambda w: w.send(tag="a\x01"), C.ILLEGAL_MESSAGE_TAG),
    "key": (lambda w: w.send(keys=["k", "ключ"]), OK),
    "key of 0": (lambda w: w.send(keys=["k", ""]), C.ILLEGAL_MESSAGE_KEY),
    "key of spaces": (lambda w: w.send(keys=[" "]), C.ILLEGAL_MESSAGE_KEY),
    "key with a control character": (lambda w: w.send(keys=["a\x7f"]), C.ILLEGAL_MESSAGE_KEY),
    # Properties
    "127 properties": (lambda w: w.send(properties=properties(127)), OK),
    "properties at 128": (lambda w: w.send(properties=properties(128)), OK),
    "properties over 128": (lambda w: w.send(properties=properties(129)), C.MESSAGE_PROPERTIES_TOO_LARGE),
    "16383 bytes of properties": (lambda w: w.send(properties={"k": text(16_382)}), OK),
    "properties at 16384 bytes": (lambda w: w.send(properties={"k": text(16_383)}), OK),
    "properties over 16384 bytes": (
        lambda w: w.send(properties={"k": text(16_384)}), C.MESSAGE_PROPERTIES_TOO_LARGE),
    "tag and keys count": (
        lambda w: w.send(properties={"k": text(16_381)}, tag="t", keys=["k"]), OK),
    "tag and keys count, over": (
        lambda w: w.send(properties={"k": text(16_382)}, tag="t", keys=["k"]), C.MESSAGE_PROPERTIES_TOO_LARGE),
    "property without a name": (lambda w: w.send(properties={"": "v"}), C.ILLEGAL_MESSAGE_PROPERTY_KEY),
    "property of the system": (lambda w: w.send(properties={"TAGS": "v"}), C.ILLEGAL_MESSAGE_PROPERTY_KEY),
    "name with a control character": (lambda w: w.send(properties={"a\x01": "v"}), C.ILLEGAL_MESSAGE_PROPERTY_KEY),
    "value with a control character": (lambda w: w.send(properties={"a": "v\x02"}), C.ILLEGAL_MESSAGE_PROPERTY_KEY),
    # Ids
    "message id of 0": (lambda w: w.send(change=lambda p: p.ClearField("message_id")), C.ILLEGAL_MESSAGE_ID),
    "message id of spaces": (lambda w: w.send(message_id="  "), C.ILLEGAL_MESSAGE_ID),
    "message id of 1": (lambda w: w.send(message_id="1"), OK),
    "message id at 1024": (lambda w: w.send(message_id=text(1024)), OK),
    "message id over 1024": (lambda w: w.send(message_id=text(1025)), C.ILLEGAL_MESSAGE_ID),
    "message id with a control character": (lambda w: w.send(message_id="a\x01"), C.ILLEGAL_MESSAGE_ID),
    "client id": (lambda w: w.as_client("c"), OK),
    "no client id": (lambda w: w.as_client(None), C.CLIENT_ID_REQUIRED),
    # One of spaces is no header that HTTP/2 allows.
    "client id of 0": (lambda w: w.as_client(""), C.CLIENT_ID_REQUIRED),
    # Message groups
    "message group at 63": (
        lambda w: w.send(w.fifo, kind=d.MessageType.FIFO, message_group=text(63)), OK),
    "message group over 63": (
        lambda w: w.send(w.fifo, kind=d.MessageType.FIFO, message_group=text(64)), C.ILLEGAL_MESSAGE_GROUP),
    "message group of 32 letters, 64 bytes": (
        lambda w: w.send(w.fifo, kind=d.MessageType.FIFO, message_group=text(32, "я")), C.ILLEGAL_MESSAGE_GROUP),
    "message group of spaces": (
        lambda w: w.send(w.fifo, kind=d.MessageType.FIFO, message_group=" "), C.ILLEGAL_MESSAGE_GROUP),
    "message group with a control character": (
        lambda w: w.send(w.fifo, kind=d.MessageType.FIFO, message_group="a\x01"), C.ILLEGAL_MESSAGE_GROUP),
    # Kinds
    "normal to FIFO": (lambda w: w.send(w.fifo), C.MESSAGE_PROPERTY_CONFLICT_WITH_TYPE),
    "FIFO to normal": (
        lambda w: w.send(kind=d.MessageType.FIFO, message_group="g"), C.MESSAGE_PROPERTY_CONFLICT_WITH_TYPE),
    "normal to delay": (lambda w: w.send(w.delay), C.MESSAGE_PROPERTY_CONFLICT_WITH_TYPE),
    # Times
    "delivery in the past": (lambda w: w.send_delayed(-5), OK),
    "delay under 40 days": (lambda w: w.send_delayed(40 * DAY - 60), OK),
    "delay over 40 days": (lambda w: w.send_delayed(40 * DAY + 60), C.ILLEGAL_DELIVERY_TIME),
    "recovery under an hour": (lambda w: w.send_half(HOUR - 1), OK),
    "recovery at an hour": (lambda w: w.send_half(HOUR), OK),
    "recovery over an hour": (lambda w: w.send_half(HOUR + 1), C.BAD_REQUEST),
    "invisible for 9.999 s": (lambda w: w.receive(invisible_seconds=9.999)[0], C.ILLEGAL_INVISIBLE_TIME),
    "invisible for 10 s": (lambda w: w.receive(invisible_seconds=10)[0], OK),
    "invisible for 12 h": (lambda w: w.receive(invisible_seconds=12 * HOUR)[0], OK),
    "invisible over 12 h": (lambda w: w.receive(invisible_seconds=12 * HOUR + 0.001)[0], C.ILLEGAL_INVISIBLE_TIME),
    "invisible for 0": (lambda w: w.receive(invisible_seconds=0)[0], C.ILLEGAL_INVISIBLE_TIME),
    "renewed, without a time": (lambda w: w.receive(auto_renew=True)[0], OK),
    "changed to under 0": (lambda w: w.change(-1), C.ILLEGAL_INVISIBLE_TIME),
    "changed to over 12 h": (lambda w: w.change(12 * HOUR + 0.001), C.ILLEGAL_INVISIBLE_TIME),
    # Polling: 5 s to 20 s, whatever is asked for, and never past the deadline
    "poll of 0 s": (lambda w: w.poll(0, 10), OK),
    "poll of an hour": (lambda w: w.poll(HOUR, 30), OK),
    "poll without a time": (lambda w: w.poll(None, 10), OK),
    "deadline at the poll's end": (lambda w: w.poll(6, 6), OK),
    "deadline before the poll's end": (lambda w: w.poll(20, 3), C.ILLEGAL_POLLING_TIME),
    "the same for an old client": (lambda w: w.poll(20, 3, "5.0.2"), C.BAD_REQUEST),
    # Counts
    "batch of 0": (lambda w: w.receive(count=0), (OK, 1)),
    "batch of 1": (lambda w: w.receive(count=1), (OK, 1)),
    "batch at 32": (lambda w: w.receive(count=32), (OK, 32)),
    "batch over 32": (lambda w: w.receive(count=33), (OK, 32)),
    "ack of nothing": (lambda w: w.ack(0), C.BAD_REQUEST),
    "ack of 4096": (lambda w: w.ack(4_096), C.INVALID_RECEIPT_HANDLE),
    "ack over 4096": (lambda w: w.ack(4_097), C.BAD_REQUEST),
    "no messages": (lambda w: w.client.send().status.code, C.MESSAGE_CORRUPTED),
    "1024 messages": (lambda w: w.client.send(*[message(w.topic)] * 1_024, timeout=20).status.code, OK),
    "over 1024 messages": (
        lambda w: w.client.send(*[message(w.topic)] * 1_025, timeout=20).status.code, C.MESSAGE_CORRUPTED),
    "two topics": (lambda w: w.client.send(message(w.topic), message(w.fifo)).status.code, C.MESSAGE_CORRUPTED),
    # Filters
    "SQL of nothing": (
        lambda w: w.client.stub.ReceiveMessage(s.ReceiveMessageRequest(
            group=resource(w.group), message_queue=queue(w.topic), batch_size=1, auto_renew=True,
            filter_expression=d.FilterExpression(type=d.FilterType.SQL, expression=" ")),
            metadata=w.client.metadata, timeout=10).next().status.code, C.ILLEGAL_FILTER_EXPRESSION),
    "tags of pipes": (lambda w: w.receive(expression="||")[0], C.ILLEGAL_FILTER_EXPRESSION),
    # Offsets
    "offset under 0": (lambda w: w.pull(-1), C.ILLEGAL_OFFSET),
    "offset of 0": (lambda w: w.pull(0), OK),
    "offset beyond the end": (lambda w: w.pull(10_000_000), C.ILLEGAL_OFFSET),
    "position under 0": (lambda w: w.update_offset(-1), C.ILLEGAL_OFFSET),
    "position of 0": (lambda w: w.update_offset(0), OK),
    # Settings
    "settings of 4096 topics": (lambda w: w.settings(topics=4_096), OK),
    "settings of over 4096 topics": (lambda w: w.settings(topics=4_097), grpc.StatusCode.RESOURCE_EXHAUSTED),
    "32 labels": (lambda w: w.settings(properties=properties(32)), OK),
    "over 32 labels": (lambda w: w.settings(properties=properties(33)), grpc.StatusCode.INVALID_ARGUMENT),
    "label name at 64": (lambda w: w.settings(properties={text(64): "v"}), OK),
    "label name over 64": (lambda w: w.settings(properties={text(65): "v"}), grpc.StatusCode.INVALID_ARGUMENT),
    "label at 256": (lambda w: w.settings(properties={"k": text(256)}), OK),
    "label over 256": (lambda w: w.settings(properties={"k": text(257)}), grpc.StatusCode.INVALID_ARGUMENT),
    "label of the system": (lambda w: w.settings(properties={"rocketmq.x": "v"}), grpc.StatusCode.INVALID_ARGUMENT),
}


@pytest.mark.parametrize("row", ROWS)
def test_limit(world, row):
    call, expected = ROWS[row]
    assert call(world) == expected
