"""Master and replica: nothing that was answered is lost with the master's disk, and what is done stays done."""

import json
import shutil
import threading
import time

import pytest
from harness import legacy_send
from harness.programs import LocalProxy, ProgramDied
from harness.raw import NOT_FOUND, OK, RawClient, d, message
from harness.remoting import RemotingSocket
from harness.replicas import Pair
from harness.waiting import eventually
from test_crash import Sender
from test_delay import delayed
from test_store import check


@pytest.fixture
def pair(tmp_path):
    """Makes pairs of this test's own: pair(role="SYNC_MASTER", flushDiskType="SYNC_FLUSH")."""
    made = []

    def make(**options):
        folder = tmp_path / f"pair-{len(made)}"
        folder.mkdir()
        made.append(Pair(folder, **options))
        return made[-1]

    yield make
    for deployment in made:
        deployment.stop()


def bodies(messages) -> set[bytes]:
    return {m.body for m in messages}


def test_a_replica_takes_the_place_of_a_master_whose_disk_is_lost(pair):
    pair = pair()
    topic, group = pair.topic(queues=4), pair.group()
    later = pair.topic(queues=1, message_type="DELAY")
    with RawClient(pair.endpoint) as client:
        sent = {b"%d" % n for n in range(200)}
        for body in sent:
            client.send_ok(message(topic, body))
        due = time.time() + 20
        client.send_ok(delayed(later, b"later", due))
        client.send_ok(delayed(later, b"at once", time.time() - 1))
        assert bodies(client.receive_all(later, group, 1)) == {b"at once"}
        done = bodies(client.receive_all(topic, group, 100))
        pair.wait_in_sync()
        # What is acknowledged is in the log; the replica has the files that say from where to read it.
        pair.wait_for_files("topics.json", "subscriptionGroup.json", "consumerOffset.json")
        pair.lose_master()
        pair.promote()
        eventually(lambda: client.route_is_known(topic), "the proxy routes to the new master")
        eventually(lambda: client.send(message(topic, b"new")).status.code == OK, "the new master takes messages")
        rest = bodies(client.receive_all(topic, group, len(sent) - len(done) + 1, seconds=60))
        assert rest == sent - done | {b"new"}
        client.receive_nothing(topic, group, 2)
        (found,) = eventually(lambda: client.receive(later, group)[1], "the delayed message comes", seconds=60)
        assert found.body == b"later" and time.time() >= due


@pytest.mark.parametrize("flush", ["ASYNC_FLUSH", "SYNC_FLUSH"])
def test_with_sync_master_no_answered_send_is_lost_with_the_master(pair, flush):
    pair = pair(role="SYNC_MASTER", flushDiskType=flush)
    topic, group = pair.topic(queues=8), pair.group()
    progress = threading.Semaphore(0)
    senders = [Sender(pair.endpoint, topic, n, 1_500, progress) for n in range(4)]
    for sender in senders:
        sender.start()
    for _ in range(3_000):
        assert progress.acquire(timeout=60), pair.master.tail()
    # In the middle of sends: some are stored and not answered, none is answered and not replicated.
    pair.lose_master()
    pair.promote()
    for sender in senders:
        sender.join(120)
        assert not sender.is_alive(), f"{sender.failures} failures\n{pair.proxy.tail()}\n{pair.master.tail()}"
    answered = {body for sender in senders for body in sender.acknowledged}
    received: set[bytes] = set()
    deadline = time.monotonic() + 60
    with RawClient(pair.endpoint) as client:
        while not answered <= received and time.monotonic() < deadline:
            code, messages = client.receive(topic, group)
            assert code in (OK, NOT_FOUND)
            received |= bodies(messages)
            if messages:
                client.ack_ok(topic, group, *messages)
    assert answered <= received, f"{len(answered - received)} of {len(answered)} are lost"


def test_a_sync_master_without_replica_stores_and_says_so(pair):
    pair = pair(role="SYNC_MASTER", with_replica=False)
    topic, group = pair.topic(queues=1), pair.group()
    with RawClient(pair.endpoint) as client:
        answer = client.send(message(topic, b"alone"))
        assert answer.entries[0].status.code == d.Code.HA_NOT_AVAILABLE, answer
        # 4.x clients read where the message is with this code, too (SLAVE_NOT_AVAILABLE).
        with RemotingSocket(pair.master.address) as connection:
            answer = legacy_send.send(connection, topic, b"legacy and alone")
        assert answer["code"] == 11 and answer["extFields"]["msgId"] and answer["extFields"]["queueId"] == "0"
        assert bodies(client.receive_all(topic, group, 2)) == {b"alone", b"legacy and alone"}
        pair.programs.append(pair.replica.start())
        pair.wait_in_sync()
        client.send_ok(message(topic, b"not alone"))
        assert bodies(client.receive_all(topic, group, 1)) == {b"not alone"}
        # A replica that does not answer any more is waited for, then given up.
        pair.replica.kill()
        eventually(
            lambda: not pair.replication(pair.master)["haConnectionInfo"], "the master knows that the replica is gone")
        answer = client.send(message(topic, b"alone again"))
        assert answer.entries[0].status.code == d.Code.HA_NOT_AVAILABLE, answer


def test_a_killed_replica_catches_up_and_its_store_is_sound(pair):
    pair = pair()
    topic = pair.topic(queues=8)
    progress = threading.Semaphore(0)
    senders = [Sender(pair.endpoint, topic, n, 1_500, progress) for n in range(4)]
    for sender in senders:
        sender.start()
    for _ in range(3):
        for _ in range(1_200):
            assert progress.acquire(timeout=60), pair.master.tail()
        pair.replica.kill()
        pair.replica.start()
    for sender in senders:
        sender.join(60)
        assert not sender.is_alive() and sender.failures == 0, pair.master.tail()
    pair.wait_in_sync()
    assert pair.replica.terminate() == 0
    assert pair.master.terminate() == 0
    logs = [sorted((broker.store / "commitlog").iterdir()) for broker in (pair.master, pair.replica)]
    assert [f.name for f in logs[0]] == [f.name for f in logs[1]]
    end = 0
    for mine, theirs in zip(*logs):
        with open(mine, "rb") as one, open(theirs, "rb") as two:
            assert one.read() == two.read(), f"{mine} and {theirs} differ"
            end += 1
    assert end > 0
    found = check(pair.replica)
    assert found.returncode == 0, found.stdout


def test_a_planned_change_loses_nothing_and_repeats_nothing(pair):
    pair = pair()
    topic, group = pair.topic(queues=4), pair.group()
    with RawClient(pair.endpoint) as client:
        for n in range(100):
            client.send_ok(message(topic, b"%d" % n))
        done = bodies(client.receive_all(topic, group, 40))
        pair.wait_in_sync()
        pair.wait_for_files("topics.json", "subscriptionGroup.json")
        # The last acknowledgements are written as the master stops: it waits until the replica has them.
        assert pair.master.terminate() == 0
        pair.promote()
        eventually(lambda: client.route_is_known(topic), "the proxy routes to the new master")
        eventually(lambda: client.send(message(topic, b"new")).status.code == OK, "the new master takes messages")
        rest = [m.body for m in client.receive_all(topic, group, 101 - len(done), seconds=60)]
        assert sorted(rest) == sorted({b"%d" % n for n in range(100)} - done | {b"new"})
        client.receive_nothing(topic, group, 2)


def test_a_topic_that_was_made_just_before_its_master_was_lost_is_there(pair):
    pair = pair()
    topic, group = pair.topic(queues=3), pair.group()
    with RawClient(pair.endpoint) as client:
        sent = {b"%d" % n for n in range(30)}
        for body in sent:
            client.send_ok(message(topic, body))
        pair.wait_in_sync()
        pair.lose_master()
        master = pair.promote(lost_files=("topics.json",))
        assert "a topic was made just before its broker was lost" in master.log.read_text()
        eventually(lambda: client.route_is_known(topic), "the proxy routes to the new master")
        eventually(lambda: client.send(message(topic, b"new")).status.code == OK, "the new master takes messages")
        assert bodies(client.receive_all(topic, group, 31, seconds=60)) == sent | {b"new"}
        # From now on the store is a master's: a topic that is deleted stays deleted.
        assert json.loads((master.store / "config" / "replica.json").read_text()) == {"isReplica": False}


def test_a_replica_goes_on_with_a_master_that_was_killed_and_started(pair):
    pair = pair(role="SYNC_MASTER")
    topic = pair.topic(queues=1)
    with RawClient(pair.endpoint) as client:
        client.send_ok(message(topic, b"before"))
        pair.master.kill()
        pair.master.start()
        pair.wait_in_sync()
        eventually(lambda: client.send(message(topic, b"after")).status.code == OK, "sends are answered again")
        assert "another history" not in pair.replica.log.read_text()


def test_a_topic_that_is_made_again_has_no_messages_of_its_former_life_on_the_replica(pair):
    pair = pair()
    topic, group = pair.topic(queues=2), pair.group()
    with RawClient(pair.endpoint) as client:
        for n in range(50):
            client.send_ok(message(topic, b"old %d" % n))
        pair.wait_in_sync()
        pair.admin.run("deleteTopic", "-c", "DefaultCluster", "-t", topic).expect_success()
        pair.topic(queues=2, name=topic)
        eventually(lambda: client.send(message(topic, b"new")).status.code == OK, "the topic is there again")
        pair.wait_in_sync()
        pair.wait_for_files("topics.json")
        pair.lose_master()
        pair.promote()
        eventually(lambda: client.route_is_known(topic), "the proxy routes to the new master")
        found = eventually(lambda: client.receive(topic, group)[1], "messages come", seconds=30)
        client.ack_ok(topic, group, *found)
        assert bodies(found) == {b"new"}
        client.receive_nothing(topic, group, 2)


def test_a_former_master_with_another_history_is_refused(pair):
    pair = pair()
    topic = pair.topic(queues=1)
    with RawClient(pair.endpoint) as client:
        client.send_ok(message(topic, b"both"))
        pair.wait_in_sync()
        pair.wait_for_files("topics.json")
        pair.replica.kill()
        client.send_ok(message(topic, b"only the old master"))
        pair.master.kill()
        old = pair.master
        pair.replica.start()
        pair.promote()
        eventually(lambda: client.send(message(topic, b"only the new master has this one")).status.code == OK,
                   "the new master takes messages")
        config = pair.folder / "one" / "broker-a.conf"
        config.write_text(
            config.read_text().replace("brokerRole=ASYNC_MASTER", "brokerRole=SLAVE").replace("brokerId=0", "brokerId=1"))
        old.start()
        eventually(lambda: "another history" in old.log.read_text(), lambda: f"it is refused\n{old.tail()}")
        assert not pair.replication(pair.master)["haConnectionInfo"]
        old.assert_alive()
        # With its store removed it begins anew.
        old.terminate()
        shutil.rmtree(old.store)
        old.start()
        pair.wait_in_sync()


def test_a_proxy_in_local_mode_is_no_slave(tmp_path):
    proxy = LocalProxy(tmp_path, brokerRole="SLAVE", brokerId=1)
    with pytest.raises(ProgramDied):
        proxy.start()
    assert "brokerRole: a proxy in local mode is its own broker, which cannot be a SLAVE" in proxy.log.read_text()


def test_what_tools_and_clients_are_told(pair):
    pair = pair()
    listed = pair.admin.run("clusterList").expect_success().output
    assert pair.master.address in listed and pair.replica.address in listed
    master, replica = pair.replication(pair.master), pair.replication(pair.replica)
    assert master["master"] is True and master["inSyncSlaveNums"] == 1
    assert replica["master"] is False
    assert replica["haClientRuntimeInfo"]["masterAddr"] == pair.master.address
    refused = pair.admin.run("topicStatus", "-b", pair.replica.address, "-t", "any")
    assert refused.status != 0
