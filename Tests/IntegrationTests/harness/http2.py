"""HTTP/2 frame by frame, for what no well-behaved client sends."""

import socket
import ssl
import struct
from dataclasses import dataclass, field

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
CANCEL = 8
ENHANCE_YOUR_CALM = 11
SERVICE = "/apache.rocketmq.v2.MessagingService/"


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name: bytes, value: bytes) -> bytes:
    """A header field that leaves the compression state alone."""
    def text(raw: bytes) -> bytes:
        return hpack.hpack.encode_integer(len(raw), 7) + raw
    return b"\x00" + text(name) + text(value)


def grpc_fields(path: str, content_type: str = "application/grpc", **extra: str) -> list[tuple[str, str]]:
    fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
              ("te", "trailers")]
    if content_type:
        fields.append(("content-type", content_type))
    return fields + list(extra.items())


def block(fields: list[tuple[str, str]]) -> bytes:
    return b"".join(literal(name.encode(), value.encode()) for name, value in fields)


@dataclass
class Answer:
    """What came on one stream."""
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_ended: bool = False
    reset_code: int | None = None

    @property
    def grpc_status(self) -> int | None:
        value = self.fields.get("grpc-status")
        return None if value is None else int(value)


class HTTP2Socket:
    """One connection. `go_away` and `is_closed` tell how it ended."""

    def __init__(self, port: int, timeout: float = 5, context: ssl.SSLContext | None = None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        if context:
            self.socket = context.wrap_socket(self.socket)
        self.answers: dict[int, Answer] = {}
        self.go_away: int | None = None
        self.is_closed = False
        self._received = b""
        self._decoder = hpack.Decoder()
        self.send(PREFACE + frame(SETTINGS))

    def __enter__(self) -> "HTTP2Socket":
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()

    def send(self, data: bytes) -> bool:
        """False when the server has hung up: what a flood expects."""
        try:
            self.socket.sendall(data)
        except OSError:
            self.is_closed = True
        return not self.is_closed

    def call(self, stream: int, path: str, body: bytes, **options) -> Answer:
        """A whole request; waits for the end of its answer."""
        self.send(frame(HEADERS, END_HEADERS, stream, block(grpc_fields(path, **options)))
                  + frame(DATA, END_STREAM, stream, body))
        return self.answer(stream)

    def answer(self, stream: int) -> Answer:
        answer = self.answers.setdefault(stream, Answer())
        while not (answer.is_ended or answer.reset_code is not None or self.is_closed):
            self.read()
        return answer

    def read_until_closed(self) -> None:
        while not self.is_closed:
            self.read()

    def read(self) -> None:
        """One frame, or the end of the connection."""
        while len(self._received) < 9 or len(self._received) < 9 + self._length():
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                self.is_closed = True
                return
            self._received += data
        length = self._length()
        kind, flags, stream = struct.unpack(">BBI", self._received[3:9])
        payload = self._received[9:9 + length]
        self._received = self._received[9 + length:]
        self._take(kind, flags, stream, payload)

    def _length(self) -> int:
        return int.from_bytes(self._received[:3], "big")

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        answer = self.answers.setdefault(stream, Answer()) if stream else None
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK))
        elif kind == GOAWAY:
            self.go_away = struct.unpack(">I", payload[4:8])[0]
        elif kind == HEADERS:
            assert flags & END_HEADERS, "an answer's fields fit into one frame"
            answer.fields.update(self._decoder.decode(payload))
            answer.is_ended = bool(flags & END_STREAM)
        elif kind == DATA:
            answer.body += payload
            answer.is_ended = bool(flags & END_STREAM)
        elif kind == RST_STREAM:
            answer.reset_code = struct.unpack(">I", payload)[0]
