"""mqbench against a real cluster: what it counts is what the servers hold."""

import pytest
from harness.bench import bench

pytestmark = pytest.mark.alone

SHORT = ("--duration", "1", "--warm-up", "0.2", "--producers", "2", "--in-flight", "4")


def targets(cluster):
    return {"proxy": ("--proxy", ";".join(cluster.endpoints)), "namesrv": ("--namesrv", cluster.namesrv)}


@pytest.mark.parametrize("kind", ["proxy", "namesrv"])
def test_sends_that_are_counted_are_stored(cluster, kind):
    topic = cluster.topic()
    report = bench("produce", *targets(cluster)[kind], "-t", topic, *SHORT,
                   "--pid", f"broker={cluster.broker.pid}")
    assert report["audit"]["acknowledged"] == cluster.admin.stored_count(topic) > 100
    assert report["sent"]["failures"] == {}
    assert 0 < report["sent"]["latencyMicros"]["p50"] <= report["sent"]["latencyMicros"]["max"]
    (server,) = report["servers"]
    assert server["name"] == "broker" and server["anonymousBytes"] > 0 and server["cpuSecondsPer100k"] >= 0


def test_a_fixed_rate_is_kept(cluster):
    report = bench("produce", *targets(cluster)["proxy"], "-t", cluster.topic(), *SHORT, "--rate", "200",
                   "--duration", "2")
    assert 380 <= report["sent"]["count"] <= 420


@pytest.mark.parametrize("extra", [(), ("--fifo-groups", "10")], ids=["normal", "fifo"])
def test_everything_sent_comes_back_through_proxies(cluster, extra):
    topic = cluster.topic(message_type="FIFO" if extra else "NORMAL")
    report = bench("end-to-end", *targets(cluster)["proxy"], "-t", topic, "-g", cluster.group(), *SHORT,
                   "--rate", "300", "--consumers", "4", *extra)
    audit = report["audit"]
    assert audit["acknowledged"] == audit["received"] > 100
    assert (audit["lost"], audit["foreign"]) == (0, 0)


def test_wrong_arguments_and_servers_that_are_not_there(cluster):
    assert bench("produce", "--size", "3", "--proxy", "127.0.0.1:1", statuses=(2,))
    assert "cannot connect" in bench("produce", "--proxy", "127.0.0.1:1", statuses=(3,))["error"]
    assert "does not exist" in bench(
        "produce", "--namesrv", cluster.namesrv, "-t", "no-such-topic", statuses=(3,))["error"]
