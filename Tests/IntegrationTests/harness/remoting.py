"""Remoting frames by hand, right ones and wrong ones."""

import json
import socket
import struct

HEART_BEAT = 34
GET_ROUTEINFO_BY_TOPIC = 105
GET_BROKER_CLUSTER_INFO = 106
GET_BROKER_RUNTIME_INFO = 28
INVOKE_BROKER_TO_RESET_OFFSET = 222
REQUEST_CODE_NOT_SUPPORTED = 3


def header(code: int, opaque: int = 1, fields: dict | None = None, flag: int = 0) -> bytes:
    return json.dumps({
        "code": code, "flag": flag, "language": "JAVA", "opaque": opaque, "version": 435,
        "serializeTypeCurrentRPC": "JSON", "extFields": fields or {}}).encode()


def frame(head: bytes, body: bytes = b"", kind: int = 0, length: int | None = None,
          head_length: int | None = None) -> bytes:
    """A frame; `length` and `head_length` may lie."""
    return struct.pack(
        ">II", 4 + len(head) + len(body) if length is None else length,
        kind << 24 | (len(head) if head_length is None else head_length)) + head + body


class RemotingSocket:
    def __init__(self, address: str, timeout: float = 5):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=timeout)
        self._opaque = 0

    def __enter__(self) -> "RemotingSocket":
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """The server may hang up while we write: that is one of its answers."""
        try:
            self.socket.sendall(data)
        except ConnectionError:
            pass

    def call(self, code: int, fields: dict | None = None, body: bytes = b"") -> tuple[dict, bytes]:
        self._opaque += 1
        self.send(frame(header(code, self._opaque, fields), body))
        answer = self.read()
        assert answer is not None, "the connection was closed"
        assert answer[0]["opaque"] == self._opaque
        return answer

    def read(self) -> tuple[dict, bytes] | None:
        """The next frame's header and body; None at the end of the connection."""
        word = self._take(8)
        if word is None:
            return None
        length, head_word = struct.unpack(">II", word)
        assert head_word >> 24 == 0, "a JSON request is answered in JSON"
        rest = self._take(length - 4)
        assert rest is not None
        head = head_word & 0xFFFFFF
        return json.loads(rest[:head]), rest[head:]

    def _take(self, count: int) -> bytes | None:
        data = b""
        while len(data) < count:
            try:
                chunk = self.socket.recv(count - len(data))
            except ConnectionError:
                return None
            if not chunk:
                return None
            data += chunk
        return data
