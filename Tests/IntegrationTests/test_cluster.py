"""Separate processes: any proxy serves any call, brokers come and go."""

import threading
import time

from harness import sdk
from harness.admin import Admin
from harness.programs import Broker, NameServer, Proxy
from harness.raw import OK, RawClient, message
from harness.waiting import eventually


def test_handle_of_one_proxy_acks_on_the_other(cluster):
    topic, group = cluster.topic(), cluster.group()
    with RawClient(cluster.endpoints[0]) as one, RawClient(cluster.endpoints[1]) as other:
        one.send_ok(*[message(topic, b"%d" % n) for n in range(8)])
        received = one.receive_all(topic, group, 8, ack=False, invisible_seconds=10)
        for each in received:
            other.ack_ok(topic, group, each)
        one.receive_nothing(topic, group, seconds=13)


def test_change_invisible_on_the_other_proxy(cluster):
    topic, group = cluster.topic(queues=1), cluster.group()
    with RawClient(cluster.endpoints[0]) as one, RawClient(cluster.endpoints[1]) as other:
        one.send_ok(message(topic))
        (first,) = one.receive_all(topic, group, 1, ack=False, invisible_seconds=120)
        answer = other.change_invisible(topic, group, first, 1)
        assert answer.status.code == OK and answer.receipt_handle
        (second,) = one.receive_all(topic, group, 1)
        assert second.system_properties.delivery_attempt == 2


def test_messages_spread_over_the_brokers(cluster):
    topic = cluster.topic(queues=2)
    with RawClient(cluster.endpoint) as client:
        route = client.query_route(topic)
        assert {q.broker.name for q in route.message_queues} == {"broker-a", "broker-b"}
        assert {q.id for q in route.message_queues} >= {0}
        for _ in range(40):
            client.send_ok(message(topic))
    status = cluster.admin.run("topicStatus", "-t", topic, "--json").expect_success().json
    counts = per_broker(status)
    assert sum(counts.values()) == 40
    assert all(count >= 10 for count in counts.values()), counts


def per_broker(value, counts=None) -> dict:
    counts = {} if counts is None else counts
    if isinstance(value, dict):
        if "maxOffset" in value and "brokerName" in value:
            name = value["brokerName"]
            counts[name] = counts.get(name, 0) + int(value["maxOffset"]) - int(value["minOffset"])
        else:
            for each in value.values():
                per_broker(each, counts)
    elif isinstance(value, list):
        for each in value:
            per_broker(each, counts)
    return counts


def test_route_points_to_the_proxy_that_was_asked(cluster):
    topic = cluster.topic()
    for endpoint in cluster.endpoints:
        with RawClient(endpoint) as client:
            for each in client.query_route(topic).message_queues:
                (address,) = each.broker.endpoints.addresses
                assert f"{address.host}:{address.port}" == endpoint
                assert each.broker.id == 0 and each.permission != 0
                assert list(each.accept_message_types) == [1]


def test_sends_go_on_while_one_broker_is_down(fresh_cluster):
    cluster = fresh_cluster(brokers=2)
    topic, group = cluster.topic(queues=2), cluster.group()
    with sdk.producer(cluster.endpoint, topic) as producer:
        for n in range(10):
            producer.send(sdk.message(topic, b"before"))
        cluster.brokers[1].kill()
        sent, failed = 0, 0
        deadline = time.monotonic() + 30
        while sent < 50 and time.monotonic() < deadline:
            try:
                producer.send(sdk.message(topic, b"during"))
                sent += 1
            except Exception:
                failed += 1
        assert sent == 50, f"{sent} sends went through, {failed} failed"
        cluster.brokers[1].start()
        with RawClient(cluster.endpoint) as client:
            eventually(lambda: len({q.broker.name for q in client.query_route(topic).message_queues}) == 2,
                       "the broker is back in the route", seconds=40)
            found = client.receive_all(topic, group, 60, seconds=60)
    assert len({m.system_properties.message_id for m in found}) == 60


def test_proxy_restart_loses_nothing(fresh_cluster):
    cluster = fresh_cluster()
    topic, group = cluster.topic(), cluster.group()
    with RawClient(cluster.endpoint) as client:
        client.send_ok(*[message(topic, b"%d" % n) for n in range(8)])
        received = client.receive_all(topic, group, 8, ack=False, invisible_seconds=60)
    cluster.proxy.kill()
    cluster.proxy.start()
    with RawClient(cluster.endpoint) as client:
        client.ack_ok(topic, group, *received)


def test_name_server_restart_is_survived(fresh_cluster):
    cluster = fresh_cluster()
    topic, group = cluster.topic(), cluster.group()
    with RawClient(cluster.endpoint) as client:
        cluster.name_server.kill()
        client.send_ok(message(topic, b"without a name server"))
        cluster.name_server.start()
        eventually(lambda: "broker-a" in cluster.admin.run("clusterList").output,
                   "the broker registered again", seconds=45)
        client.send_ok(message(topic, b"with a new one"))
        assert len(client.receive_all(topic, group, 2)) == 2


def test_either_of_two_name_servers_is_enough(tmp_path):
    name_servers = [NameServer(tmp_path).start() for _ in range(2)]
    both = ";".join(server.address for server in name_servers)
    broker = Broker(tmp_path, both).start()
    proxy = Proxy(tmp_path, both).start()
    programs = [*name_servers, broker, proxy]
    try:
        admin = Admin(both)
        for number, server in enumerate(name_servers):
            # The one that runs alone must know the broker and a topic that is made meanwhile.
            other = name_servers[1 - number]
            other.kill()
            topic = f"it-two-name-servers-{number}"
            admin.run("updateTopic", "-c", "DefaultCluster", "-t", topic).expect_success()
            with RawClient(proxy.endpoint) as client:
                eventually(lambda: client.route_is_known(topic), f"routed by {server.address} alone")
                client.send_ok(message(topic))
            other.start()
            eventually(lambda: "broker-a" in Admin(other.address).run("clusterList").output,
                       "the broker registered again", seconds=45)
    finally:
        for program in reversed(programs):
            program.stop()


def test_sigterm_ends_calls_and_programs_cleanly(fresh_cluster):
    cluster = fresh_cluster()
    topic, group = cluster.topic(), cluster.group()
    with RawClient(cluster.endpoint) as client:
        client.send_ok(message(topic))
        ended = threading.Event()

        def poll():
            try:
                client.receive(topic, cluster.group(), poll_seconds=20)
                client.receive(topic, group, poll_seconds=20, timeout=30)
            except Exception:
                pass
            ended.set()

        threading.Thread(target=poll, daemon=True).start()
        assert cluster.proxy.terminate() == 0
        assert ended.wait(5), "the parked call was left hanging"
    assert cluster.broker.terminate() == 0
    assert cluster.name_server.terminate() == 0


def test_start_up_reports_a_port_in_use(fresh_cluster):
    cluster = fresh_cluster()
    import subprocess

    from harness.programs import BINARIES
    done = subprocess.run(
        [BINARIES / "mqnamesrv", *cluster.name_server.arguments], capture_output=True, text=True, timeout=20)
    assert done.returncode != 0
    assert str(cluster.name_server.port) in done.stdout + done.stderr
