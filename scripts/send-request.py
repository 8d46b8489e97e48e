"""Writes one gRPC-framed SendMessageRequest with a body of so many bytes: send-request.py TOPIC BYTES."""

import struct
import sys


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, payload: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def integer(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


topic, size = sys.argv[1], int(sys.argv[2])
# apache.rocketmq.v2: Message {topic 1, user_properties 2, system_properties 3, body 4};
# SystemProperties {tag 1, keys 2, message_id 3, body_encoding 5, message_type 6, born_timestamp 7, born_host 8}.
system = (
    field(1, b"bench-tag") + field(2, b"bench-key") + field(3, b"01A1B2C3D4E5F60718293A4B5C6D7E8F90")
    + integer(5, 1) + integer(6, 1) + field(7, integer(1, 1_700_000_000)) + field(8, b"127.0.0.1")
)
message = field(1, field(2, topic.encode())) + field(3, system) + field(4, b"x" * size)
request = field(1, message)
sys.stdout.buffer.write(struct.pack(">BI", 0, len(request)) + request)
