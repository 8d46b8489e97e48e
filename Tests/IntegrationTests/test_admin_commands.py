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
    assert {key: value for key, value in same.items() if key != "messageTracks"} == found
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


def test_messages_are_printed_and_consumed(cluster, served):
    topic, _ = served
    printed = cluster.admin.run("printMsg", "-t", topic, "--json").expect_success().json
    assert {m["body"] for m in printed} == {f"body {n}" for n in range(10)}
    text = cluster.admin.run("printMsg", "-t", topic, "-d", "false").expect_success().output
    assert text.count("MSGID: ") == 10 and "NOT PRINT BODY" in text and "minOffset=0" in text
    assert cluster.admin.run("printMsg", "-t", topic, "-s", "Other", "--json").expect_success().json == []
    tagged = cluster.admin.run("printMsg", "-t", topic, "-s", "Other || T", "--json").expect_success().json
    assert len(tagged) == 10
    latest = max(m["storeTimestamp"] for m in printed)
    assert cluster.admin.run("printMsg", "-t", topic, "-b", str(latest + 60_000), "--json").json == []
    assert cluster.admin.run("printMsg", "-t", topic, "-b", "2020-01-01#00:00:00:000", "--json").json == printed
    few = cluster.admin.run("consumeMessage", "-t", topic, "-c", "3", "--json").expect_success().json
    assert len(few) == 3
    broker, end = next(iter(holders(cluster, topic).items()))
    one = cluster.admin.run(
        "consumeMessage", "-t", topic, "-b", broker, "-i", "0", "-o", str(end - 1), "--json").expect_success().json
    assert [m["queueOffset"] for m in one] == [end - 1]
    assert cluster.admin.run("consumeMessage", "-t", topic, "-i", "0").status == 2
    assert cluster.admin.run("printMsg", "-t", topic, "-b", "yesterday").status == 2


def test_queue_entries(cluster, served):
    topic, _ = served
    address = next(b.address for b in cluster.brokers if b.broker_name in holders(cluster, topic))
    found = cluster.admin.run(
        "queryCq", "-t", topic, "-q", "0", "-i", "0", "-c", "2", "-b", address, "--json").expect_success().json
    assert found["minQueueIndex"] == 0 and 0 < len(found["queueData"]) <= 2
    text = cluster.admin.run("queryCq", "-t", topic, "-q", "0", "-i", "0", "-b", address).expect_success().output
    assert f"physicOffset={found['queueData'][0]['physicOffset']}, " in text and "idx: 0" in text


def test_permissions_and_lists(cluster, tmp_path):
    admin, topic = cluster.admin, cluster.topic(queues=3, message_type="FIFO")
    changes = admin.run("updateTopicPerm", "-c", "DefaultCluster", "-t", topic, "-p", "4", "--json").expect_success().json
    assert [c["before"] for c in changes] == [6] * len(cluster.brokers)
    route = admin.run("topicRoute", "-t", topic, "--json").expect_success().json
    assert {(q["perm"], q["readQueueNums"]) for q in route["queueDatas"]} == {(4, 3)}
    back = admin.run("updateTopicPerm", "-b", cluster.broker.address, "-t", topic, "-p", "6").expect_success()
    assert f"from 4 to 6 in {cluster.broker.address} success" in back.output

    first, second = cluster.name(), cluster.name()
    topics = tmp_path / "topics.json"
    topics.write_text(f"""[
        {{"topicName": "{first}", "readQueueNums": 2, "writeQueueNums": 2, "perm": 6}},
        {{"topicName": "{second}", "attributes": {{"message.type": "DELAY"}}, "perm": 6}}]""")
    admin.run("updateTopicList", "-c", "DefaultCluster", "-f", str(topics)).expect_success()
    assert {first, second} <= set(admin.run("topicList").output.split())
    group = cluster.group()
    groups = tmp_path / "groups.json"
    groups.write_text(f'[{{"groupName": "{group}", "retryMaxTimes": 3}}]')
    admin.run("updateSubGroupList", "-b", cluster.broker.address, "-f", str(groups)).expect_success()
    (config,) = admin.run("getConsumerConfig", "-g", group, "--json").expect_success().json
    assert config["group"]["retryMaxTimes"] == 3
    topics.write_text("[{]")
    for broken in (topics, tmp_path / "absent.json"):
        refused = admin.run("updateTopicList", "-c", "DefaultCluster", "-f", str(broken))
        assert refused.status == 1 and str(broken) in refused.errors


def test_how_a_group_fetches(cluster):
    topic, group = cluster.topic(), cluster.group()
    done = cluster.admin.run(
        "setConsumeMode", "-c", "DefaultCluster", "-t", topic, "-g", group, "-m", "POP", "-q", "2",
        "--json").expect_success().json
    assert len(done["brokers"]) == len(cluster.brokers) and done["setting"]["mode"] == "POP"
    assert cluster.admin.run("setConsumeMode", "-c", "DefaultCluster", "-t", topic, "-g", group, "-m", "pop").status == 2


def test_times_of_sends(cluster):
    topic = cluster.topic(queues=2)
    times = cluster.admin.run("checkMsgSendRT", "-t", topic, "-a", "6", "-s", "100", "--json").expect_success().json
    assert len(times["sends"]) == 6 and all(send["success"] for send in times["sends"])
    assert len({(s["brokerName"], s["queueId"]) for s in times["sends"]}) == 2 * len(cluster.brokers)
    assert 0 < times["averageRtMillis"] < 5_000
    eventually(lambda: cluster.admin.stored_count(topic) == 6, "they are stored")
    rounds = cluster.admin.run("clusterRT", "-a", "3", "--json").expect_success().json
    assert {r["brokerName"]: (r["successCount"], r["failCount"]) for r in rounds} == {
        b.broker_name: (3, 0) for b in cluster.brokers}
    assert cluster.broker.broker_name in cluster.admin.run("clusterRT", "-a", "1").expect_success().output


def test_what_there_is_not(cluster):
    replicas = cluster.admin.run("haStatus", "-b", cluster.broker.address)
    assert "#SlaveNum\t0" in replicas.expect_success().output
    monitoring = cluster.admin.run("startMonitoring")
    assert monitoring.status == 2 and "consumerProgress" in monitoring.errors
