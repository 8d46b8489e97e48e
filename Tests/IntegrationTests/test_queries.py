"""A message that an SDK sent is found by its id, its key and its time; and still is after a kill."""

import struct

from harness import sdk
from harness.remoting import RemotingSocket
from harness.waiting import eventually

QUERY_MESSAGE, SEARCH_OFFSET, VIEW_MESSAGE = 12, 29, 33
LONG_MAX = 2**63 - 1


def records(body: bytes) -> list[tuple[int, bytes]]:
    """Log offset and bytes of each record."""
    found = []
    while body:
        (size,) = struct.unpack_from(">i", body)
        found.append((struct.unpack_from(">q", body, 28)[0], body[:size]))
        body = body[size:]
    return found


def query(broker, topic: str, key: str, unique: bool = False, begin: int = 0, end: int = LONG_MAX):
    with RemotingSocket(broker.address) as socket:
        head, body = socket.call(QUERY_MESSAGE, {
            "topic": topic, "key": key, "maxNum": "32", "beginTimestamp": str(begin), "endTimestamp": str(end),
            "_UNIQUE_KEY_QUERY": str(unique).lower()})
    assert head["code"] in (0, 22), head
    return records(body)


def test_queries_over_a_kill(fresh_cluster):
    cluster = fresh_cluster(brokers=1, flushDiskType="SYNC_FLUSH", maxHashSlotNum=1000, maxIndexNum=5000)
    topic = cluster.topic(queues=1)
    with sdk.producer(cluster.endpoint, topic) as producer:
        receipts = [
            producer.send(sdk.message(topic, b"body %d" % n, keys=("order-%d" % n, "all"))) for n in range(20)]

    def check() -> None:
        eventually(lambda: len(query(cluster.broker, topic, "all")) == 20, "all are in the index")
        for number, receipt in enumerate(receipts):
            ((offset, record),) = query(cluster.broker, topic, "order-%d" % number)
            assert b"body %d" % number in record
            ((same, _),) = query(cluster.broker, topic, receipt.message_id, unique=True)
            assert same == offset
            with RemotingSocket(cluster.broker.address) as socket:
                head, body = socket.call(VIEW_MESSAGE, {"offset": str(offset)})
                assert head["code"] == 0 and body == record
        assert query(cluster.broker, topic, "order-99") == []
        assert query(cluster.broker, topic, "all", end=1) == []

    check()
    cluster.broker.kill()
    cluster.broker.start()
    check()
    with RemotingSocket(cluster.broker.address) as socket:
        fields = {"topic": topic, "queueId": "0", "timestamp": str(LONG_MAX)}
        assert socket.call(SEARCH_OFFSET, fields | {"boundaryType": "LOWER"})[0]["extFields"]["offset"] == "20"
        assert socket.call(SEARCH_OFFSET, fields | {"boundaryType": "UPPER"})[0]["extFields"]["offset"] == "19"
        head, body = socket.call(VIEW_MESSAGE, {"offset": "7"})
        assert head["code"] == 1 and not body
