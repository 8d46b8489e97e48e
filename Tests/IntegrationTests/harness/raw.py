"""Plain gRPC calls with the stubs of the official SDK, without the SDK's own ideas about when to call what."""

import itertools
import os
import time

import grpc
from rocketmq.grpc_protocol import definition_pb2 as d
from rocketmq.grpc_protocol import service_pb2 as s
from rocketmq.grpc_protocol import service_pb2_grpc

OK = d.Code.OK
NOT_FOUND = d.Code.MESSAGE_NOT_FOUND
_ids = itertools.count(1)


def resource(name: str) -> d.Resource:
    return d.Resource(name=name)


def queue(topic: str, broker: str = "", queue_id: int = -1) -> d.MessageQueue:
    return d.MessageQueue(
        topic=resource(topic), id=queue_id, permission=d.Permission.READ_WRITE, broker=d.Broker(name=broker))


def message(topic: str, body: bytes = b"hello", *, tag: str | None = None, keys=(), properties=None,
            message_id: str | None = None, **system) -> d.Message:
    properties_of_system = d.SystemProperties(
        message_id=message_id or f"01{os.getpid():012X}{next(_ids):018X}",
        message_type=d.MessageType.NORMAL, body_encoding=d.Encoding.IDENTITY, born_host="127.0.0.1", keys=keys,
        **system)
    properties_of_system.born_timestamp.FromMilliseconds(int(time.time() * 1000))
    if tag is not None:
        properties_of_system.tag = tag
    return d.Message(
        topic=resource(topic), body=body, user_properties=properties or {}, system_properties=properties_of_system)


def fifo(topic: str, group: str, body: bytes) -> d.Message:
    result = message(topic, body, message_group=group)
    result.system_properties.message_type = d.MessageType.FIFO
    return result


class RawClient:
    """One channel, one client id."""

    def __init__(self, endpoint: str, *, tls_roots: bytes | None = None, tls_name: str | None = None,
                 client_id: str | None = None, language: str = "PYTHON"):
        options = [
            ("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1),
            ("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0),
        ]
        if tls_name:
            options.append(("grpc.ssl_target_name_override", tls_name))
        if tls_roots is None:
            self.channel = grpc.insecure_channel(endpoint, options)
        else:
            self.channel = grpc.secure_channel(endpoint, grpc.ssl_channel_credentials(tls_roots), options)
        self.stub = service_pb2_grpc.MessagingServiceStub(self.channel)
        self.metadata = [
            ("x-mq-client-id", client_id or f"it@{os.getpid()}@{next(_ids)}"), ("x-mq-language", language),
            ("x-mq-client-version", "5.1.2"), ("x-mq-protocol", "GRPC_V2"),
        ]
        host, port = endpoint.rsplit(":", 1)
        self.endpoints = d.Endpoints(
            scheme=d.AddressScheme.IPv4, addresses=[d.Address(host=host, port=int(port))])

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_) -> None:
        self.channel.close()

    def query_route(self, topic: str) -> s.QueryRouteResponse:
        request = s.QueryRouteRequest(topic=resource(topic), endpoints=self.endpoints)
        return self.stub.QueryRoute(request, metadata=self.metadata, timeout=5)

    def route_is_known(self, topic: str) -> bool:
        try:
            return self.query_route(topic).status.code == OK
        except grpc.RpcError:
            return False

    def query_assignment(self, topic: str, group: str) -> s.QueryAssignmentResponse:
        request = s.QueryAssignmentRequest(topic=resource(topic), group=resource(group), endpoints=self.endpoints)
        return self.stub.QueryAssignment(request, metadata=self.metadata, timeout=5)

    def send(self, *messages: d.Message, timeout: float = 5) -> s.SendMessageResponse:
        return self.stub.SendMessage(
            s.SendMessageRequest(messages=messages), metadata=self.metadata, timeout=timeout)

    def send_ok(self, *messages: d.Message) -> list:
        answer = self.send(*messages)
        assert answer.status.code == OK, answer.status
        assert len(answer.entries) == len(messages)
        assert all(entry.status.code == OK for entry in answer.entries), answer
        return list(answer.entries)

    def receive(self, topic: str, group: str, *, count: int = 32, invisible_seconds: float = 30,
                poll_seconds: float = 5, expression: str = "*", broker: str = "", auto_renew: bool = False,
                attempt_id: str | None = None, timeout: float | None = None) -> tuple[int, list[d.Message]]:
        """The status code of the stream and the messages in it."""
        request = s.ReceiveMessageRequest(
            group=resource(group), message_queue=queue(topic, broker), batch_size=count, auto_renew=auto_renew,
            filter_expression=d.FilterExpression(type=d.FilterType.TAG, expression=expression))
        if not auto_renew:
            request.invisible_duration.FromMilliseconds(int(invisible_seconds * 1000))
        if attempt_id:
            request.attempt_id = attempt_id
        request.long_polling_timeout.FromMilliseconds(int(poll_seconds * 1000))
        code, messages, last = 0, [], None
        for frame in self.stub.ReceiveMessage(
                request, metadata=self.metadata, timeout=timeout or poll_seconds + 5):
            last = frame.WhichOneof("content")
            if last == "status":
                code = frame.status.code
            elif last == "message":
                messages.append(frame.message)
        assert last == "delivery_timestamp", f"the stream ends with {last}"
        return code, messages

    def receive_all(self, topic: str, group: str, count: int, *, seconds: float = 30, ack: bool = True,
                    **options) -> list[d.Message]:
        """Polls until `count` messages came."""
        found: list[d.Message] = []
        deadline = time.monotonic() + seconds
        while len(found) < count and time.monotonic() < deadline:
            code, messages = self.receive(topic, group, **options)
            assert code in (OK, NOT_FOUND), code
            found += messages
            if ack and messages:
                self.ack_ok(topic, group, *messages)
        assert len(found) >= count, f"only {len(found)} of {count} messages came in {seconds} s"
        return found

    def receive_nothing(self, topic: str, group: str, seconds: float) -> None:
        """Polls for some seconds, and nothing comes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.receive(topic, group) == (NOT_FOUND, [])

    def ack(self, topic: str, group: str, *messages: d.Message) -> s.AckMessageResponse:
        request = s.AckMessageRequest(
            group=resource(group), topic=resource(topic),
            entries=[
                s.AckMessageEntry(
                    message_id=m.system_properties.message_id, receipt_handle=m.system_properties.receipt_handle)
                for m in messages
            ])
        return self.stub.AckMessage(request, metadata=self.metadata, timeout=5)

    def ack_ok(self, topic: str, group: str, *messages: d.Message) -> None:
        answer = self.ack(topic, group, *messages)
        assert answer.status.code == OK, answer
        assert len(answer.entries) == len(messages)

    def change_invisible(self, topic: str, group: str, message: d.Message, seconds: float,
                         handle: str | None = None) -> s.ChangeInvisibleDurationResponse:
        request = s.ChangeInvisibleDurationRequest(
            group=resource(group), topic=resource(topic), message_id=message.system_properties.message_id,
            receipt_handle=handle or message.system_properties.receipt_handle)
        request.invisible_duration.FromMilliseconds(int(seconds * 1000))
        return self.stub.ChangeInvisibleDuration(request, metadata=self.metadata, timeout=5)

    def heartbeat(self, group: str | None, client_type: int) -> s.HeartbeatResponse:
        request = s.HeartbeatRequest(client_type=client_type)
        if group:
            request.group.name = group
        return self.stub.Heartbeat(request, metadata=self.metadata, timeout=5)
