"""What operators and load balancers ask a proxy: health, reflection, log level; and how it behaves when it drains."""

import threading
import time
from pathlib import Path

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from harness.raw import OK, RawClient, d, message, s
from harness.waiting import eventually

SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


def unary(channel, path: str, request: bytes = b"") -> bytes:
    return channel.unary_unary(path)(request, timeout=5)


def check(endpoint: str) -> bytes | str:
    with grpc.insecure_channel(endpoint, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        try:
            return unary(channel, "/grpc.health.v1.Health/Check")
        except grpc.RpcError as error:
            return error.code().name


def test_health_says_serving(deployment):
    for endpoint in deployment.endpoints:
        eventually(lambda: check(endpoint) == SERVING, "the proxy is ready")
    with grpc.insecure_channel(deployment.endpoint) as channel:
        name = b"apache.rocketmq.v2.MessagingService"
        assert unary(channel, "/grpc.health.v1.Health/Check", b"\x0a" + bytes([len(name)]) + name) == SERVING
        with pytest.raises(grpc.RpcError) as caught:
            unary(channel, "/grpc.health.v1.Health/Check", b"\x0a\x01x")
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_health_follows_the_brokers_and_the_drain(fresh_cluster):
    cluster = fresh_cluster(brokers=1)
    eventually(lambda: check(cluster.endpoint) == SERVING, "the proxy is ready")
    seen, changed = [], threading.Condition()

    def watch():
        with grpc.insecure_channel(cluster.endpoint) as channel:
            try:
                for answer in channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=60):
                    with changed:
                        seen.append(answer)
                        changed.notify_all()
            except grpc.RpcError:
                pass

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    eventually(lambda: seen == [SERVING], "the watch begins")
    cluster.broker.kill()
    eventually(lambda: seen == [SERVING, NOT_SERVING], "a proxy without a broker is not ready", seconds=15)
    assert check(cluster.endpoint) == NOT_SERVING
    cluster.broker.start()
    eventually(lambda: seen[-1] == SERVING, "the broker is back", seconds=15)
    cluster.proxy.terminate()
    thread.join(10)
    assert seen[-1] == NOT_SERVING


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_describes_every_service(local, version):
    def text(field: int, value: str) -> bytes:
        return bytes([field << 3 | 2, len(value)]) + value.encode()

    with grpc.insecure_channel(local.endpoint) as channel:
        ask = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
        files = list(ask(iter([text(4, "apache.rocketmq.v2.MessagingService"), text(7, "*")]), timeout=5))
        assert len(files) == 2
        pool = descriptor_pool.DescriptorPool()
        reflection = list(ask(iter([text(4, f"grpc.reflection.{version}.ServerReflection")]), timeout=5))

        def parse(answer: bytes):
            # ServerReflectionResponse by hand: field 4 holds the files.
            position, found = 0, []
            while position < len(answer):
                key, position = answer[position], position + 1
                size = shift = 0
                while True:
                    byte, position = answer[position], position + 1
                    size |= (byte & 0x7F) << shift
                    shift += 7
                    if byte < 0x80:
                        break
                if key >> 3 == 4:
                    found.append(answer[position:position + size])
                position += size
            (inner,) = found
            container = descriptor_pb2.FileDescriptorSet()
            container.ParseFromString(inner)
            return container.file

        rest = {file.name: file for answer in (files[0], reflection[0]) for file in parse(answer)}
        while rest:
            name = next(name for name, file in rest.items() if not set(file.dependency) & set(rest))
            pool.Add(rest.pop(name))
        request = message_factory.GetMessageClass(pool.FindMessageTypeByName("apache.rocketmq.v2.SendMessageRequest"))
        assert request.DESCRIPTOR.fields_by_name["messages"].number == 1
        assert b"grpc.health.v1.Health" in files[1] and b"apache.rocketmq.v2.Admin" in files[1]


def test_log_level_changes_while_running(fresh_local):
    local = fresh_local()
    with grpc.insecure_channel(local.endpoint) as channel:
        assert b"debug" in unary(channel, "/apache.rocketmq.v2.Admin/ChangeLogLevel", b"\x08\x01")
        with pytest.raises(grpc.RpcError) as caught:
            unary(channel, "/apache.rocketmq.v2.Admin/ChangeLogLevel", b"\x08\x09")
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_drain_answers_what_waits_and_sends_clients_elsewhere(fresh_cluster):
    cluster = fresh_cluster(brokers=1)
    topic, group = cluster.topic(), cluster.group()
    results = []
    with RawClient(cluster.endpoint) as client:
        frames = client.stub.Telemetry(iter_settings(topic), metadata=client.metadata, timeout=60)
        assert next(frames).WhichOneof("command") == "settings"
        commands = []

        def listen():
            try:
                for frame in frames:
                    commands.append(frame.WhichOneof("command"))
            except grpc.RpcError as error:
                commands.append(error.code().name)

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        waiting = threading.Thread(
            target=lambda: results.append(client.receive(topic, group, poll_seconds=20, timeout=30)), daemon=True)
        waiting.start()
        time.sleep(1.5)
        started = time.monotonic()
        assert cluster.proxy.terminate() == 0
        assert time.monotonic() - started < 10
        waiting.join(10)
        listener.join(10)
    assert results == [(d.Code.MESSAGE_NOT_FOUND, [])]
    assert commands == ["reconnect_endpoints_command", "UNAVAILABLE"]


def test_drain_waits_for_no_stream_without_settings_and_no_late_receive(fresh_cluster):
    """Python's SDK opens a stream anew without sending its settings; and clients call until they see the end."""
    cluster = fresh_cluster(brokers=1)
    topic, group = cluster.topic(), cluster.group()
    ended = []
    with RawClient(cluster.endpoint) as client:
        assert client.query_route(topic).status.code == OK
        stream = client.stub.Telemetry(iter_nothing(), metadata=client.metadata, timeout=60)
        stream.add_done_callback(lambda call: ended.append(call.code().name))
        finished = threading.Event()

        def receive_again_and_again() -> None:
            while not finished.is_set():
                try:
                    client.receive(topic, group, poll_seconds=20, timeout=30)
                except grpc.RpcError:
                    return

        thread = threading.Thread(target=receive_again_and_again, daemon=True)
        thread.start()
        time.sleep(1)
        started = time.monotonic()
        assert cluster.proxy.terminate() == 0
        assert time.monotonic() - started < 5
        finished.set()
        thread.join(10)
        eventually(lambda: ended == ["UNAVAILABLE"], lambda: f"the stream has ended: {ended}")


def iter_nothing():
    time.sleep(60)
    yield s.TelemetryCommand()


def iter_settings(topic: str):
    settings = d.Settings(client_type=d.ClientType.PRODUCER)
    settings.publishing.topics.add().name = topic
    yield s.TelemetryCommand(settings=settings)
    time.sleep(60)


def test_old_connections_are_asked_to_go(fresh_cluster):
    cluster = fresh_cluster(brokers=1, proxy_options={"grpcMaxConnectionAgeSeconds": 1})
    topic = cluster.topic()
    with RawClient(cluster.endpoint) as client:
        ports: set[int] = set()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            client.send_ok(message(topic, b"x"))
            ports |= client_ports(cluster.proxy.port)
            time.sleep(0.02)
    assert len(ports) >= 3, "every call succeeded, over several connections"


def client_ports(server_port: int) -> set[int]:
    """Ports of established connections to a port of this host."""
    found = set()
    lines = [line for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    for line in lines:
        fields = line.split()
        if fields[3] == "01" and int(fields[2].split(":")[1], 16) == server_port:
            found.add(int(fields[1].split(":")[1], 16))
    return found


@pytest.mark.alone
def test_sends_go_to_the_other_broker_when_one_dies(fresh_cluster):
    cluster = fresh_cluster(brokers=2)
    topic = cluster.topic()
    with RawClient(cluster.endpoint) as client:
        for n in range(20):
            client.send_ok(message(topic, b"%d" % n))
        cluster.broker.kill()
        slowest = 0.0
        for n in range(100):
            started = time.monotonic()
            client.send_ok(message(topic, b"after %d" % n))
            slowest = max(slowest, time.monotonic() - started)
        assert slowest < 1.0
        cluster.broker.start()
        stored = cluster.admin.stored_count

        def is_used_again() -> bool:
            before = stored(topic)
            for _ in range(16):
                client.send_ok(message(topic, b"again"))
            return cluster.broker.broker_name in cluster.admin.run("topicStatus", "-t", topic).output and (
                stored(topic) - before == 16)

        eventually(is_used_again, "the broker that came back is used again", seconds=20)


def test_offsets_of_a_group(deployment):
    topic, group = deployment.topic(queues=1, one_broker=True), deployment.group()
    with RawClient(deployment.endpoint) as client:
        route = client.query_route(topic)
        queue = route.message_queues[0]
        stamp = None
        for n in range(5):
            if n == 3:
                time.sleep(0.02)
                stamp = time.time()
            client.send_ok(message(topic, b"%d" % n))
        meta = {"metadata": client.metadata, "timeout": 5}
        absent = client.stub.GetOffset(s.GetOffsetRequest(group=d.Resource(name=group), message_queue=queue), **meta)
        assert absent.status.code == d.Code.OFFSET_NOT_FOUND
        updated = client.stub.UpdateOffset(
            s.UpdateOffsetRequest(group=d.Resource(name=group), message_queue=queue, offset=2), **meta)
        assert updated.status.code == OK, updated
        known = client.stub.GetOffset(s.GetOffsetRequest(group=d.Resource(name=group), message_queue=queue), **meta)
        assert (known.status.code, known.offset) == (OK, 2)

        def place(policy, **more):
            answer = client.stub.QueryOffset(
                s.QueryOffsetRequest(message_queue=queue, query_offset_policy=policy, **more), **meta)
            assert answer.status.code == OK, answer
            return answer.offset

        assert place(d.QueryOffsetPolicy.BEGINNING) == 0
        assert place(d.QueryOffsetPolicy.END) == 5
        request = s.QueryOffsetRequest()
        request.timestamp.FromMilliseconds(int(stamp * 1000))
        assert place(d.QueryOffsetPolicy.TIMESTAMP, timestamp=request.timestamp) == 3
        missing = client.stub.QueryOffset(
            s.QueryOffsetRequest(message_queue=queue, query_offset_policy=d.QueryOffsetPolicy.TIMESTAMP), **meta)
        assert missing.status.code == d.Code.BAD_REQUEST
