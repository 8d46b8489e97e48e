"""Run by the environment that holds the 4.x C++ client: NAMESRV TOPIC single|large|batch|ordered COUNT [PREFIX]."""

import sys
import time

from rocketmq.client import Message, Producer, SendStatus
from rocketmq.exceptions import ProducerSendOrderlyFailed, ProducerSendSyncFailed


def make(topic: str, body, **properties) -> Message:
    message = Message(topic)
    message.set_tags("legacy")
    message.set_keys("key")
    message.set_body(body)
    for name, value in properties.items():
        message.set_property(name, value)
    return message


def send_sync(producer: Producer, message: Message):
    """The client fails a send while another thread of its own fetches routes: then once more."""
    for _ in range(20):
        try:
            return producer.send_sync(message)
        except ProducerSendSyncFailed as error:
            if "No route info" not in str(error):
                raise
            time.sleep(0.1)
    return producer.send_sync(message)


def send_in_order(producer: Producer, message: Message):
    """Again and again while the broker is away, so that no message is left out.

    Not by the client's own retries: each goes to another queue, and the first attempt fails while another thread of the
    client fetches routes.
    """
    for _ in range(600):
        try:
            return producer.send_orderly(message, 7, retry_times=0)
        except ProducerSendOrderlyFailed:
            time.sleep(0.1)
    return producer.send_orderly(message, 7, retry_times=0)


def main(namesrv: str, topic: str, kind: str, count: str, prefix: str = "") -> None:
    producer = Producer("legacy-producer")
    producer.set_namesrv_addr(namesrv)
    producer.start()
    numbers = range(int(count))
    if kind == "single":
        results = [
            send_sync(producer, make(topic, f"{prefix} {n}" if prefix else f"legacy body {n} – ünïcode", **{"from": "C++ 4.x"})) for n in numbers
        ]
    elif kind == "large":
        results = [send_sync(producer, make(topic, "0123456789" * 10_000)) for _ in numbers]
    elif kind == "batch":
        results = [producer.send_batch([make(topic, f"batch {n}") for n in numbers])]
    else:
        results = [send_in_order(producer, make(topic, f"ordered {n}")) for n in numbers]
    for result in results:
        assert result.status == SendStatus.OK, result
        print("sent", result.msg_id, result.offset)
    producer.shutdown()


main(*sys.argv[1:])
