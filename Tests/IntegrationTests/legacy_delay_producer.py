"""Run by the environment that holds the 4.x C++ client: NAMESRV TOPIC LEVEL..., one message for each level."""

import sys

from rocketmq.client import Message, Producer, SendStatus


def main(namesrv: str, topic: str, *levels: str) -> None:
    producer = Producer("legacy-delay-producer")
    producer.set_namesrv_addr(namesrv)
    producer.start()
    for level in levels:
        message = Message(topic)
        message.set_body(f"level {level}")
        message.set_delay_time_level(int(level))
        assert producer.send_sync(message).status == SendStatus.OK
    producer.shutdown()


main(*sys.argv[1:])
