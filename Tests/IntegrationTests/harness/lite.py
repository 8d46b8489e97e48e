"""Lite topics: the SDK's lite clients, and the calls behind them."""

import contextlib
import json
import queue as queues
import threading

from rocketmq import LitePushConsumer, LiteSimpleConsumer, Message
from rocketmq.v5.exception import LiteSubscriptionQuotaExceededException

from .raw import OK, RawClient, d, message, resource, s
from .sdk import configuration, running
from .waiting import eventually


def parent(deployment, *, expiration: int | None = None, **options) -> str:
    """A topic for lite topics."""
    topic = deployment.topic(message_type="LITE", **options)
    if expiration is not None:
        deployment.admin.run(
            "updateTopic", "-c", "DefaultCluster", "-t", topic, "-a", f"+lite.topic.expiration={expiration}"
        ).expect_success()
    return topic


def group(deployment, topic: str, *attributes: str, **options) -> str:
    """A group bound to the topic, known to every proxy."""
    name = deployment.group()
    bind(deployment, name, topic, *attributes, **options)
    for endpoint in deployment.endpoints:
        with RawClient(endpoint) as client:
            eventually(lambda: sync(client, topic, name, COMPLETE_ADD).status.code == OK, f"{endpoint} knows {name}")
            sync(client, topic, name, COMPLETE_REMOVE)
    return name


def bind(deployment, name: str, topic: str, *attributes: str, retries: int = 16, orderly: bool = False) -> None:
    """The broker keeps the order for every group; the SDK's own threads only for those that are orderly."""
    deployment.admin.run(
        "updateSubGroup", "-c", "DefaultCluster", "-g", name, "-r", str(retries), "-o", str(orderly).lower(),
        "-p", json.dumps({"type": "EXPONENTIAL", "exponentialRetryPolicy": {"initial": 2000, "max": 4000, "multiplier": 2}}),
        "-a", ",".join([f"+lite.bind.topic={topic}", *attributes])).expect_success()


PARTIAL_ADD, PARTIAL_REMOVE, COMPLETE_ADD, COMPLETE_REMOVE = range(4)


def sync(client: RawClient, topic: str, group: str, action: int, *names: str, option=None):
    request = s.SyncLiteSubscriptionRequest(
        action=action, topic=resource(topic), group=resource(group), lite_topic_set=names)
    if option is not None:
        request.offset_option.CopyFrom(option)
    return client.stub.SyncLiteSubscription(request, metadata=client.metadata, timeout=5)


def add(client: RawClient, topic: str, group: str, *names: str, **options) -> None:
    for name in names:
        answer = sync(client, topic, group, PARTIAL_ADD, name, **options)
        assert answer.status.code == OK, answer


def lite_message(topic: str, lite: str, body: bytes) -> d.Message:
    result = message(topic, body, lite_topic=lite)
    result.system_properties.message_type = d.MessageType.LITE
    return result


def send(client: RawClient, topic: str, lite: str, *bodies: bytes) -> None:
    for body in bodies:
        client.send_ok(lite_message(topic, lite, body))


def ack(client: RawClient, topic: str, group: str, *messages: d.Message) -> None:
    request = s.AckMessageRequest(
        group=resource(group), topic=resource(topic),
        entries=[
            s.AckMessageEntry(
                message_id=m.system_properties.message_id, receipt_handle=m.system_properties.receipt_handle,
                lite_topic=m.system_properties.lite_topic)
            for m in messages
        ])
    answer = client.stub.AckMessage(request, metadata=client.metadata, timeout=5)
    assert answer.status.code == OK, answer


def change(client: RawClient, topic: str, group: str, m: d.Message, seconds: float, suspend: bool = False):
    request = s.ChangeInvisibleDurationRequest(
        group=resource(group), topic=resource(topic), message_id=m.system_properties.message_id,
        receipt_handle=m.system_properties.receipt_handle, lite_topic=m.system_properties.lite_topic)
    if suspend:
        request.suspend = True
    request.invisible_duration.FromMilliseconds(int(seconds * 1000))
    return client.stub.ChangeInvisibleDuration(request, metadata=client.metadata, timeout=5)


def drain(client: RawClient, topic: str, group: str, count: int, *, seconds: float = 20, ack_them: bool = True,
          batch: int = 32, **options) -> list[d.Message]:
    """Receives until `count` messages came, from whatever broker, and acknowledges them."""
    found: list[d.Message] = []

    def more():
        code, messages = client.receive(topic, group, count=batch, **options)
        found.extend(messages)
        if ack_them and messages:
            ack(client, topic, group, *messages)
        return len(found) >= count

    eventually(more, lambda: f"{len(found)} of {count} messages came", seconds=seconds)
    return found


class Stream:
    """The telemetry stream of a lite consumer."""

    def __init__(self, client: RawClient, topic: str, group: str, client_type=d.ClientType.LITE_PUSH_CONSUMER):
        self._out: queues.Queue = queues.Queue()
        self.commands: list[s.TelemetryCommand] = []
        settings = d.Settings(client_type=client_type)
        settings.subscription.group.name = group
        entry = settings.subscription.subscriptions.add()
        entry.topic.name = topic
        entry.expression.type = d.FilterType.TAG
        entry.expression.expression = "*"
        self._out.put(s.TelemetryCommand(settings=settings))
        self._call = client.stub.Telemetry(iter(self._out.get, None), metadata=client.metadata)
        self.error = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        try:
            for command in self._call:
                self.commands.append(command)
        except Exception as error:
            self.error = error

    def __enter__(self):
        eventually(lambda: self.commands or self.error, "the settings are answered")
        return self

    def __exit__(self, *_):
        self._out.put(None)
        self._call.cancel()
        self._thread.join(5)

    @property
    def settings(self) -> d.Settings:
        return self.commands[0].settings

    def lost(self) -> list[str]:
        return [
            c.notify_unsubscribe_lite_command.lite_topic for c in self.commands
            if c.WhichOneof("command") == "notify_unsubscribe_lite_command"
        ]


def sdk_message(topic: str, lite: str, body: bytes) -> Message:
    result = Message()
    result.topic = topic
    result.body = body
    result.lite_topic = lite
    return result


def subscribe(client, *names: str) -> None:
    """The SDK takes no subscription before the settings came that tell its quota, and does not wait for them."""
    for name in names:
        def attempt():
            try:
                client.subscribe_lite(name)
                return True
            except LiteSubscriptionQuotaExceededException:
                return False
        eventually(attempt, f"{name} is subscribed to")
    # Version 5.1.2 sends the letters of a name as names of their own, until it next sends its full list.
    if any(len(name) > 1 for name in names):
        client.subscribe_lite_all()


@contextlib.contextmanager
def push_consumer(endpoint: str, group: str, topic: str, listener, *names: str):
    with running(LitePushConsumer(configuration(endpoint), group, topic, listener)) as client:
        subscribe(client, *names)
        yield client


@contextlib.contextmanager
def simple_consumer(endpoint: str, group: str, topic: str, *names: str):
    with running(LiteSimpleConsumer(topic, configuration(endpoint), group, await_duration=5)) as client:
        subscribe(client, *names)
        yield client
