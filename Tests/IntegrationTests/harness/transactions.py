"""Transactions with plain gRPC calls, and an SDK producer that decides when it is asked."""

import contextlib
import queue
import threading

import grpc
from rocketmq import Producer, TransactionChecker, TransactionResolution
from rocketmq.grpc_protocol import definition_pb2 as d
from rocketmq.grpc_protocol import service_pb2 as s

from .raw import OK, RawClient, message, resource
from .sdk import configuration, running
from .telemetry import StreamingClient

COMMIT = d.TransactionResolution.COMMIT
ROLLBACK = d.TransactionResolution.ROLLBACK


def half(topic: str, body: bytes, **options) -> d.Message:
    made = message(topic, body, **options)
    made.system_properties.message_type = d.MessageType.TRANSACTION
    return made


def send_half(client: RawClient, topic: str, body: bytes, **options) -> s.SendResultEntry:
    """Sends the first half; the entry has what ends the transaction."""
    (entry,) = client.send_ok(half(topic, body, **options))
    return entry


def end(client: RawClient, topic: str, message_id: str, transaction_id: str, resolution: int,
        source: int = 0) -> d.Status:
    request = s.EndTransactionRequest(
        topic=resource(topic), message_id=message_id, transaction_id=transaction_id, resolution=resolution,
        source=source)
    return client.stub.EndTransaction(request, metadata=client.metadata, timeout=10).status


class RawProducer(StreamingClient):
    """A producer with an open telemetry stream, which hears the questions of brokers."""

    def __init__(self, endpoint: str, *topics: str):
        super().__init__(endpoint)
        self.checks: queue.Queue = queue.Queue()
        self.open_stream(d.Settings(
            client_type=d.ClientType.PRODUCER, access_point=self.endpoints,
            publishing=d.Publishing(topics=[resource(topic) for topic in topics])))

    def heard(self, command: s.TelemetryCommand) -> None:
        if command.WhichOneof("command") == "recover_orphaned_transaction_command":
            self.checks.put(command.recover_orphaned_transaction_command)


class StandingProducer(RawClient):
    """A producer that opens a new stream when one ends, as most SDKs do, and answers checks by what the body begins with.

    Python's (5.1.2) opens a new stream five minutes later at the earliest.
    """

    def __init__(self, endpoint: str, topic: str):
        super().__init__(endpoint)
        self.asked = 0
        self._topic = topic
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._stand, daemon=True)
        self._thread.start()

    def _stand(self) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(grpc.RpcError):
                self._listen()
            self._closed.wait(0.1)

    def _listen(self) -> None:
        outgoing: queue.Queue = queue.Queue()
        outgoing.put(s.TelemetryCommand(settings=d.Settings(
            client_type=d.ClientType.PRODUCER, access_point=self.endpoints,
            publishing=d.Publishing(topics=[resource(self._topic)]))))
        self.stream = self.stub.Telemetry(iter(outgoing.get, None), metadata=self.metadata)
        try:
            for command in self.stream:
                if command.WhichOneof("command") == "recover_orphaned_transaction_command":
                    self._answer(command.recover_orphaned_transaction_command)
        finally:
            outgoing.put(None)

    def _answer(self, check: s.RecoverOrphanedTransactionCommand) -> None:
        self.asked += 1
        decision = COMMIT if check.message.body.startswith(b"commit") else ROLLBACK
        # Without an answer the broker asks again.
        with contextlib.suppress(grpc.RpcError):
            end(self, self._topic, check.message.system_properties.message_id, check.transaction_id, decision)

    def __exit__(self, *_) -> None:
        self._closed.set()
        self.stream.cancel()
        self._thread.join(10)
        super().__exit__()


class ByBody(TransactionChecker):
    """Decides by what the body begins with: `commit`, `rollback`, else not at all; remembers what it was asked."""

    def __init__(self):
        self.asked: list[bytes] = []

    def check(self, message) -> TransactionResolution:
        self.asked.append(message.body)
        if message.body.startswith(b"commit"):
            return TransactionResolution.COMMIT
        if message.body.startswith(b"rollback"):
            return TransactionResolution.ROLLBACK
        return TransactionResolution.TRANSACTION_RESOLUTION_UNSPECIFIED


def transactional_producer(endpoint: str, topic: str, checker: TransactionChecker | None = None):
    return running(Producer(configuration(endpoint), [topic], checker or ByBody()))


def bodies(client: RawClient, topic: str, group: str, seconds: float = 3) -> list[bytes]:
    """All bodies that can be received, until nothing came for some seconds."""
    found = []
    while True:
        code, messages = client.receive(topic, group, poll_seconds=seconds)
        if not messages:
            return found
        assert code == OK
        found += [m.body for m in messages]
        client.ack_ok(topic, group, *messages)
