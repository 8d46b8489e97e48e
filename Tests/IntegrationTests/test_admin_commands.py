"""Commands of mqadmin against a cluster with traffic: the values, not only the exit status."""

import pytest
from harness.raw import RawClient, message
from harness.waiting import eventually


@pytest.fixture(scope="module")
def served(cluster):
    """A topic with ten messages of which a group has taken four and acknowledged two."""
    topic, group = cluster.topic(queues=1), cluster.group()
    with RawClient(cluster.endpoint) as client:
        client.send_ok(*[message(topic, b"body %d" % n, keys=[f"key-{n}"], tag="T") for n in range(10)])
        eventually(lambda: cluster.admin.stored_count(topic) == 10, "all are in the queues")
        taken = []
        while len(taken) < 4:
            taken += client.receive(topic, group, count=4 - len(taken), invisible_seconds=300)[1]
        client.ack_ok(topic, group, *taken[:2])
    return topic, group


def holders(cluster, topic):
    """Brokers whose queues hold something, with the offsets."""
    status = cluster.admin.run("topicStatus", "-t", topic, "--json").expect_success().json
    return {row["brokerName"]: row["maxOffset"] for row in status["queues"] if row["maxOffset"] > 0}


def test_lag_and_what_is_in_flight(cluster, served):
    topic, group = served
    progress = cluster.admin.run("consumerProgress", "-g", group, "-t", topic, "--json").expect_success().json
    assert progress["diffTotal"] == 8 and progress["inflightTotal"] == 2


def test_stats_all(cluster, served):
    topic, group = served
    (row,) = cluster.admin.run("statsAll", "-t", topic, "--json").expect_success().json
    assert row["group"] == group and row["accumulation"] == 8
    assert row["inMsg24Hour"] == 10 and row["outMsg24Hour"] == 4 and row["inTps"] > 0
    assert topic in cluster.admin.run("statsAll", "-t", topic, "-a").expect_success().output


def test_broker_status_counts_under_load(cluster, served):
    status = cluster.admin.run("brokerStatus", "-c", "DefaultCluster", "--json").expect_success().json
    assert set(status) == {broker.address for broker in cluster.brokers}
    assert sum(int(figures["msgPutTotalTodayNow"]) for figures in status.values()) >= 10
    for figures in status.values():
        assert 0 < float(figures["commitLogDiskRatio"]) < 1
        assert figures["commitLogDirCapacity"].startswith("Total : ")
    stored = [figures for figures in status.values() if int(figures["msgPutTotalTodayNow"]) > 0]
    assert all(float(figures["putMessageAverageSize"]) > 0 for figures in stored)
    assert all(int(figures["earliestMessageTimeStamp"]) > 1_600_000_000_000 for figures in stored)


def test_messages_by_key_id_and_offset(cluster, served):
    topic, _ = served
    (found,) = eventually(
        lambda: cluster.admin.run("queryMsgByKey", "-t", topic, "-k", "key-3", "--json").json
        if cluster.admin.run("queryMsgByKey", "-t", topic, "-k", "key-3").status == 0 else None, "the key is indexed")
    assert found["body"] == "body 3" and found["properties"]["TAGS"] == "T"
    (same,) = cluster.admin.run("queryMsgById", "-i", found["msgId"], "--json").expect_success().json
    assert same == found
    unique = found["properties"]["UNIQ_KEY"]
    (again,) = cluster.admin.run("queryMsgByUniqueKey", "-t", topic, "-i", unique, "--json").expect_success().json
    assert again["msgId"] == found["msgId"]
    (broker,) = [name for name, end in holders(cluster, topic).items() if end > found["queueOffset"]][:1]
    (placed,) = cluster.admin.run(
        "queryMsgByOffset", "-t", topic, "-b", broker, "-i", "0", "-o", "0", "--json").expect_success().json
    assert placed["queueOffset"] == 0
    assert cluster.admin.run("queryMsgById", "-i", "7F00000100000001" + "0" * 16).status == 1


def test_send_message(cluster):
    topic = cluster.topic(queues=1)
    sent = cluster.admin.run(
        "sendMessage", "-t", topic, "-p", "from mqadmin", "-k", "k1", "-c", "tagA", "--json").expect_success().json
    (found,) = cluster.admin.run("queryMsgById", "-i", sent["msgId"], "--json").expect_success().json
    assert found["body"] == "from mqadmin" and found["properties"]["KEYS"] == "k1"


def test_setting_changes_at_once_and_survives_a_restart(fresh_cluster):
    cluster = fresh_cluster(brokers=1, proxies=1)
    broker, admin = cluster.brokers[0], cluster.admin

    def value():
        return admin.run("getBrokerConfig", "-b", broker.address, "--json").json[broker.address]["autoCreateTopicEnable"]

    assert value() == "true"
    admin.run("updateBrokerConfig", "-b", broker.address, "-k", "autoCreateTopicEnable", "-v", "false").expect_success()
    assert value() == "false"
    refused = admin.run("updateBrokerConfig", "-b", broker.address, "-k", "listenPort", "-v", "1234")
    assert refused.status == 1 and "cannot change while the broker runs" in refused.errors
    misspelt = admin.run("updateBrokerConfig", "-b", broker.address, "-k", "autoCreateTopicEnabl", "-v", "true")
    assert misspelt.status == 1 and "autoCreateTopicEnable" in misspelt.errors
    assert broker.terminate() == 0
    broker.start()
    assert value() == "false"


def test_groups_offsets_and_permissions(cluster, served):
    topic, group = served
    admin, clone = cluster.admin, cluster.group()
    admin.run("cloneGroupOffset", "-s", group, "-d", clone, "-t", topic).expect_success()
    eventually(
        lambda: admin.run("consumerProgress", "-g", clone, "-t", topic, "--json").json["diffTotal"] <= 10,
        "the clone has progress")
    admin.run("updateSubGroup", "-c", "DefaultCluster", "-g", clone, "-r", "7").expect_success()
    configs = admin.run("getConsumerConfig", "-g", clone, "--json").expect_success().json
    assert {c["brokerName"] for c in configs} == {b.broker_name for b in cluster.brokers}
    assert all(c["group"]["retryMaxTimes"] == 7 for c in configs)
    admin.run("deleteSubGroup", "-c", "DefaultCluster", "-g", clone, "-r", "true").expect_success()
    assert admin.run("getConsumerConfig", "-g", clone).status == 1


def test_name_server_settings(cluster):
    admin, name = cluster.admin, cluster.name()
    admin.run("updateOrderConf", "-t", name, "-m", "put", "-v", "broker-a:4").expect_success()
    got = admin.run("updateOrderConf", "-t", name, "-m", "get", "--json").expect_success().json
    assert got["orderConf"] == "broker-a:4"
    admin.run("updateOrderConf", "-t", name, "-m", "delete").expect_success()
    assert admin.run("updateOrderConf", "-t", name, "-m", "get").status == 1
    admin.run("updateKvConfig", "-s", "NS", "-k", "k", "-v", "v").expect_success()
    admin.run("deleteKvConfig", "-s", "NS", "-k", "k").expect_success()
    (config,) = admin.run("getNamesrvConfig", "--json").expect_success().json.values()
    assert config["orderMessageEnable"] == "false"
    admin.run("updateNamesrvConfig", "-k", "orderMessageEnable", "-v", "true").expect_success()
    (config,) = admin.run("getNamesrvConfig", "--json").expect_success().json.values()
    assert config["orderMessageEnable"] == "true"
    admin.run("updateNamesrvConfig", "-k", "orderMessageEnable", "-v", "false").expect_success()


def test_write_permission_of_a_broker(fresh_cluster):
    cluster = fresh_cluster(brokers=1, proxies=1)
    topic = cluster.topic(queues=2)
    wiped = cluster.admin.run("wipeWritePerm", "-b", cluster.brokers[0].broker_name, "--json").expect_success().json
    assert wiped[0]["topicCount"] > 0
    perms = {q["perm"] for q in cluster.admin.run("topicRoute", "-t", topic, "--json").json["queueDatas"]}
    assert perms == {4}
    cluster.admin.run("addWritePerm", "-b", cluster.brokers[0].broker_name).expect_success()
    perms = {q["perm"] for q in cluster.admin.run("topicRoute", "-t", topic, "--json").json["queueDatas"]}
    assert perms == {6}


def test_cleaning_and_shares(cluster, served):
    topic, _ = served
    for command in ("cleanExpiredCQ", "cleanUnusedTopic", "deleteExpiredCommitLog"):
        output = cluster.admin.run(command, "-c", "DefaultCluster").expect_success().output
        assert output.count("success") == len(cluster.brokers)
    assert cluster.admin.run("topicClusterList", "-t", topic).expect_success().output.split() == ["DefaultCluster"]
    shares = cluster.admin.run("allocateMQ", "-t", topic, "-i", "10.0.0.1,10.0.0.2", "--json").expect_success().json
    assert sum(len(queues) for queues in shares["result"].values()) == len(cluster.brokers)


def test_mistakes_are_explained(cluster):
    unknown = cluster.admin.run("topicLst")
    assert unknown.status == 2 and "Did you mean 'topicList'?" in unknown.errors
    absent = cluster.admin.run("consumerConnection", "-g", "nobody-here")
    assert absent.status == 1 and "not online" in absent.errors
    dead = cluster.admin.run("brokerStatus", "-b", "127.0.0.1:1")
    assert dead.status == 1 and "127.0.0.1:1" in dead.errors
    assert cluster.admin.run("help", "statsAll", namesrv=False).expect_success().output.startswith("usage: mqadmin statsAll")
