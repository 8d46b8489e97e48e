"""enableBatchAck: the acks of one request go to a broker as one request, and each entry has its own answer all the same."""

import json
import time

import pytest
from harness.programs import Broker
from harness.raw import OK, RawClient, d, fifo, message, resource, s
from harness.tap import RequestTap

ACK, BATCH_ACK = 200051, 200151
# Codes beyond 16 bits travel in JSON headers or as the low half.
LOW = 0xFFFF


def count(tap: RequestTap, code: int) -> int:
    return sum(n for seen, n in tap.codes.items() if seen & LOW == code & LOW)


@pytest.mark.parametrize("is_enabled", [True, False])
def test_acks_of_one_request_are_one_request(fresh_cluster, tmp_path, is_enabled):
    cluster = fresh_cluster(brokers=0, proxies=1, proxy_options={"enableBatchAck": is_enabled})
    broker = Broker(tmp_path, cluster.namesrv, bindAddress="127.0.0.1", brokerIP1="127.0.0.2")
    with RequestTap("127.0.0.2", broker.port, ("127.0.0.1", broker.port)) as tap:
        cluster.brokers.append(broker)
        cluster.programs.append(broker.start())
        cluster.broker_address = f"127.0.0.2:{broker.port}"
        topic, group = cluster.topic(queues=4), cluster.group()
        with RawClient(cluster.endpoint) as client:
            client.send_ok(*[message(topic, b"%d" % n) for n in range(16)])
            client.send_ok(*[message(topic, b"%d" % n) for n in range(16, 32)])
            received = client.receive_all(topic, group, 32, ack=False, invisible_seconds=10)
            assert count(tap, ACK) == count(tap, BATCH_ACK) == 0
            client.ack_ok(topic, group, *received[:31])
            if is_enabled:
                assert (count(tap, ACK), count(tap, BATCH_ACK)) == (0, 1)
                bodies = [b for code, each in tap.bodies.items() if code & LOW == BATCH_ACK & LOW for b in each]
                assert json.loads(bodies[0])["brokerName"] == "broker-a"
            else:
                assert (count(tap, ACK), count(tap, BATCH_ACK)) == (31, 0)
            # One that is alone needs no batch.
            client.ack_ok(topic, group, received[31])
            assert count(tap, ACK) == (1 if is_enabled else 32)
            client.receive_nothing(topic, group, seconds=13)


def test_one_bad_handle_spoils_no_other(fresh_cluster):
    cluster = fresh_cluster(brokers=2, proxies=2, proxy_options={"enableBatchAck": True})
    topic, group = cluster.topic(), cluster.group()
    with RawClient(cluster.endpoints[0]) as one, RawClient(cluster.endpoints[1]) as other:
        for n in range(16):
            one.send_ok(message(topic, b"%d" % n))
        received = one.receive_all(topic, group, 16, ack=False, invisible_seconds=10)
        handles = [m.system_properties.receipt_handle for m in received]
        broken = handles[0].split(" ")
        broken[7] = str(int(broken[7]) + 1_000_000)
        request = s.AckMessageRequest(group=resource(group), topic=resource(topic))
        for index, handle in enumerate([*handles, "nonsense", " ".join(broken)]):
            request.entries.add(message_id=f"m{index}", receipt_handle=handle)
        answer = other.stub.AckMessage(request, metadata=other.metadata, timeout=5)
        assert answer.status.code == d.Code.MULTIPLE_RESULTS
        assert [e.message_id for e in answer.entries] == [f"m{n}" for n in range(18)]
        codes = [e.status.code for e in answer.entries]
        assert codes == [OK] * 16 + [d.Code.INVALID_RECEIPT_HANDLE] * 2, codes
        one.receive_nothing(topic, group, seconds=13)


def test_ordered_deliveries_are_acked_in_one_request(fresh_cluster):
    cluster = fresh_cluster(brokers=1, proxy_options={"enableBatchAck": True})
    topic, group = cluster.topic(queues=2, message_type="FIFO"), cluster.group()
    cluster.admin.run("updateSubGroup", "-c", "DefaultCluster", "-g", group, "-o", "true").expect_success()
    with RawClient(cluster.endpoint) as client:
        for n in range(3):
            for name in "abcdef":
                client.send_ok(fifo(topic, name, b"%s%d" % (name.encode(), n)))
        seen = {name: [] for name in "abcdef"}
        deadline = time.monotonic() + 30
        while sum(map(len, seen.values())) < 18 and time.monotonic() < deadline:
            _, messages = client.receive(topic, group)
            for m in messages:
                seen[m.system_properties.message_group].append(m.body)
            if messages:
                client.ack_ok(topic, group, *messages)
        assert seen == {name: [b"%s%d" % (name.encode(), n) for n in range(3)] for name in "abcdef"}
