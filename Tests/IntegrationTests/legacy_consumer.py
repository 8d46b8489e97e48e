"""Run by the environment that holds the 4.x C++ client: a JSON object with the options of one consumer.

Prints `ready`, then one JSON line for each delivery, until standard input ends. The client's own way to report a failed
delivery (an exception in the callback) is broken: here the callback returns the status itself.
"""

import ctypes
import json
import os
import sys
import threading
import time

from rocketmq.client import PullConsumer, PushConsumer, RecvMessage
from rocketmq.ffi import MessageModel, _CConsumeStatus, dll

print_lock = threading.Lock()


def show(message: RecvMessage, status: str) -> None:
    line = json.dumps({
        "queue": message.queue_id, "offset": message.queue_offset, "times": message.reconsume_times,
        "tag": (message.tags or b"").decode(), "body": message.body.decode(), "id": message.id,
        "topic": message.topic, "origin": (message.get_property("RETRY_TOPIC") or b"").decode(),
        "status": status, "at": time.time()})
    with print_lock:
        # One write: a kill must not leave half a line.
        os.write(1, (line + "\n").encode())


def push(options: dict) -> None:
    model = MessageModel.BROADCASTING if options.get("broadcasting") else MessageModel.CLUSTERING
    consumer = PushConsumer(options["group"], orderly=options.get("orderly", False), message_model=model)
    consumer.set_namesrv_addr(options["namesrv"])
    if options.get("instance"):
        consumer.set_instance_name(options["instance"])
    consumer.set_thread_count(options.get("threads", 4))
    failures: dict[str, int] = {}

    def deliver(_, handle) -> int:
        message = RecvMessage(handle)
        body = message.body.decode()
        if options.get("pause"):
            time.sleep(options["pause"])
        failures[body] = failures.get(body, 0) + 1
        if failures[body] <= options.get("failures", 0):
            show(message, "failed")
            return _CConsumeStatus.RECONSUME_LATER.value
        show(message, "consumed")
        return _CConsumeStatus.CONSUME_SUCCESS.value

    dll.Subscribe(consumer._handle, options["topic"].encode(), options.get("expression", "*").encode())
    consumer._register_callback(deliver)
    consumer.start()
    with print_lock:
        print("ready", flush=True)
    sys.stdin.read()
    consumer.shutdown()


def pull(options: dict) -> None:
    consumer = PullConsumer(options["group"])
    consumer.set_namesrv_addr(options["namesrv"])
    consumer.start()
    with print_lock:
        print("ready", flush=True)
    for message in consumer.pull(options["topic"], options.get("expression", "*")):
        show(message, "consumed")
    consumer.shutdown()


arguments = json.loads(sys.argv[1])
(pull if arguments.get("pull") else push)(arguments)
