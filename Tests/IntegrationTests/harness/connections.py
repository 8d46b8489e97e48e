"""Thousands of client connections from one process: raw sockets, for grpc's own channels would need gigabytes."""

import ssl
import struct

from rocketmq.grpc_protocol import definition_pb2 as d
from rocketmq.grpc_protocol import service_pb2 as s

from .http2 import DATA, END_HEADERS, END_STREAM, HEADERS, SERVICE, HTTP2Socket, block, frame, grpc_fields
from .raw import queue, resource


def grpc_message(message) -> bytes:
    body = message.SerializeToString()
    return b"\0" + struct.pack(">I", len(body)) + body


class Clients:
    """Consumers by the hundreds or thousands; each is one connection."""

    def __init__(self, port: int, count: int, topic: str, group_count: int = 50, tls: bool = False):
        self.topic = topic
        self.group_count = group_count
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
        self.sockets = [HTTP2Socket(port, timeout=60, context=context) for _ in range(count)]

    def __enter__(self) -> "Clients":
        return self

    def __exit__(self, *_) -> None:
        for each in self.sockets:
            each.socket.close()

    def _group(self, number: int) -> str:
        return f"group-{number % self.group_count}"

    def _send(self, number: int, stream: int, method: str, message, ends: bool) -> None:
        fields = grpc_fields(SERVICE + method, **{
            "x-mq-client-id": f"client-{number}", "x-mq-language": "JAVA", "x-mq-client-version": "5.1.2",
            "grpc-timeout": "60S" if ends else "31536000S"})
        self.sockets[number].send(
            frame(HEADERS, END_HEADERS, stream, block(fields))
            + frame(DATA, END_STREAM if ends else 0, stream, grpc_message(message)))

    def call_once(self) -> None:
        """One finished call each: an idle connection has had some."""
        for number in range(len(self.sockets)):
            self._send(number, 1, "QueryRoute", s.QueryRouteRequest(
                topic=resource(self.topic),
                endpoints=d.Endpoints(scheme=d.AddressScheme.IPv4, addresses=[d.Address(host="127.0.0.1", port=1)])),
                ends=True)
        for each in self.sockets:
            answer = each.answer(1)
            assert answer.grpc_status == 0 and answer.body, answer
            each.answers.clear()

    def open_streams(self) -> None:
        """A telemetry stream each, with the settings of a push consumer, until all are answered."""
        for number in range(len(self.sockets)):
            settings = d.Settings(client_type=d.ClientType.PUSH_CONSUMER)
            settings.subscription.group.name = self._group(number)
            settings.subscription.subscriptions.add(
                topic=resource(self.topic), expression=d.FilterExpression(type=d.FilterType.TAG, expression="*"))
            self._send(number, 3, "Telemetry", s.TelemetryCommand(settings=settings), ends=False)
        for each in self.sockets:
            while not (3 in each.answers and each.answers[3].body):
                each.read()
                assert not each.is_closed

    def park_receives(self, poll_seconds: int = 20) -> None:
        """A receive each that waits so long for a message."""
        for number in range(len(self.sockets)):
            request = s.ReceiveMessageRequest(
                group=resource(self._group(number)), message_queue=queue(self.topic), batch_size=32, auto_renew=True,
                filter_expression=d.FilterExpression(type=d.FilterType.TAG, expression="*"))
            request.long_polling_timeout.FromSeconds(poll_seconds)
            self._send(number, 5, "ReceiveMessage", request, ends=True)

    def wait_for_receives(self) -> int:
        """Waits for the ends of the receives; how many ended well."""
        return sum(each.answer(5).grpc_status == 0 for each in self.sockets)
