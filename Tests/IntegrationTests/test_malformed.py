"""What a broken or hostile client sends: the right error, and nobody else notices."""

import random
import socket
import ssl
import struct
from contextlib import ExitStack

import grpc
import pytest
from harness import remoting
from harness.http2 import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PING,
                           PREFACE, RST_STREAM, SERVICE, SETTINGS, HTTP2Socket, block, frame, grpc_fields, literal)
from harness.raw import OK, RawClient, message
from harness.remoting import RemotingSocket
from harness.waiting import eventually
from rocketmq.grpc_protocol import definition_pb2 as d

GROWTH_BYTES_MAX = 20 * 1024 * 1024
INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = 3, 8, 12, 13


class Witness:
    """Connections opened before the misdeed that must work after it."""

    def __init__(self, deployment, stack: ExitStack):
        self.deployment = deployment
        self.topic = deployment.topic(queues=1)
        self.client = stack.enter_context(RawClient(deployment.endpoint))
        self.remotes = [stack.enter_context(RemotingSocket(a)) for a in remoting_addresses(deployment)]
        self.look()
        self.memory = self.measure()

    def look(self) -> None:
        assert self.client.query_route(self.topic).status.code == OK
        self.client.send_ok(message(self.topic))
        for remote in self.remotes:
            answer, _ = remote.call(1_234_567)
            assert answer["code"] == remoting.REQUEST_CODE_NOT_SUPPORTED

    def measure(self) -> dict[str, int]:
        return {f"{p.name} {p.ready_port}": p.anonymous_bytes() for p in self.deployment.programs}

    def growth(self) -> dict[str, int]:
        return {name: now - self.memory[name] for name, now in self.measure().items()}

    def check(self) -> None:
        self.deployment.assert_alive()
        self.look()
        eventually(lambda: all(g <= GROWTH_BYTES_MAX for g in self.growth().values()),
                   f"memory is given back: {self.growth()}", seconds=10)


@pytest.fixture
def witness(deployment):
    with ExitStack() as stack:
        found = Witness(deployment, stack)
        yield found
        found.check()


def remoting_addresses(deployment) -> list[str]:
    """Name server and broker."""
    return [deployment.namesrv, deployment.broker_address]


def grpc_port(deployment) -> int:
    return int(deployment.endpoint.rsplit(":", 1)[1])


def prefixed(body: bytes, length: int | None = None, flag: int = 0) -> bytes:
    return struct.pack(">BI", flag, len(body) if length is None else length) + body


def drained(connection: socket.socket) -> bytes:
    """What comes until the server hangs up."""
    data = b""
    try:
        while chunk := connection.recv(65536):
            data += chunk
    except ConnectionError:
        pass
    return data


# gRPC: one wrong call, the connection goes on.

@pytest.mark.parametrize("body, statuses", [
    pytest.param(b"", {INTERNAL, UNIMPLEMENTED, INVALID_ARGUMENT}, id="no message"),
    pytest.param(b"\0\0\0", {INTERNAL, INVALID_ARGUMENT}, id="half a prefix"),
    pytest.param(prefixed(b"\x0a\x05", 100), {INTERNAL, INVALID_ARGUMENT}, id="truncated message"),
    pytest.param(prefixed(b"xx", 2**31 - 1), {RESOURCE_EXHAUSTED}, id="2 GB prefix"),
    pytest.param(prefixed(b"xx", 2**32 - 1), {RESOURCE_EXHAUSTED}, id="4 GB prefix"),
    pytest.param(prefixed(b"\x0a\x00", flag=7), {INTERNAL, INVALID_ARGUMENT}, id="unknown flag"),
    pytest.param(prefixed(b"\x0a\x00", flag=1), {INTERNAL, INVALID_ARGUMENT, UNIMPLEMENTED}, id="not really gzip"),
    pytest.param(prefixed(b"\x0a\x00") * 2, {INTERNAL, UNIMPLEMENTED, INVALID_ARGUMENT}, id="two messages"),
])
def test_wrong_message_framing(witness, body, statuses):
    with HTTP2Socket(grpc_port(witness.deployment)) as connection:
        answer = connection.call(1, SERVICE + "QueryRoute", body)
        assert answer.grpc_status in statuses, answer
        assert connection.call(3, SERVICE + "NoSuchMethod", prefixed(b"")).grpc_status == UNIMPLEMENTED


@pytest.mark.parametrize("body", [
    pytest.param(b"\x0a\x7f\x01", id="field longer than the message"),
    pytest.param(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", id="lying 64-bit length"),
    pytest.param(b"\x0a\xff\xff\xff\xff\x07", id="lying 2 GB length"),
    pytest.param(b"\x0a\x04\x12\x02\xff\xfe", id="bad UTF-8 in a name"),
    pytest.param(b"\x0a\x05\x12\x03\xed\xa0\x80", id="a surrogate in a name"),
    pytest.param(b"\x0a\x05\x12\x03a\x00b", id="NUL in a name"),
    pytest.param(b"\x0f", id="unknown wire type"),
    pytest.param(b"\x80" * 11, id="endless number"),
    pytest.param(b"\x0b" * 1000, id="nested groups"),
    pytest.param(random.Random(5).randbytes(4096), id="noise"),
])
@pytest.mark.parametrize("method", ["QueryRoute", "SendMessage", "ReceiveMessage", "AckMessage", "Heartbeat",
                                    "QueryAssignment", "ChangeInvisibleDuration", "Telemetry"])
def test_wrong_protobuf(witness, method, body):
    """An error as gRPC status, or as a code other than OK in the answer."""
    with HTTP2Socket(grpc_port(witness.deployment)) as connection:
        answer = connection.call(1, SERVICE + method, prefixed(body))
        assert answer.grpc_status is not None, answer
        assert answer.grpc_status != 0 or method == "Telemetry" or code_in(answer.body) not in (None, OK), answer
        assert connection.call(3, SERVICE + "NoSuchMethod", prefixed(b"")).grpc_status == UNIMPLEMENTED


def code_in(body: bytes) -> int | None:
    """The code of the status in field 1 of the first message."""
    inner = body[5:]
    if not inner or inner[0] != 0x0A:
        return None
    return d.Status.FromString(inner[2:2 + inner[1]]).code if inner[1] < 0x80 else d.Status.FromString(
        inner[3:3 + (inner[1] & 0x7F | inner[2] << 7)]).code


def test_bad_utf8_in_a_property(witness):
    """The same through a real gRPC stack: strings as bytes."""
    good = message(witness.topic, properties={"name": "value"}).SerializeToString()
    body = good.replace(b"value", b"val\xff\xfe")
    request = b"\x0a" + bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) + body
    send = witness.client.channel.unary_unary(
        SERVICE + "SendMessage", request_serializer=lambda raw: raw, response_deserializer=lambda raw: raw)
    try:
        code = code_in(prefixed(send(request, metadata=witness.client.metadata, timeout=5)))
    except grpc.RpcError as error:
        code = error.code()
    assert code not in (None, OK)


@pytest.mark.parametrize("path", [SERVICE + "NoSuchMethod", "/no.such.Service/QueryRoute", "/", SERVICE, "no/slash",
                                  SERVICE + "x" * 8000])
def test_unknown_method(witness, path):
    with HTTP2Socket(grpc_port(witness.deployment)) as connection:
        answer = connection.call(1, path, prefixed(b""))
        assert answer.grpc_status == UNIMPLEMENTED or answer.reset_code == 1, answer


@pytest.mark.parametrize("content_type", ["application/json", "", "text/plain", "application/grpcx"])
def test_wrong_content_type(witness, content_type):
    with HTTP2Socket(grpc_port(witness.deployment)) as connection:
        answer = connection.call(1, SERVICE + "QueryRoute", prefixed(b""), content_type=content_type)
        assert answer.fields[":status"] == "415"


# The gRPC port: other protocols.

@pytest.mark.parametrize("request_line", ["GET / HTTP/1.1", "POST /x HTTP/1.1", "HEAD / HTTP/1.0", "OPTIONS * HTTP/1.1"])
def test_http1_request(witness, request_line):
    addresses = [witness.deployment.endpoint, *remoting_addresses(witness.deployment)]
    for host, port in (address.rsplit(":", 1) for address in addresses):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(f"{request_line}\r\nHost: x\r\n\r\n".encode())
            answer = drained(connection)
            assert answer.startswith(b"HTTP/1.1 400"), answer
            assert b"port" in answer


def test_remoting_frame_to_the_grpc_port(witness):
    with RemotingSocket(witness.deployment.endpoint) as connection:
        # Both ports of a proxy serve both protocols: the answer is that there is no such topic (17).
        answer, _ = connection.call(remoting.GET_ROUTEINFO_BY_TOPIC, {"topic": "no-such-topic"})
        assert answer["code"] == 17 and answer["flag"] & 1


@pytest.mark.parametrize("data", [
    pytest.param(b"\0" * 64, id="zeros"),
    pytest.param(b"\xff" * 64, id="ones"),
    pytest.param(b"\x16\x03\x01\x40\x00" + b"\x01" * 64, id="half a TLS hello"),
    pytest.param(b"\x16\x03\x01\x00\x04nope", id="broken TLS hello"),
    pytest.param(PREFACE[:12], id="half a preface"),
    pytest.param(PREFACE + b"\xff" * 9, id="16 MB frame of an unknown type"),
    pytest.param(PREFACE + frame(DATA, 0, 1, b"x"), id="no settings first"),
    pytest.param(PREFACE + frame(SETTINGS) + frame(DATA, 0, 1, b"x"), id="data on an idle stream"),
    pytest.param(PREFACE + frame(SETTINGS) + frame(HEADERS, END_HEADERS, 2, b"\x82"), id="a server's stream number"),
    pytest.param(PREFACE + frame(SETTINGS) + frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\x0f"), id="bad HPACK"),
    pytest.param(PREFACE + frame(SETTINGS) + frame(CONTINUATION, 0, 1, b""), id="continuation of nothing"),
    pytest.param(PREFACE + frame(SETTINGS, 0, 0, b"abc"), id="settings of three bytes"),
    pytest.param(PREFACE + frame(SETTINGS) + frame(8, 0, 0, b"\0\0\0\0"), id="window update of nothing"),
    pytest.param(b"PROXY TCP4 nonsense\r\n", id="broken PROXY line"),
    pytest.param(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", id="lying PROXY v2 header"),
    pytest.param(random.Random(1).randbytes(65536), id="noise"),
])
def test_bytes_that_mean_nothing(witness, data):
    """Sent to every port, then hung up; what is answered is the port's own affair."""
    ports = [a.rsplit(":", 1)[1] for a in (witness.deployment.endpoint, *remoting_addresses(witness.deployment))]
    for port in ports:
        with socket.create_connection(("127.0.0.1", int(port)), timeout=0.3) as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                drained(connection)
            except OSError:
                pass


# Floods.

def test_ten_thousand_streams_opened_and_reset(witness):
    """Rapid reset: the connection that does it is told to calm down, no other is disturbed."""
    with HTTP2Socket(grpc_port(witness.deployment)) as connection:
        fields = block(grpc_fields(SERVICE + "ReceiveMessage"))
        cancel = struct.pack(">I", CANCEL)
        for first in range(0, 10_000, 100):
            pairs = (frame(HEADERS, END_HEADERS, s * 2 + 1, fields) + frame(RST_STREAM, 0, s * 2 + 1, cancel)
                     for s in range(first, first + 100))
            if not connection.send(b"".join(pairs)):
                break
        connection.read_until_closed()
        assert connection.go_away in (ENHANCE_YOUR_CALM, None)


@pytest.mark.parametrize("kind, payload", [(PING, b"8 bytes."), (SETTINGS, b"")])
def test_control_frame_flood(witness, kind, payload):
    with HTTP2Socket(grpc_port(witness.deployment)) as connection:
        for _ in range(200):
            if not connection.send(frame(kind, 0, 0, payload) * 500):
                break
        connection.read_until_closed()
        assert connection.go_away in (ENHANCE_YOUR_CALM, None)


def test_header_flood(witness):
    """1 MB of header fields in one request: refused, and the connection may go on or end."""
    fields = block(grpc_fields(SERVICE + "QueryRoute"))
    many = b"".join(literal(b"x-%d" % n, b"v" * 1000) for n in range(1000))
    with HTTP2Socket(grpc_port(witness.deployment)) as connection:
        pieces = [(fields + many)[i:i + 16_000] for i in range(0, len(fields + many), 16_000)]
        connection.send(frame(HEADERS, END_STREAM, 1, pieces[0]))
        for piece in pieces[1:-1]:
            connection.send(frame(CONTINUATION, 0, 1, piece))
        connection.send(frame(CONTINUATION, END_HEADERS, 1, pieces[-1]))
        answer = connection.answer(1)
        assert (connection.is_closed or answer.reset_code is not None or answer.fields.get(":status") == "431"
                or answer.grpc_status == RESOURCE_EXHAUSTED), answer


def test_compressed_header_bomb(witness):
    """A field of 3 KB put into the table once and named 10,000 times: 30 MB for 10 KB."""
    with HTTP2Socket(grpc_port(witness.deployment)) as connection:
        name, value = b"x-bomb", b"v" * 3000
        indexed = b"\x40" + bytes([len(name)]) + name + b"\x7f" + _more(len(value) - 127) + value
        connection.send(frame(HEADERS, END_HEADERS | END_STREAM, 1,
                              block(grpc_fields(SERVICE + "QueryRoute")) + indexed + b"\xbe" * 10_000))
        answer = connection.answer(1)
        assert (connection.is_closed or answer.reset_code is not None or answer.fields.get(":status") == "431"
                or answer.grpc_status == RESOURCE_EXHAUSTED), answer


def _more(value: int) -> bytes:
    out = b""
    while value >= 128:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


@pytest.mark.parametrize("piece", [b"", literal(b"x-flood", b"v" * 8000)], ids=["empty", "full"])
def test_continuation_flood(witness, piece):
    """Header blocks without an end."""
    with HTTP2Socket(grpc_port(witness.deployment)) as connection:
        connection.send(frame(HEADERS, 0, 1, block(grpc_fields(SERVICE + "QueryRoute"))))
        for _ in range(100):
            if not connection.send(frame(CONTINUATION, 0, 1, piece) * 100):
                break
        connection.read_until_closed()


def test_a_thousand_calls_with_giant_prefixes(witness):
    """Memory is taken as bytes come, not as lengths promise."""
    with HTTP2Socket(grpc_port(witness.deployment)) as connection:
        fields = block(grpc_fields(SERVICE + "SendMessage"))
        for stream in range(1, 2001, 2):
            connection.send(frame(HEADERS, END_HEADERS, stream, fields)
                            + frame(DATA, 0, stream, prefixed(b"start", 100 << 20)))
        witness.look()
        assert all(g <= GROWTH_BYTES_MAX for g in witness.growth().values()), witness.growth()


# Remoting: name server and broker.

@pytest.mark.parametrize("data", [
    pytest.param(struct.pack(">II", 2**31 - 1, 100) + b"x" * 100, id="2 GB length"),
    pytest.param(struct.pack(">II", 2**32 - 1, 100) + b"x" * 100, id="negative length"),
    pytest.param(struct.pack(">II", 3, 0), id="length below a header"),
    pytest.param(remoting.frame(remoting.header(105), kind=9), id="unknown serialize type"),
    pytest.param(remoting.frame(remoting.header(105), head_length=0xFFFFFF), id="header longer than the frame"),
    pytest.param(remoting.frame(b'{"code":105,'), id="bad JSON"),
    pytest.param(remoting.frame(b"[" * 100_000), id="deep JSON"),
    pytest.param(remoting.frame(b'{"code":"x","flag":[],"opaque":{}}'), id="JSON of wrong types"),
    pytest.param(remoting.frame(b'{"code":105,"opaque":99999999999999999999}'), id="number too large"),
    pytest.param(remoting.frame(b'{"code":105,"remark":"\xff\xfe"}'), id="JSON that is not UTF-8"),
    pytest.param(remoting.frame(b"\0\1", kind=1), id="short binary header"),
    pytest.param(remoting.frame(
        struct.pack(">HBHiiI", 105, 0, 1, 1, 0, 2**31 - 1) + b"x" * 32, kind=1), id="binary header, lying remark"),
    pytest.param(remoting.frame(
        struct.pack(">HBHiiII", 105, 0, 1, 1, 0, 0, 2**31 - 1) + b"x" * 32, kind=1), id="binary header, lying fields"),
])
def test_malformed_remoting_frame(witness, data):
    """The connection is closed; a frame that only lacks bytes waits for them."""
    for address in remoting_addresses(witness.deployment):
        with RemotingSocket(address) as connection:
            connection.send(data)
            connection.socket.shutdown(socket.SHUT_WR)
            answer = connection.read()
            assert answer is None or answer[0]["code"] != 0, answer


def test_truncated_remoting_frames(witness):
    """Every prefix of a right request, then silence or the end."""
    data = remoting.frame(remoting.header(remoting.GET_BROKER_CLUSTER_INFO))
    for address in remoting_addresses(witness.deployment):
        for count in range(0, len(data), 7):
            with RemotingSocket(address) as connection:
                connection.send(data[:count])


@pytest.mark.parametrize("fields", [{}, {"topic": ""}, {"topic": "x" * 40_000}, {"queueId": "nine", "topic": "t"},
                                    {"a": "1", "b": "t", "e": "99999999999999", "i": "\x01\x02\x01"}])
@pytest.mark.parametrize("body", [b"", b"{", b"\xff" * 100, b"[" * 50_000], ids=["empty", "open", "ones", "deep"])
def test_requests_with_wrong_content(witness, fields, body):
    """Well-framed nonsense for every code that is served: an error each, never a lost connection."""
    for address in remoting_addresses(witness.deployment):
        with RemotingSocket(address) as connection:
            for code in list(range(9, 50)) + list(range(100, 107)) + [215, 216, 217, 224, 304, 310, 311, 320, 322, 327,
                                                                      901, 904, 200050, 200051, 200052, 200053, 200151]:
                if code == 103 and address == witness.deployment.namesrv:
                    continue
                answer, _ = connection.call(code, fields, body)
                assert isinstance(answer["code"], int), (code, answer)


def test_many_requests_that_are_never_read(witness):
    """A client that asks and does not read is bounded."""
    request = remoting.frame(remoting.header(remoting.GET_BROKER_CLUSTER_INFO))
    for address in remoting_addresses(witness.deployment):
        with RemotingSocket(address, timeout=0.5) as connection:
            try:
                for _ in range(100):
                    connection.socket.sendall(request * 200)
            except OSError:
                pass
            witness.look()


def test_tls_to_a_port_without_it(witness):
    """A TLS client learns at once that there is no TLS, or gets it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for address in remoting_addresses(witness.deployment):
        host, port = address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            try:
                with context.wrap_socket(raw) as secure:
                    assert secure.version() is not None
            except ssl.SSLError as error:
                assert "ALERT" in str(error).upper(), error


def test_open_and_close_does_not_leak(witness):
    """Connections that come and go leave no file behind."""
    before = {p.pid: p.open_files() for p in witness.deployment.programs}
    ports = [a.rsplit(":", 1)[1] for a in (witness.deployment.endpoint, *remoting_addresses(witness.deployment))]
    for port in ports:
        for _ in range(500):
            socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()
    eventually(
        lambda: all(p.open_files() <= before[p.pid] + 5 for p in witness.deployment.programs),
        "the connections' files are closed")
