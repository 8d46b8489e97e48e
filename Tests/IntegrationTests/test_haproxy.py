"""HAProxy, the real one, in front of three proxies: connections are spread, and clients' own addresses come through."""

import shutil
import subprocess
import threading
import time

import pytest
from harness import sdk
from harness.ports import free_port
from harness.raw import RawClient, message
from harness.waiting import eventually

CONFIG = """
global
    maxconn 1000
defaults
    mode tcp
    timeout connect 2s
    timeout client 120s
    timeout server 120s
    option redispatch
    retries 3
frontend clients
    bind 127.0.0.1:{port}
    default_backend proxies
backend proxies
    balance roundrobin
    default-server check inter 200ms fall 1 rise 1 on-marked-down shutdown-sessions {header}
{servers}
"""


@pytest.fixture
def balanced(fresh_cluster, tmp_path):
    """Starts HAProxy with the PROXY protocol of a version before three proxies."""
    program = shutil.which("haproxy") or "/usr/sbin/haproxy"
    running = []

    def make(version: int, **options):
        cluster = fresh_cluster(brokers=2, proxies=3, **options)
        port = free_port()
        header = "send-proxy check-send-proxy" if version == 1 else "send-proxy-v2 check-send-proxy"
        servers = "\n".join(f"    server p{n} {proxy.endpoint}" for n, proxy in enumerate(cluster.proxies))
        config = tmp_path / f"haproxy-{port}.cfg"
        config.write_text(CONFIG.format(port=port, header=header, servers=servers))
        process = subprocess.Popen(
            [program, "-db", "-f", str(config)], stdout=open(tmp_path / "haproxy.log", "wb"), stderr=subprocess.STDOUT)
        running.append(process)
        address = f"127.0.0.1:{port}"

        def is_up() -> bool:
            with RawClient(address) as client:
                return client.route_is_known(cluster.known_topic)

        cluster.known_topic = cluster.topic()
        eventually(is_up, "HAProxy serves")
        return cluster, address

    yield make
    for process in running:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("version", [1, 2])
def test_clients_work_through_haproxy(balanced, version):
    cluster, address = balanced(version)
    topic, group = cluster.topic(), cluster.group()
    with sdk.producer(address, topic) as producer:
        for n in range(30):
            producer.send(sdk.message(topic, b"%d" % n))
    with sdk.simple_consumer(address, group, topic) as consumer:
        messages = sdk.receive(consumer, 30)
    assert {m.body for m in messages} == {b"%d" % n for n in range(30)}
    with RawClient(address) as client:
        endpoints = client.query_route(topic).message_queues[0].broker.endpoints
        assert f"{endpoints.addresses[0].host}:{endpoints.addresses[0].port}" == address


def test_no_send_fails_while_proxies_are_drained_one_after_the_other(balanced):
    cluster, address = balanced(2)
    topic, group = cluster.topic(), cluster.group()
    sent, failed, finished = [], [], threading.Event()

    def produce() -> None:
        with sdk.producer(address, topic) as producer:
            n = 0
            while not finished.is_set():
                n += 1
                try:
                    producer.send(sdk.message(topic, b"%d" % n))
                    sent.append(b"%d" % n)
                except Exception as error:  # noqa: BLE001 - whatever the SDK throws is a failed send
                    failed.append(str(error))
                time.sleep(0.01)

    collector = sdk.Collector()
    with sdk.push_consumer(address, group, topic, collector):
        thread = threading.Thread(target=produce, daemon=True)
        thread.start()
        for proxy in cluster.proxies:
            time.sleep(2)
            assert proxy.terminate() == 0
            proxy.start()
        time.sleep(2)
        finished.set()
        thread.join(20)
        eventually(lambda: set(sent) <= {m.body for m in collector.messages}, "every message is consumed", seconds=60)
    assert len(sent) > 100
    assert failed == []
