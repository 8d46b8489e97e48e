"""How each SDK starts, call by call, played with plain stubs: what it must find in the answers, or it would not start."""

import queue
import threading
import time

import grpc
import pytest
from google.protobuf import duration_pb2
from harness.raw import NOT_FOUND, OK, RawClient, d, message, s


class Telemetry:
    """A client's stream: frames go out when told, answers come in as they are."""

    def __init__(self, client: RawClient, metadata=None):
        self.outgoing: queue.Queue = queue.Queue()
        self.call = client.stub.Telemetry(iter(self.outgoing.get, None), metadata=metadata or client.metadata)

    def settings(self, settings: d.Settings) -> d.Settings:
        self.outgoing.put(s.TelemetryCommand(settings=settings))
        frame = next(self.call)
        assert frame.status.code == OK, "Python ignores settings whose status is not OK"
        assert frame.WhichOneof("command") == "settings"
        return frame.settings

    def __enter__(self) -> "Telemetry":
        return self

    def __exit__(self, *_) -> None:
        self.outgoing.put(None)
        self.call.cancel()


def producer_settings(client: RawClient, *topics: str, language=d.Language.JAVA) -> d.Settings:
    settings = d.Settings(client_type=d.ClientType.PRODUCER, access_point=client.endpoints)
    settings.request_timeout.CopyFrom(duration_pb2.Duration(seconds=3))
    settings.publishing.SetInParent()
    for topic in topics:
        settings.publishing.topics.add().name = topic
    settings.user_agent.language = language
    settings.user_agent.version = "5.0.0"
    return settings


def consumer_settings(client: RawClient, group: str, topic: str, kind=d.ClientType.PUSH_CONSUMER) -> d.Settings:
    settings = d.Settings(client_type=kind, access_point=client.endpoints)
    settings.subscription.group.name = group
    entry = settings.subscription.subscriptions.add()
    entry.topic.name = topic
    entry.expression.CopyFrom(d.FilterExpression(type=d.FilterType.TAG, expression="*"))
    return settings


def check_producer(answer: d.Settings) -> None:
    assert answer.WhichOneof("pub_sub") == "publishing"
    # A customised policy stops Java and Go, and kills Node; a body limit of 0 blocks C++.
    assert answer.backoff_policy.WhichOneof("strategy") == "exponential_backoff"
    assert answer.publishing.max_body_size > 0


def check_consumer(answer: d.Settings) -> None:
    assert answer.WhichOneof("pub_sub") == "subscription"
    assert answer.backoff_policy.WhichOneof("strategy") is not None and answer.backoff_policy.max_attempts > 0
    # Absent means 0 to C#, and then it asks for no message at all.
    assert answer.subscription.receive_batch_size > 0 and answer.subscription.long_polling_timeout.seconds >= 5


def check_route(client: RawClient, topic: str) -> list:
    answer = client.query_route(topic)
    assert answer.status.code == OK and answer.message_queues
    for entry in answer.message_queues:
        # Java and C# throw at permission 0 and type 0, Node and others use queues with id 0 of masters only.
        assert entry.permission != 0 and entry.broker.id == 0
        assert all(kind != 0 for kind in entry.accept_message_types) and entry.accept_message_types
        assert entry.broker.endpoints.addresses and entry.broker.endpoints.scheme != 0
    assert any(entry.id == 0 for entry in answer.message_queues)
    return list(answer.message_queues)


def headers(client: RawClient, language: str, **more: str):
    kept = [(name, value) for name, value in client.metadata if name not in ("x-mq-language", *more)]
    return [*kept, ("x-mq-language", language), *more.items()]


def test_java(deployment):
    topic, group = deployment.topic(), deployment.group()
    with RawClient(deployment.endpoint, language="JAVA") as client:
        queues = check_route(client, topic)
        with Telemetry(client) as stream:
            check_producer(stream.settings(producer_settings(client, topic)))
            client.send_ok(message(topic, b"java"))
        with Telemetry(client) as stream:
            check_consumer(stream.settings(consumer_settings(client, group, topic)))
            assigned = client.query_assignment(topic, group)
            assert assigned.status.code == OK and len(assigned.assignments) >= 1
            assert client.heartbeat(group, d.ClientType.PUSH_CONSUMER).status.code == OK
            # Push consumers name the whole queue, want renewal and give no invisible time.
            found = client.receive_all(topic, group, 1, auto_renew=True)
            assert found[0].body == b"java"
        terminated = client.stub.NotifyClientTermination(
            s.NotifyClientTerminationRequest(group=d.Resource(name=group)), metadata=client.metadata, timeout=5)
        assert terminated.status.code == OK
        assert queues


def test_java_producer_without_topics_sends_first(deployment):
    topic = deployment.topic()
    with RawClient(deployment.endpoint, language="JAVA") as client, Telemetry(client) as stream:
        check_producer(stream.settings(producer_settings(client)))
        client.send_ok(message(topic, b"first contact"))


def test_cpp(deployment):
    topic, group = deployment.topic(), deployment.group()
    with RawClient(deployment.endpoint, language="CPP") as client, Telemetry(client) as stream:
        # Settings come before any route, and their name-space replaces the client's own: it must come back as it was.
        settings = consumer_settings(client, group, topic)
        settings.subscription.group.resource_namespace = "space"
        answer = stream.settings(settings)
        check_consumer(answer)
        assert answer.subscription.group.resource_namespace == "space"
        check_route(client, topic)
        assert client.heartbeat(group, d.ClientType.PUSH_CONSUMER).status.code == OK
        client.send_ok(message(topic, b"cpp"))
        # Renewal and an invisible time together, no poll time: it follows from the deadline.
        request = s.ReceiveMessageRequest(
            group=d.Resource(name=group), message_queue=check_route(client, topic)[0], batch_size=32, auto_renew=True,
            filter_expression=d.FilterExpression(type=d.FilterType.TAG, expression="*"), attempt_id="attempt")
        request.invisible_duration.FromSeconds(30)
        started = time.monotonic()
        frames = list(client.stub.ReceiveMessage(request, metadata=client.metadata, timeout=8))
        assert time.monotonic() - started < 8, "the poll outlasted the call"
        assert frames[-1].WhichOneof("content") == "delivery_timestamp"


def test_go(deployment):
    topic, group = deployment.topic(), deployment.group()
    with RawClient(deployment.endpoint, language="GOLANG") as client:
        # Endpoints go through a text on the way, so the scheme of an address may be that of a name.
        client.endpoints.scheme = d.AddressScheme.DOMAIN_NAME
        queues = check_route(client, topic)
        with Telemetry(client) as stream:
            check_producer(stream.settings(producer_settings(client, topic, language=d.Language.GOLANG)))
            answer = client.send(message(topic, b"go"))
            assert answer.status.code == OK, "Go looks at the status of the whole only"
        # The probe after failed heartbeats has neither metadata nor content.
        probe = client.stub.Heartbeat(s.HeartbeatRequest(), timeout=5)
        assert probe.status.code == d.Code.CLIENT_ID_REQUIRED
        client.receive_all(topic, group, 1)
        ended = client.stub.NotifyClientTermination(
            s.NotifyClientTerminationRequest(group=d.Resource()), metadata=client.metadata, timeout=5)
        assert ended.status.code == OK and queues


def test_csharp(deployment):
    topics, group = [deployment.topic(), deployment.topic()], deployment.group()
    with RawClient(deployment.endpoint, language="DOTNET") as client, Telemetry(client) as stream:
        for topic in topics:
            check_route(client, topic)
        answer = stream.settings(consumer_settings(client, group, topics[0]))
        check_consumer(answer)
        assert answer.subscription.HasField("fifo") and not answer.subscription.fifo
        client.send_ok(message(topics[0], b"c#"))
        (found,) = client.receive_all(topics[0], group, 1)
        # Decoding throws without them.
        assert found.system_properties.HasField("body_digest")
        assert found.system_properties.HasField("born_timestamp")


def test_node(deployment):
    topics = [deployment.topic(), deployment.topic()]
    with RawClient(deployment.endpoint) as client:
        client.metadata = headers(client, "HTTP", **{"x-mq-client-version": "1.0.7"})
        for topic in topics:
            check_route(client, topic)
        with Telemetry(client) as stream:
            check_producer(stream.settings(producer_settings(client, *topics, language=d.Language.NODE_JS)))
            # It begins to listen only when all routes are there, and hangs if it missed the answer: it comes again.
            again = next(stream.call)
            check_producer(again.settings)
        # Old versions know no better code for a poll that cannot fit into the deadline.
        with pytest.raises(AssertionError):
            code, _ = client.receive(topics[0], deployment.group(), poll_seconds=10, timeout=0.9)
            assert code == OK


def test_rust(deployment):
    topic, group = deployment.topic(), deployment.group()
    with RawClient(deployment.endpoint) as client:
        client.metadata = [
            (n, v) for n, v in headers(client, "RUST") if n != "x-mq-protocol"] + [("x-mq-protocol-version", "2.0.0")]
        with Telemetry(client) as stream:
            started = time.monotonic()
            stream.outgoing.put(s.TelemetryCommand(settings=consumer_settings(client, group, topic)))
            stream.call.initial_metadata()
            assert time.monotonic() - started < 3, "the call has to be answered at once, before anything else"
            check_consumer(next(stream.call).settings)
            check_route(client, topic)
            beat = client.heartbeat(group, d.ClientType.PUSH_CONSUMER)
            assert beat.HasField("status") and beat.status.code == OK, "an absent status is an error to Rust"
            # The poll time is as long as the deadline, and a frame without content would be its end.
            request = s.ReceiveMessageRequest(
                group=d.Resource(name=group), message_queue=check_route(client, topic)[0], batch_size=32,
                auto_renew=True, filter_expression=d.FilterExpression(type=d.FilterType.TAG, expression="*"))
            request.long_polling_timeout.FromSeconds(6)
            frames = list(client.stub.ReceiveMessage(request, metadata=client.metadata, timeout=6))
            assert all(frame.WhichOneof("content") for frame in frames)
            assert frames[0].status.code == NOT_FOUND


def test_settings_do_not_depend_on_the_proxy(cluster):
    topic, group = cluster.topic(), cluster.group()
    client_id = f"wanderer-{threading.get_ident()}"
    with RawClient(cluster.endpoints[0], client_id=client_id) as first, Telemetry(first) as stream:
        check_consumer(stream.settings(consumer_settings(first, group, topic)))
        with RawClient(cluster.endpoints[1], client_id=client_id) as second:
            # The second proxy never saw this client's settings.
            assert second.heartbeat(group, d.ClientType.PUSH_CONSUMER).status.code == OK
            second.send_ok(message(topic, b"x"))
            assert second.receive_all(topic, group, 1, auto_renew=True)[0].body == b"x"


def test_an_unknown_language_is_no_reason_to_refuse(deployment):
    topic = deployment.topic()
    with RawClient(deployment.endpoint, language="COBOL") as client, Telemetry(client) as stream:
        check_producer(stream.settings(producer_settings(client, topic)))


def test_settings_without_a_role_end_the_stream(deployment):
    with RawClient(deployment.endpoint) as client, Telemetry(client) as stream:
        stream.outgoing.put(s.TelemetryCommand(settings=d.Settings(client_type=d.ClientType.PRODUCER)))
        with pytest.raises(grpc.RpcError) as caught:
            next(stream.call)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
