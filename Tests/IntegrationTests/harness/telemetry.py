"""A client by hand with an open telemetry stream."""

import contextlib
import queue
import threading

from rocketmq.grpc_protocol import definition_pb2 as d
from rocketmq.grpc_protocol import service_pb2 as s

from .raw import RawClient


class StreamingClient(RawClient):
    """`open_stream(settings)` opens the stream and waits for its first answer; then `heard(command)` gets what comes."""

    def open_stream(self, settings: d.Settings) -> None:
        self.outgoing: queue.Queue = queue.Queue()
        self.outgoing.put(s.TelemetryCommand(settings=settings))
        self.stream = self.stub.Telemetry(iter(self.outgoing.get, None), metadata=self.metadata)
        answer = next(self.stream)
        assert answer.WhichOneof("command") == "settings", answer
        threading.Thread(target=self._listen, daemon=True).start()

    def heard(self, command: s.TelemetryCommand) -> None:
        raise NotImplementedError

    def _listen(self) -> None:
        with contextlib.suppress(Exception):
            for command in self.stream:
                self.heard(command)

    def leave(self) -> None:
        """Ends the stream; the channel stays open."""
        self.outgoing.put(None)
        self.stream.cancel()

    def __exit__(self, *_) -> None:
        self.leave()
        super().__exit__()
