"""A consumer by hand: an open telemetry stream that answers what it is asked."""

from typing import Callable

from rocketmq.grpc_protocol import definition_pb2 as d
from rocketmq.grpc_protocol import service_pb2 as s

from .raw import resource
from .telemetry import StreamingClient


class RawConsumer(StreamingClient):
    """`on_command(command)` makes the answer to a command, or None for silence; `commands` holds all that came."""

    def __init__(self, endpoint: str, group: str, topic: str, *,
                 on_command: Callable[[s.TelemetryCommand], s.TelemetryCommand | None] = lambda command: None,
                 kind: int = d.ClientType.PUSH_CONSUMER, expression: str = "*", **options):
        super().__init__(endpoint, **options)
        self.client_id = dict(self.metadata)["x-mq-client-id"]
        self.commands: list[s.TelemetryCommand] = []
        self._on_command = on_command
        settings = d.Settings(client_type=kind, access_point=self.endpoints)
        settings.subscription.group.name = group
        settings.subscription.subscriptions.add(
            topic=resource(topic), expression=d.FilterExpression(type=d.FilterType.TAG, expression=expression))
        self.open_stream(settings)

    def heard(self, command: s.TelemetryCommand) -> None:
        self.commands.append(command)
        answer = self._on_command(command)
        if answer is not None:
            self.outgoing.put(answer)


def verified(command: s.TelemetryCommand, code: int = d.Code.OK, text: str = "") -> s.TelemetryCommand:
    """The answer to a verify-message command."""
    return s.TelemetryCommand(
        status=d.Status(code=code, message=text),
        verify_message_result=s.VerifyMessageResult(nonce=command.verify_message_command.nonce))


def stack_trace(command: s.TelemetryCommand, text: str) -> s.TelemetryCommand:
    """The answer to a print-thread-stack-trace command."""
    return s.TelemetryCommand(
        status=d.Status(code=d.Code.OK),
        thread_stack_trace=s.ThreadStackTrace(
            nonce=command.print_thread_stack_trace_command.nonce, thread_stack_trace=text))
