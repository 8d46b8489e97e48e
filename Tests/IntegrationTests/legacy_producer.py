"""Run by the environment that holds the 4.x C++ client: NAMESRV TOPIC single|large|batch|ordered COUNT."""

import sys
import time

from rocketmq.client import Message, Producer, SendStatus
from rocketmq.exceptions import ProducerSendSyncFailed


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


def main(namesrv: str, topic: str, kind: str, count: str) -> None:
    producer = Producer("legacy-producer")
    producer.set_namesrv_addr(namesrv)
    producer.start()
    numbers = range(int(count))
    if kind == "single":
        results = [
            send_sync(producer, make(topic, f"legacy body {n} – ünïcode", **{"from": "C++ 4.x"})) for n in numbers
        ]
    elif kind == "large":
        results = [send_sync(producer, make(topic, "0123456789" * 10_000)) for _ in numbers]
    elif kind == "batch":
        results = [producer.send_batch([make(topic, f"batch {n}") for n in numbers])]
    else:
        results = [producer.send_orderly(make(topic, f"ordered {n}"), 7) for n in numbers]
    for result in results:
        assert result.status == SendStatus.OK, result
        print("sent", result.msg_id, result.offset)
    producer.shutdown()


main(*sys.argv[1:])
