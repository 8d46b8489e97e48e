"""The official SDK, with the few lines every test would repeat."""

import contextlib
import threading
import time

from rocketmq import (ClientConfiguration, ConsumeResult, Credentials, FilterExpression, Message, MessageListener,
                      Producer, PushConsumer, SimpleConsumer)


def configuration(endpoint: str) -> ClientConfiguration:
    return ClientConfiguration(endpoint, Credentials())


@contextlib.contextmanager
def running(client):
    """A client of any kind, started, and shut down behind the block."""
    client.startup()
    try:
        yield client
    finally:
        client.shutdown()


def producer(endpoint: str, *topics: str, tls: bool = False):
    return running(Producer(configuration(endpoint), topics, tls_enable=tls))


def simple_consumer(endpoint: str, group: str, topic: str, expression: str = "*", tls: bool = False):
    return running(SimpleConsumer(
        configuration(endpoint), group, {topic: FilterExpression(expression)}, await_duration=5, tls_enable=tls))


class Collector(MessageListener):
    """Remembers what came; `decide(message)` says whether consuming succeeded."""

    def __init__(self, decide=None):
        self.messages: list[Message] = []
        self.condition = threading.Condition()
        self.decide = decide or (lambda message: True)

    def consume(self, message: Message) -> ConsumeResult:
        with self.condition:
            self.messages.append(message)
            self.condition.notify_all()
        return ConsumeResult.SUCCESS if self.decide(message) else ConsumeResult.FAILURE


def push_consumer(endpoint: str, group: str, topic: str, listener: MessageListener, expression: str = "*",
                  tls: bool = False):
    return running(PushConsumer(
        configuration(endpoint), group, listener, {topic: FilterExpression(expression)}, tls_enable=tls))


def message(topic: str, body: bytes, *, tag: str | None = None, keys=(), properties=None) -> Message:
    result = Message()
    result.topic = topic
    result.body = body
    if tag is not None:
        result.tag = tag
    for key in keys:
        result.keys = key
    for name, value in (properties or {}).items():
        result.add_property(name, value)
    return result


def receive(consumer: SimpleConsumer, count: int, *, seconds: float = 90, invisible_seconds: int = 30,
            ack: bool = True) -> list[Message]:
    """Polls until `count` messages came.

    Each poll asks a broker by chance and may wait there for 5 s: the bound leaves room for many wrong guesses.
    """
    found: list[Message] = []
    deadline = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < deadline:
        for received in consumer.receive(32, invisible_seconds):
            found.append(received)
            if ack:
                consumer.ack(received)
    assert len(found) >= count, f"only {len(found)} of {count} messages came in {seconds} s"
    return found
