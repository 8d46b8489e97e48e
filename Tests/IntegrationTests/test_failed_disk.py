"""A disk that refuses to flush: no send is called durable, and the broker says so everywhere until it is restarted."""

import pytest
from harness.raw import OK, RawClient, message
from harness.waiting import eventually


@pytest.mark.parametrize("flush", ["SYNC_FLUSH", "ASYNC_FLUSH"])
def test_a_failed_flush_fences_the_broker(failing_flush, fresh_cluster, monkeypatch, flush):
    cluster = fresh_cluster(brokers=1, flushDiskType=flush)
    monkeypatch.delenv("LD_PRELOAD")
    topic, group = cluster.topic(queues=1), cluster.group()

    def status() -> str:
        return cluster.admin.run("brokerStatus", "-b", cluster.broker_address).expect_success().output

    def is_writable() -> bool:
        route = cluster.admin.run("topicRoute", "-t", topic, "--json").expect_success().json
        return route["queueDatas"][0]["perm"] & 2 != 0

    with RawClient(cluster.endpoint) as client:
        client.send_ok(message(topic, b"before"))
        assert "READ_ONLY" not in status() and is_writable()
        failing_flush.touch()
        refused = client.send(message(topic, b"during"))
        if flush == "SYNC_FLUSH":
            assert refused.status.code != OK, "a send that is not on the disk was called durable"
        eventually(lambda: "READ_ONLY" in status(), "the broker says that it is read-only")
        assert "READ_ONLY" in cluster.admin.run("clusterList").expect_success().output
        failing_flush.unlink()
        # The disk is well again, but what it lost nobody knows.
        assert client.send(message(topic, b"after")).status.code != OK
        eventually(lambda: not is_writable(), "clients are sent elsewhere")
        received = client.receive_all(topic, group, 1)
        assert received[0].body == b"before"
    assert "critical" in cluster.broker.tail(200).lower()
    cluster.broker.kill()
    cluster.broker.start()
    with RawClient(cluster.endpoint) as client:
        eventually(lambda: client.send(message(topic, b"again")).status.code == OK, "a restart serves again")
    assert "READ_ONLY" not in status()
