"""The port for Prometheus and for health: figures that move with what clients do, on every program."""

import contextlib
import shutil
import socket
import subprocess

import pytest
from harness import legacy_send, lite, preload, sdk, transactions
from harness.admin import Admin
from harness.monitor import Monitor
from harness.ports import free_port
from harness.programs import BINARIES, Broker, LocalProxy, NameServer, Program, write_properties
from harness.raw import OK, RawClient, message
from harness.remoting import GET_BROKER_RUNTIME_INFO, RemotingSocket
from harness.waiting import eventually
from rocketmq.grpc_protocol import service_pb2 as s

SYSTEM_BUSY = 2


def prom(port: int) -> dict:
    return {"metricsExporterType": "PROM", "metricsPromExporterPort": port}


@pytest.fixture
def watched(fresh_cluster):
    """A cluster of one broker and one proxy, and the ports to ask them."""
    broker, proxy = free_port(), free_port()
    cluster = fresh_cluster(proxy_options=prom(proxy), metricsLabel="zone:a,team:b c", **prom(broker))
    return cluster, Monitor(broker), Monitor(proxy)


def test_figures_move_by_what_the_sdk_sends_and_receives(watched):
    cluster, monitor, _ = watched
    topic, group = cluster.topic(queues=2), cluster.group()
    before = monitor.metrics()
    assert before.value("rocketmq_messages_in_total", topic=topic) == 0
    bodies = [b"x" * 100] * 20 + [b"y" * 2_000] * 5
    with sdk.producer(cluster.endpoint, topic) as producer:
        for body in bodies:
            producer.send(sdk.message(topic, body))

    def arrived():
        page = monitor.metrics()
        return page if page.value("rocketmq_messages_in_total", topic=topic) >= len(bodies) else None

    page = eventually(arrived, "all messages are counted")
    labels, count = page.one("rocketmq_messages_in_total", topic=topic)
    assert count == len(bodies)
    assert labels == {
        "zone": "a", "team": "b c", "node_type": "broker", "cluster": "DefaultCluster", "node_id": "broker-a",
        "topic": topic, "message_type": "normal", "is_system": "false"}
    _, written = page.one("rocketmq_throughput_in_total", topic=topic)
    assert sum(map(len, bodies)) < written < sum(map(len, bodies)) + len(bodies) * 1_000

    def sizes(metrics, le: str) -> float:
        return metrics.value("rocketmq_message_size_bucket", le=le)

    assert sizes(page, "1024") - sizes(before, "1024") == 20
    assert sizes(page, "4096") - sizes(before, "4096") == 25
    assert sizes(page, "+Inf") - sizes(before, "+Inf") == 25
    assert page.value("rocketmq_message_size_sum") - before.value("rocketmq_message_size_sum") == written

    with RawClient(cluster.endpoint) as client:
        # A group that has never come has no lag; its first messages are handed out, three are not acknowledged.
        assert not page.find("rocketmq_consumer_lag_messages", consumer_group=group)
        got = client.receive_all(topic, group, len(bodies), ack=False, invisible_seconds=120)
        client.ack_ok(topic, group, *got[3:])
        page = monitor.metrics()
        of_group = {"topic": topic, "consumer_group": group, "is_retry": "false", "is_system": "false"}
        assert page.one("rocketmq_messages_out_total", **of_group)[1] == len(bodies)
        assert page.one("rocketmq_throughput_out_total", **of_group)[1] == written
        assert page.one("rocketmq_consumer_lag_messages", **of_group)[1] == 3
        assert page.one("rocketmq_consumer_inflight_messages", **of_group)[1] == 3
        assert page.one("rocketmq_consumer_ready_messages", **of_group)[1] == 0
        assert page.one("rocketmq_consumer_queueing_latency", **of_group)[1] == 0
        assert 0 < page.one("rocketmq_consumer_lag_latency", **of_group)[1] < 120_000
        client.send_ok(message(topic, b"one more"))
        page = eventually(
            lambda: (p := monitor.metrics()).value("rocketmq_consumer_ready_messages", **of_group) == 1 and p,
            "a message waits")
        assert page.one("rocketmq_consumer_lag_messages", **of_group)[1] == 4
        client.ack_ok(topic, group, *got[:3])
        client.receive_all(topic, group, 1)
        page = monitor.metrics()
        for name in ("lag_messages", "inflight_messages", "ready_messages", "lag_latency", "queueing_latency"):
            assert page.one(f"rocketmq_consumer_{name}", **of_group)[1] == 0, name


@pytest.mark.parametrize("settings", [
    {"liteLagLatencyMetricsEnable": "true"}, {"liteLagCountMetricsEnable": "false"}])
def test_lags_on_lite_topics_are_told_of_their_parent(fresh_cluster, settings):
    port = free_port()
    cluster, monitor = fresh_cluster(**prom(port), **settings), Monitor(port)
    topic = lite.parent(cluster)
    group = lite.group(cluster, topic)
    of_group = {"topic": topic, "consumer_group": group, "is_retry": "false", "is_system": "false"}
    names = ("lag_messages", "inflight_messages", "ready_messages", "lag_latency", "queueing_latency")
    with RawClient(cluster.endpoint) as client, lite.Stream(client, topic, group):
        # A member subscribes to the parent, of whose own queues nobody reads.
        eventually(lambda: cluster.admin.run("consumerConnection", "-g", group).status == 0, "the broker knows the member")
        lite.add(client, topic, group, "x", "y")
        for name, count in (("x", 3), ("y", 2), ("of-nobody", 1)):
            lite.send(client, topic, name, *[b"m"] * count)
        eventually(lambda: cluster.admin.stored_count(topic) == 6, "all are in their queues")
        got = [lite.drain(client, topic, group, 1, batch=1, ack_them=False)[0] for _ in range(2)]
        assert {m.system_properties.lite_topic for m in got} == {"x", "y"}
        lite.ack(client, topic, group, got[0])
        page = monitor.metrics()
        if "liteLagCountMetricsEnable" in settings:
            assert not any(page.find(f"rocketmq_consumer_{name}", consumer_group=group) for name in names)
            return
        rows = {name: page.one(f"rocketmq_consumer_{name}", consumer_group=group) for name in names}
        assert all(labels.items() >= of_group.items() for labels, _ in rows.values())
        assert [rows[name][1] for name in names[:3]] == [4, 1, 3]
        assert page.one("rocketmq_messages_out_total", **of_group)[1] == 2
        assert page.one("rocketmq_messages_in_total", topic=topic)[1] == 6
        assert all(0 < rows[name][1] < 120_000 for name in names[3:])
        lite.ack(client, topic, group, got[1])
        lite.drain(client, topic, group, 3)
        page = monitor.metrics()
        assert [page.one(f"rocketmq_consumer_{name}", consumer_group=group)[1] for name in names] == [0] * 5


def test_state_of_a_broker(watched):
    cluster, monitor, _ = watched
    topic = cluster.topic()
    page = monitor.metrics()
    assert page.one("rocketmq_broker_permission")[1] == 6
    labels, value = page.one("rocketmq_storage_writable")
    assert value == 1 and labels["status"] == "OK" and labels["reason"] == "" and labels["storage_type"] == "local"
    topics = page.one("rocketmq_topic_number")[1]
    groups = page.one("rocketmq_consumer_group_number")[1]
    cluster.topic()
    cluster.admin.run("updateSubGroup", "-c", "DefaultCluster", "-g", cluster.group()).expect_success()
    with RemotingSocket(cluster.broker_address) as connection:
        assert legacy_send.send(connection, topic, b"old")["code"] == 0
    page = monitor.metrics()
    assert page.one("rocketmq_topic_number")[1] == topics + 1
    assert page.one("rocketmq_consumer_group_number")[1] == groups + 1
    assert page.one("rocketmq_storage_size")[1] > 0 and page.one("rocketmq_storage_available_bytes")[1] > 0
    assert 0 <= page.one("rocketmq_storage_message_reserve_time")[1] < 600_000
    eventually(lambda: monitor.metrics().one("rocketmq_storage_flush_behind_bytes")[1] == 0, "all is on the disk")
    assert monitor.metrics().one("rocketmq_storage_dispatch_behind_bytes")[1] == 0
    assert monitor.health() == (200, {"status": "ready"})
    status, kind, body = monitor.get("/other")
    assert status == 404 and "/metrics" in body and kind.startswith("text/plain")
    assert monitor.get("/metrics", "POST")[0] == 405


def test_dead_letters_and_transactions_are_counted(watched):
    cluster, monitor, _ = watched
    topic, group = cluster.topic(queues=1), cluster.group()
    cluster.admin.run("updateSubGroup", "-c", "DefaultCluster", "-g", group, "-r", "1").expect_success()
    with RawClient(cluster.endpoint) as client:
        client.send_ok(message(topic, b"hopeless"))
        [received] = client.receive_all(topic, group, 1, ack=False)
        answer = client.stub.ForwardMessageToDeadLetterQueue(
            s.ForwardMessageToDeadLetterQueueRequest(
                group={"name": group}, topic={"name": topic}, receipt_handle=received.system_properties.receipt_handle,
                message_id=received.system_properties.message_id, delivery_attempt=1, max_delivery_attempts=1),
            metadata=client.metadata, timeout=5)
        assert answer.status.code == OK, answer
        eventually(
            lambda: monitor.metrics().value("rocketmq_send_to_dlq_messages_total", consumer_group=group) == 1,
            "the dead letter is counted")
    # Dead letters are not what producers sent.
    assert not monitor.metrics().find("rocketmq_messages_in_total", topic=f"%DLQ%{group}")

    orders = cluster.topic(queues=1, message_type="TRANSACTION")
    with transactions.RawProducer(cluster.endpoint, orders) as client:
        for body, resolution in [(b"a", transactions.COMMIT), (b"b", transactions.COMMIT), (b"c", transactions.ROLLBACK)]:
            half = transactions.send_half(client, orders, body)
            ended = transactions.end(client, orders, half.message_id, half.transaction_id, resolution)
            assert ended.code == OK, ended
        transactions.send_half(client, orders, b"d")
    page = monitor.metrics()
    assert page.one("rocketmq_commit_messages_total", topic=orders)[1] == 2
    assert page.one("rocketmq_rollback_messages_total")[1] == 1
    assert page.one("rocketmq_half_messages")[1] == 1


def test_series_are_bounded(fresh_cluster):
    port = free_port()
    cluster = fresh_cluster(metricsOtelCardinalityLimit=3, **prom(port))
    topics = [cluster.topic(queues=1) for _ in range(6)]
    with RawClient(cluster.endpoint) as client:
        for topic in topics:
            client.send_ok(message(topic, b"1"))
    monitor = Monitor(port)
    page = eventually(
        lambda: (p := monitor.metrics()).value("rocketmq_messages_in_total") >= 6 and p, "all messages are counted")
    rows = page.find("rocketmq_messages_in_total")
    assert len(rows) == 3
    assert page.one("rocketmq_messages_in_total", otel_metric_overflow="true")[1] >= 4


def test_a_failed_disk_shows_in_metrics_and_health(failing_flush, fresh_cluster, monkeypatch):
    port = free_port()
    cluster = fresh_cluster(flushDiskType="SYNC_FLUSH", **prom(port))
    monkeypatch.delenv("LD_PRELOAD")
    monitor, topic = Monitor(port), cluster.topic(queues=1)
    with RawClient(cluster.endpoint) as client:
        client.send_ok(message(topic, b"before"))
        assert monitor.health() == (200, {"status": "ready"})
        assert monitor.metrics().one("rocketmq_storage_writable")[1] == 1
        failing_flush.touch()
        assert client.send(message(topic, b"during")).status.code != OK
        eventually(lambda: monitor.health()[0] == 503, "health says so")
        failing_flush.unlink()
        status, health = monitor.health()
        assert status == 503 and health["status"] == "read-only" and health["storeStatus"] == "READ_ONLY"
        assert health["reason"]
        page = monitor.metrics()
        labels, value = page.one("rocketmq_storage_writable")
        assert value == 0 and labels["status"] == "READ_ONLY" and labels["reason"]
        assert page.one("rocketmq_broker_permission")[1] == 4
        refused = page.one("rocketmq_storage_refused_total")[1]
        assert client.send(message(topic, b"after")).status.code != OK
        assert monitor.metrics().one("rocketmq_storage_refused_total")[1] > refused
    cluster.broker.kill()
    cluster.broker.start()
    assert monitor.health() == (200, {"status": "ready"})
    assert monitor.metrics().one("rocketmq_storage_writable")[1] == 1


# A search for the next good record behind a damaged one begins when the file named by HOLD_FILE is gone.
HOLDING = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int held(const char *name, int descriptor, off_t offset, off_t length, int advice) {
    int (*real)(int, off_t, off_t, int) = dlsym(RTLD_NEXT, name);
    const char *file = getenv("HOLD_FILE");
    char link[64], path[4096] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    if (readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/commitlog/") != NULL && file != NULL)
        while (access(file, F_OK) == 0) usleep(10000);
    return real(descriptor, offset, length, advice);
}

int posix_fadvise(int descriptor, off_t offset, off_t length, int advice) {
    return held("posix_fadvise", descriptor, offset, length, advice);
}

int posix_fadvise64(int descriptor, off_t offset, off_t length, int advice) {
    return held("posix_fadvise64", descriptor, offset, length, advice);
}
"""


@pytest.fixture
def holding(tmp_path, monkeypatch):
    """A start that finds damage in its log waits there while the returned file exists."""
    library, file = preload.build(HOLDING, tmp_path), tmp_path / "hold"
    file.touch()

    @contextlib.contextmanager
    def preloaded():
        with monkeypatch.context() as patch:
            patch.setenv("LD_PRELOAD", str(library))
            patch.setenv("HOLD_FILE", str(file))
            yield

    yield file, preloaded
    file.unlink(missing_ok=True)


def fill(address: str) -> int:
    """Sends 200 messages; the log offset of one in the middle."""
    with RemotingSocket(address) as connection:
        ids = []
        for _ in range(200):
            answer = legacy_send.send(connection, "kept", b"z" * 10_000)
            assert answer["code"] == 0
            ids.append(answer["extFields"]["msgId"])
    return int(ids[100][16:32], 16)


def damage(store, offset: int) -> None:
    """Breaks the record at an offset, and has the next start read the whole log."""
    with open(store / "commitlog" / ("0" * 20), "r+b") as log:
        log.seek(offset + 4)
        log.write(b"\0\0\0\0")
    shutil.rmtree(store / "consumequeue", ignore_errors=True)


def test_a_recovering_broker_says_how_far_it_is(tmp_path, holding):
    hold, preloaded = holding
    name_server = NameServer(tmp_path).start()
    port = free_port()
    broker = Broker(tmp_path, name_server.address, **prom(port))
    monitor, admin = Monitor(port), Admin(name_server.address)
    try:
        broker.start()
        middle = fill(broker.address)
        broker.kill()
        damage(broker.store, middle)
        with preloaded():
            broker.start(wait=False)

        def half_way():
            with contextlib.suppress(OSError):
                health = monitor.health()[1]
                return health.get("bytesDone") == middle and health

        health = eventually(half_way, "the broker reads its log")
        # It cannot be past the damage.
        assert health["status"] == "recovering" and health["part"] == "log"
        assert health["bytesDone"] == middle, health
        assert abs(health["bytesTotal"] - 2 * middle) < 100_000, health
        assert monitor.health()[0] == 503
        page = monitor.metrics()
        labels, writable = page.one("rocketmq_storage_writable")
        assert writable == 0 and labels["status"] == "RECOVERING"
        assert page.one("rocketmq_storage_recovery_done_bytes")[1] == health["bytesDone"]
        assert page.one("rocketmq_storage_recovery_total_bytes")[1] == health["bytesTotal"]
        assert not page.find("rocketmq_messages_in_total")

        # Its own port answers too, with how far it is; nobody is sent there.
        with RemotingSocket(broker.address) as connection:
            refused = connection.call(GET_BROKER_RUNTIME_INFO)[0]
            percent = health["bytesDone"] // (health["bytesTotal"] // 100)
            assert refused["code"] == SYSTEM_BUSY
            assert refused["remark"] == f"the broker is recovering: {percent} % of the log is read", refused
            assert legacy_send.send(connection, "kept", b"early")["code"] == SYSTEM_BUSY
        status = admin.run("brokerStatus", "-b", broker.address)
        assert status.status == 1 and "recovering" in status.errors, status
        assert "broker-a" not in admin.run("clusterList").output

        hold.unlink()
        broker.wait_ready()
        assert monitor.health() == (200, {"status": "ready"})
        eventually(lambda: "broker-a" in admin.run("clusterList").output, "the broker is registered")
        with RemotingSocket(broker.address) as connection:
            assert legacy_send.send(connection, "kept", b"now")["code"] == 0
        page = monitor.metrics()
        assert page.one("rocketmq_storage_damaged_places")[1] == 1
        read = page.one("rocketmq_storage_recovery_done_bytes")[1]
        assert read == page.one("rocketmq_storage_recovery_total_bytes")[1]
        assert abs(read - health["bytesTotal"]) < 100_000, "the total was guessed wrong"
    finally:
        broker.stop()
        name_server.stop()


def test_a_proxy_in_local_mode_takes_nobody_before_its_broker_is_ready(tmp_path, holding):
    hold, preloaded = holding
    port = free_port()
    proxy = LocalProxy(tmp_path, prom(port))
    monitor = Monitor(port)
    try:
        proxy.start()
        middle = fill(f"127.0.0.1:{proxy.broker_port}")
        eventually(lambda: monitor.health() == (200, {"status": "ready"}), "the proxy is ready")
        assert monitor.metrics().one("rocketmq_proxy_up", proxy_mode="local", node_type="proxy")[1] == 1
        # Counted when they are dispatched, a moment after the answer.
        eventually(
            lambda: monitor.metrics().one("rocketmq_messages_in_total", topic="kept", node_type="broker")[1] == 200,
            "all messages are counted")
        proxy.kill()
        damage(proxy.store, middle)
        with preloaded():
            proxy.start(wait=False)

        def recovering():
            with contextlib.suppress(OSError):
                status, health = monitor.health()
                return status == 503 and health.get("bytesDone") == middle and health

        assert eventually(recovering, "the broker recovers")["status"] == "recovering"
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", proxy.port)) != 0, "the gRPC port is open too early"
        assert monitor.metrics().one("rocketmq_proxy_ready")[1] == 0
        hold.unlink()
        proxy.wait_ready()
        eventually(lambda: monitor.health() == (200, {"status": "ready"}), "the proxy is ready again")
        assert monitor.metrics().one("rocketmq_proxy_ready")[1] == 1
    finally:
        proxy.stop()


def test_name_server_and_proxy_answer(watched, tmp_path):
    cluster, _, proxy = watched
    with RawClient(cluster.endpoint) as client:
        client.query_route(cluster.topic())
        page = proxy.metrics()
        labels, value = page.one("rocketmq_proxy_up")
        assert value == 1 and labels["node_type"] == "proxy" and labels["proxy_mode"] == "cluster"
        assert labels["cluster"] == "DefaultCluster" and labels["node_id"]
        eventually(lambda: proxy.metrics().one("rocketmq_proxy_ready")[1] == 1, "the proxy is ready")
        assert proxy.metrics().one("rocketmq_proxy_grpc_connections")[1] >= 1
    assert proxy.health() == (200, {"status": "ready"})
    cluster.broker.kill()
    cluster.name_server.kill()
    eventually(lambda: proxy.health()[0] == 503, "the proxy says that nobody answers it")
    assert proxy.health()[1]["status"] == "not-ready"

    port, listen = free_port(), free_port()
    config = write_properties(tmp_path / "watched-namesrv.conf", {
        "listenPort": listen, "kvConfigPath": tmp_path / "watched-kv.json", "metricsLabel": "zone:z", **prom(port)})
    name_server = Program("mqnamesrv", ["-c", config], tmp_path, listen).start()
    broker = Broker(tmp_path, f"127.0.0.1:{listen}", "broker-n").start()
    try:
        monitor = Monitor(port)
        assert monitor.health() == (200, {"status": "ready"})
        page = eventually(
            lambda: (p := monitor.metrics()).find("rocketmq_namesrv_broker_number") and p, "the broker is counted")
        labels, value = page.one("rocketmq_namesrv_broker_number")
        assert value == 1
        assert labels == {"zone": "z", "node_type": "namesrv", "cluster": "DefaultCluster"}
        assert page.one("rocketmq_namesrv_topic_number")[1] > 5
        assert page.one("rocketmq_namesrv_connections")[1] >= 1
    finally:
        broker.stop()
        name_server.stop()


@pytest.mark.parametrize("program, option", [("mqbroker", "-c"), ("mqnamesrv", "-c"), ("mqproxy", "-pc")])
def test_exporters_that_are_not_there_are_refused(tmp_path, program, option):
    def start(kind: str) -> subprocess.CompletedProcess:
        config = tmp_path / "config"
        if program == "mqproxy":
            config.write_text('{"namesrvAddr": "127.0.0.1:1", "metricsExporterType": "%s"}' % kind)
        else:
            config.write_text(f"metricsExporterType={kind}\nlistenPort=1\nstorePathRootDir={tmp_path}/s\n"
                              if program == "mqbroker" else f"metricsExporterType={kind}\nlistenPort=1\n")
        return subprocess.run([str(BINARIES / program), option, str(config)], capture_output=True, text=True, timeout=30)

    for kind in ("OTLP_GRPC", "LOG", "PROMETHEUS"):
        done = start(kind)
        assert done.returncode == 1, done
        assert f'"{kind}" is not offered: DISABLE' in done.stderr and "PROM" in done.stderr, done.stderr


def test_without_the_key_there_is_no_port(fresh_local):
    port = free_port()
    deployment = fresh_local(metricsPromExporterPort=port)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    deployment.assert_alive()
