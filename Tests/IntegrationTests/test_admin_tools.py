"""Commands of mqadmin that try brokers out, trace messages and write what there is into files."""

import contextlib
import json
import subprocess
import threading
import time
import zlib
from collections import Counter

import pytest
from harness.legacy_send import send
from harness.programs import BINARIES, Program
from harness.remoting import HEART_BEAT, RemotingSocket, frame, header
from harness.waiting import eventually

UPDATE_CONSUMER_OFFSET, VIEW_MESSAGE_BY_ID = 15, 33


def sent(cluster, topic: str, body: str, *options: str) -> dict:
    return cluster.admin.run("sendMessage", "-t", topic, "-p", body, *options, "--json").expect_success().json


@contextlib.contextmanager
def running(*arguments: str):
    """Lines of mqadmin as they come, within seconds; it is ended afterwards."""
    process = subprocess.Popen(
        [str(BINARIES / "mqadmin"), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    # What waits for a line that does not come sees the end instead.
    timer = threading.Timer(15, process.kill)
    timer.start()
    try:
        yield process.stdout
    finally:
        timer.cancel()
        process.kill()
        process.wait()


def test_sends_to_the_topic_of_a_broker(cluster):
    broker = cluster.broker.broker_name
    before = cluster.admin.stored_count(broker)
    results = cluster.admin.run("sendMsgStatus", "-b", broker, "-s", "200", "-c", "3", "--json").expect_success().json
    assert [r["sendResult"]["sendStatus"] for r in results] == ["SEND_OK"] * 3 and all(r["rtMillis"] > 0 for r in results)
    # One more, which opens the connection, is not shown.
    eventually(lambda: cluster.admin.stored_count(broker) == before + 4, "they are stored")
    (found,) = cluster.admin.run("queryMsgById", "-i", results[0]["sendResult"]["offsetMsgId"], "--json").expect_success().json
    assert (found["topic"], len(found["body"])) == (broker, 200)
    assert found["properties"]["UNIQ_KEY"] == results[0]["sendResult"]["msgId"]
    text = cluster.admin.run("sendMsgStatus", "-b", broker, "-c", "1").expect_success().output
    assert text.startswith("rt=") and f"messageQueue=MessageQueue [topic={broker}, brokerName={broker}, queueId=" in text
    assert cluster.admin.run("sendMsgStatus", "-b", broker, "-c", "0").status == 2
    absent = cluster.admin.run("sendMsgStatus", "-b", "no-such-broker")
    assert absent.status == 1 and "no-such-broker" in absent.errors
    # The first failure ends it, and each line comes when its answer does.
    refused = cluster.admin.run("sendMsgStatus", "-b", broker, "-s", "5000000", "-c", "1000000")
    assert refused.status == 1 and "the maximum" in refused.errors
    with running("sendMsgStatus", "-n", cluster.namesrv, "-b", broker, "-c", "1000000") as lines:
        assert next(lines).startswith("rt=")


def test_a_queue_is_printed_and_counted_by_tag(cluster):
    topic, broker = cluster.topic(queues=1), cluster.broker.broker_name
    for number, tag in enumerate(["A", "B", "A"]):
        sent(cluster, topic, f"body {number}", "-c", tag, "-b", broker, "-i", "0")
    sent(cluster, topic, "no tag", "-b", broker, "-i", "0")
    eventually(lambda: cluster.admin.stored_count(topic) == 4, "they are stored")
    queue = ["printMsgByQueue", "-t", topic, "-a", broker, "-i", "0"]
    assert cluster.admin.run(*queue).expect_success().output == ""
    counted = cluster.admin.run(*queue, "-f", "true").expect_success().output
    assert counted.splitlines() == [f"Tag: {'A':30} Count: 2", f"Tag: {'B':30} Count: 1"]
    printed = cluster.admin.run(*queue, "-p", "true").expect_success().output
    assert printed.count("MSGID: ") == 4 and printed.count("BODY: NOT PRINT BODY") == 4
    both = cluster.admin.run(*queue, "-p", "true", "-d", "true", "-f", "true", "-s", "A", "--json").expect_success().json
    assert [m["body"] for m in both["messages"]] == ["body 0", "body 2"] and both["tags"] == {"A": 2}
    future = str(int(time.time() * 1000) + 60_000)
    assert cluster.admin.run(*queue, "-p", "true", "-b", future, "--json").expect_success().json["messages"] == []
    assert cluster.admin.run("printMsgByQueue", "-t", topic, "-a", broker).status == 2
    assert cluster.admin.run(*queue, "-p", "perhaps").status == 2
    assert cluster.admin.run(*queue[:-1], "7").status == 1


def test_what_became_of_a_message(cluster):
    """The entries are what Java clients write: see TraceDataEncoder."""
    traces, message = cluster.topic(queues=1), "7F0000010001" + cluster.name().encode().hex().upper()[-20:]
    at = int(time.time() * 1000)

    def entry(*fields: str) -> str:
        return "\1".join(fields) + "\2"

    pub = entry("Pub", str(at), "DefaultRegion", "P1", "Orders", message, "TagA", "key1", "10.0.0.1:10911", "5", "7",
                "0", "0A00000100002A9F0000000000000000", "true")
    other = entry("Pub", str(at), "DefaultRegion", "P1", "Orders", "OTHER", "", "", "", "5", "7", "0", "X", "true")
    before = entry("SubBefore", str(at + 5), "DefaultRegion", "C1", "REQ", message, "0", "key1")
    after = entry("SubAfter", "REQ", message, "12", "false", "key1", "1", str(at + 20), "C1")
    for body in (pub + other, before, after):
        sent(cluster, traces, body, "-k", f"{message} key1")
    query = ["queryMsgTraceById", "-i", message, "-t", traces]
    found = eventually(
        lambda: done.json if (done := cluster.admin.run(*query, "--json")).status == 0 and len(done.json) == 3
        else None, "the entries are indexed")
    by_type = {e["type"]: e for e in found}
    assert set(by_type) == {"Pub", "SubBefore", "SubAfter"} and {e["msgId"] for e in found} == {message}
    assert by_type["Pub"] == {
        "type": "Pub", "msgId": message, "groupName": "P1", "clientHost": "127.0.0.1", "timestamp": at, "costTime": 7,
        "success": True, "topic": "Orders", "keys": "key1"}
    assert by_type["SubBefore"]["groupName"] == "C1" and by_type["SubBefore"]["success"] is None
    assert (by_type["SubAfter"]["costTime"], by_type["SubAfter"]["success"]) == (12, False)
    when = [time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(millis / 1000)) for millis in (at, at + 20)]
    lines = [line.split() for line in cluster.admin.run(*query).expect_success().output.splitlines() if line]
    assert lines == [
        ["#Type", "#ProducerGroup", "#ClientHost", "#SendTime", "#CostTimes", "#Status"],
        ["Pub", "P1", "127.0.0.1", *when[0].split(), "7ms", "success"],
        ["#Type", "#ConsumerGroup", "#ClientHost", "#ConsumerTime", "#CostTimes", "#Status"],
        ["Sub", "C1", "127.0.0.1", *when[1].split(), "12ms", "failed"],
    ]
    assert cluster.admin.run(*query, "-b", "yesterday").status == 2
    assert cluster.admin.run("queryMsgTraceById", "-i", "NOBODY", "-t", traces).status == 1
    # A key of that name is not a trace yet.
    sent(cluster, traces, "no entry", "-k", "UNTRACED")
    eventually(lambda: cluster.admin.run("queryMsgByKey", "-t", traces, "-k", "UNTRACED").status == 0, "it is indexed")
    nothing = cluster.admin.run("queryMsgTraceById", "-i", "UNTRACED", "-t", traces)
    assert nothing.status == 1 and "UNTRACED" in nothing.errors
    untraced = cluster.admin.run("queryMsgTraceById", "-i", message)
    assert untraced.status == 1 and "RMQ_SYS_TRACE_TOPIC" in untraced.errors


def test_ids_are_taken_apart(cluster):
    before = int(time.time() * 1000)
    sent(cluster, topic := cluster.topic(), "x", "-k", "k")
    after = int(time.time() * 1000)
    (message,) = eventually(
        lambda: done.json if (done := cluster.admin.run("queryMsgByKey", "-t", topic, "-k", "k", "--json")).status == 0
        else None, "the key is indexed")
    unique = message["properties"]["UNIQ_KEY"]
    parts = cluster.admin.run("decodeMessageId", "-i", unique, "--json", namesrv=False).expect_success().json
    assert parts["ip"] == "127.0.0.1" and before <= parts["timestamp"] <= after
    text = cluster.admin.run("DecodeMessageId", "-i", unique, namesrv=False).expect_success().output
    assert text.splitlines() == ["ip=127.0.0.1", f"date={parts['date']}"]
    v5 = cluster.admin.run("decodeMessageId", "-i", "01" + "56AB4C02F9D1" + "0007" + "00000E10" + "00000001", "--json")
    assert v5.expect_success().json["mac"] == "56:AB:4C:02:F9:D1"
    assert (v5.json["timestamp"], v5.json["processId"]) == (1_609_459_200_000 + 3_600_000, 7)
    for wrong in ("77", "zz" * 16):
        refused = cluster.admin.run("decodeMessageId", "-i", wrong)
        assert refused.status == 1 and "hexadecimal digits" in refused.errors
    assert cluster.admin.run("decodeMessageId").status == 2


def exported(cluster, tmp_path, command: str, file: str, *options: str):
    folder = tmp_path / "made" / "by the tool"
    done = cluster.admin.run(command, *options, "-f", str(folder)).expect_success()
    assert done.output.strip() == f"export {folder}/{file} success"
    assert not list(folder.glob("*.tmp"))
    return json.loads((folder / file).read_text())


def test_configs_are_exported(cluster, tmp_path):
    export = exported(cluster, tmp_path, "exportConfigs", "configs.json", "-c", "DefaultCluster")
    assert export["clusterScale"] == {"namesrvSize": 1, "masterBrokerSize": 2, "slaveBrokerSize": 0}
    assert set(export["brokerConfigs"]) == {b.broker_name for b in cluster.brokers}
    config = export["brokerConfigs"][cluster.broker.broker_name]
    assert (config["brokerName"], config["flushDiskType"]) == (cluster.broker.broker_name, "ASYNC_FLUSH")
    assert "listenPort" not in config
    assert cluster.admin.run("exportConfigs").status == 2
    assert cluster.admin.run("exportConfigs", "-c", "no-such-cluster", "-f", str(tmp_path)).status == 1
    (tmp_path / "a file").write_text("")
    unwritable = cluster.admin.run("exportConfigs", "-c", "DefaultCluster", "-f", str(tmp_path / "a file"))
    assert unwritable.status == 1 and f"{tmp_path}/a file/configs.json" in unwritable.errors


def test_topics_and_groups_are_exported(cluster, tmp_path):
    topic, group = cluster.topic(queues=3), cluster.group()
    cluster.admin.run("updateSubGroup", "-c", "DefaultCluster", "-g", group, "-r", "5").expect_success()
    everywhere = exported(cluster, tmp_path, "exportMetadata", "metadata.json", "-c", "DefaultCluster")
    # The queues of both brokers together.
    assert everywhere["topicConfigTable"][topic]["writeQueueNums"] == 6
    assert everywhere["subscriptionGroupTable"][group]["retryMaxTimes"] == 5 and everywhere["exportTime"] > 1e12
    topics = set(everywhere["topicConfigTable"])
    assert not {"TBW102", "RMQ_SYS_TRANS_HALF_TOPIC"} & topics and not [t for t in topics if t.startswith("%")]
    assert "TOOLS_CONSUMER" not in everywhere["subscriptionGroupTable"]
    here = ["-b", cluster.broker.address]
    with RemotingSocket(cluster.broker.address) as client:
        client.send(frame(header(HEART_BEAT), json.dumps({
            "clientID": "10.0.0.7@1", "producerDataSet": [], "consumerDataSet": [{
                "groupName": group, "consumeType": "CONSUME_PASSIVELY", "messageModel": "CLUSTERING",
                "consumeFromWhere": "CONSUME_FROM_LAST_OFFSET", "subscriptionDataSet": []}]}).encode()))
        eventually(lambda: f"%RETRY%{group}" in cluster.admin.run("topicList").output, "the group has a retry topic")
    special = exported(cluster, tmp_path, "exportMetadata", "topic.json", *here, "-t", "-s")
    assert special["topicConfigTable"][topic]["writeQueueNums"] == 3 and "dataVersion" in special
    assert f"%RETRY%{group}" in special["topicConfigTable"]
    plain = exported(cluster, tmp_path, "exportMetadata", "topic.json", *here, "-t")
    assert f"%RETRY%{group}" not in plain["topicConfigTable"]
    groups = exported(cluster, tmp_path, "exportMetadata", "subscriptionGroup.json", *here, "-g")
    assert group in groups["subscriptionGroupTable"] and "topicConfigTable" not in groups
    assert cluster.admin.run("exportMetadata").status == 2
    assert cluster.admin.run("exportMetadata", *here, "-t", "-g").status == 2


def test_figures_are_exported(cluster, tmp_path):
    def export_now() -> dict:
        return exported(cluster, tmp_path, "exportMetrics", "metrics.json", "-c", "DefaultCluster")

    def of_day(export: dict) -> tuple[int, int]:
        sums = export["totalData"]["totalOneDayNum"]
        return sums["scheduleOneDayInNum"], sums["transOneDayInNum"]

    topic = cluster.topic()
    delayed, halves = of_day(export_now())
    with RemotingSocket(cluster.broker.address) as connection:
        for properties in ("DELAY\x013\x02", "DELAY\x014\x02", "TRAN_MSG\x01true\x02PGROUP\x01p\x02"):
            send(connection, topic, b"x", properties=properties)
    export = eventually(
        lambda: e if of_day(e := export_now()) == (delayed + 2, halves + 1) else None, "the messages are counted")
    reports = export["evaluateReport"]
    assert set(reports) == {b.broker_name for b in cluster.brokers}
    for report in reports.values():
        quota = report["runtimeQuota"]
        assert 0 < float(quota["diskRatio"]["commitLogDiskRatio"]) < 1 and quota["topicSize"] > 0
        assert report["runtimeVersion"]["rocketmqVersion"].startswith("V5_") and int(report["runtimeEnv"]["cpuNum"]) > 0
    rates = [r["runtimeQuota"]["tps"]["transInTps"] for r in reports.values()]
    assert export["totalData"]["totalTps"]["totalTransInTps"] == pytest.approx(sum(rates)) and sum(rates) > 0
    assert cluster.admin.run("exportMetrics", "-c", "no-such-cluster", "-f", str(tmp_path)).status == 1


def test_there_are_no_pop_records_to_move(cluster):
    """They are in the log already; Apache's brokers have them in RocksDB."""
    look = cluster.admin.run("exportPopRecord", "-c", "DefaultCluster", "-d", "true", "--json").expect_success().json
    assert {(b["brokerName"], b["brokerAddr"], b["dryRun"]) for b in look} == {
        (b.broker_name, b.address, True) for b in cluster.brokers}
    refused = cluster.admin.run("exportPopRecord", "-b", cluster.broker.address, namesrv=False)
    assert refused.status == 1 and "no records to move" in refused.errors
    assert cluster.admin.run("exportPopRecord").status == 2


def random_shares(broker: Program) -> set[float]:
    """How much of each file of the log is mapped for random reads (rr), as the system has it."""
    random, total, file = Counter(), Counter(), None
    for line in open(f"/proc/{broker.pid}/smaps"):
        fields = line.split()
        if "-" in fields[0] and not fields[0].endswith(":"):
            start, end = (int(address, 16) for address in fields[0].split("-"))
            file = fields[-1] if "/commitlog/" in line else None
        elif file and fields[0] == "VmFlags:":
            total[file] += end - start
            random[file] += end - start if "rr" in fields else 0
    return {random[file] / total[file] for file in total}


def test_the_log_is_read_ahead_or_not(cluster):
    broker, admin = cluster.brokers[1], cluster.admin
    mode = ["setCommitLogReadAheadMode", "-b", broker.address, "-m"]

    def setting() -> str:
        return admin.run("getBrokerConfig", "-b", broker.address, "--json").json[broker.address]["dataReadAheadEnable"]

    def told(broker: Program, advice: str) -> None:
        # A sixteenth, where pages are made ready for messages, is mapped for random reads in either mode.
        least, most = (0, 1 / 16) if advice == "ahead" else (1, 1)
        eventually(lambda: (found := random_shares(broker)) and least <= min(found) and max(found) <= most,
                   f"the log is mapped for reading: {advice}")

    sent(cluster, broker.broker_name, "the first makes the file", "-b", broker.broker_name)
    sent(cluster, cluster.broker.broker_name, "the first makes the file", "-b", cluster.broker.broker_name)
    assert setting() == "true"
    told(broker, "ahead")
    done = admin.run(*mode, "1", "--json", namesrv=False).expect_success().json
    assert done == [{"broker": broker.address, "remark": "set commitlog readahead mode success, mode: 1"}]
    assert setting() == "false"
    told(broker, "random")
    # Pages that are made ready for new messages stay as they are told.
    admin.run("sendMsgStatus", "-b", broker.broker_name, "-s", "1000000", "-c", "4").expect_success()
    told(broker, "random")
    told(cluster.broker, "ahead")
    back = admin.run("setCommitLogReadAheadMode", "-c", "DefaultCluster", "-m", "0").expect_success()
    assert back.output.count("mode: 0") == len(cluster.brokers)
    assert setting() == "true"
    told(broker, "ahead")
    assert admin.run(*mode, "2").status == 2 and admin.run("setCommitLogReadAheadMode", "-m", "1").status == 2


def test_each_has_its_help_and_the_rest_its_reason(cluster):
    for name in ("sendMsgStatus", "printMsgByQueue", "getConsumerStatus", "queryMsgTraceById", "decodeMessageId",
                 "exportConfigs", "exportMetadata", "exportMetrics", "exportPopRecord", "setCommitLogReadAheadMode"):
        assert cluster.admin.run("help", name, namesrv=False).expect_success().output.startswith(f"usage: mqadmin {name} ")
    for name, reason in (("updateStaticTopic", "static topics"), ("getSyncStateSet", "controller"),
                         ("createuser", "access control"), ("getColdDataFlowCtrInfo", "cold data")):
        refused = cluster.admin.run(name)
        assert refused.status == 2 and reason in refused.errors and len(refused.errors.splitlines()) == 1


def test_a_message_is_sent_once_more(cluster):
    topic = cluster.topic(queues=1)
    first = sent(cluster, topic, "again", "-k", "k1", "-c", "T")
    (message,) = cluster.admin.run("queryMsgById", "-i", first["msgId"], "--json").expect_success().json
    unique = message["properties"]["UNIQ_KEY"]
    (result,) = cluster.admin.run("queryMsgById", "-i", first["msgId"], "-s", "true", "--json").expect_success().json
    assert result["msgId"] == unique and result["offsetMsgId"] != first["msgId"]
    (copy,) = cluster.admin.run("queryMsgById", "-i", result["offsetMsgId"], "--json").expect_success().json
    assert (copy["body"], copy["properties"]) == ("again", message["properties"])
    text = eventually(
        lambda: t if (t := cluster.admin.run("queryMsgByUniqueKey", "-t", topic, "-i", unique, "-a").output).count(
            "OffsetID:") == 2 else None, "both are indexed")
    assert first["msgId"] in text and result["offsetMsgId"] in text
    # Without -a the older one alone.
    older = cluster.admin.run("queryMsgByUniqueKey", "-t", topic, "-i", unique).expect_success().output
    assert older.count("OffsetID:") == 1 and first["msgId"] in older
    assert cluster.admin.run("queryMsgByUniqueKey", "-t", topic, "-i", unique, "-g", "g").status == 2
    assert cluster.admin.run("queryMsgById", "-i", first["msgId"], "-f", "GBK").status == 2


def test_a_compressed_message_is_sent_once_more_as_it_is(cluster):
    """Of the ways to compress, mqadmin can undo one: none but the body as stored is right for all."""
    topic, compressed = cluster.topic(queues=1), 1
    with RemotingSocket(cluster.broker.address) as connection:
        def stored(offset_id: str) -> tuple[int, bytes]:
            """Compression, as system flags tell it, and body."""
            answer, record = connection.call(VIEW_MESSAGE_BY_ID, {"offset": str(int(offset_id[-16:], 16))})
            assert answer["code"] == 0
            size = int.from_bytes(record[84:88], "big")
            return int.from_bytes(record[36:40], "big") & 0x701, record[88:88 + size]

        for kind, body in ((0, zlib.compress(b"plain" * 50)), (1, b"as LZ4 \xff"), (2, b"as zstd \xff"),
                           (3, zlib.compress(b"plain" * 50))):
            flag = kind << 8 | compressed
            first = send(connection, topic, body, sys_flag=flag)["extFields"]["msgId"]
            assert stored(first) == (flag, body)
            (again,) = cluster.admin.run("queryMsgById", "-i", first, "-s", "true", "--json").expect_success().json
            # Old clients, which name no kind, mean zlib.
            assert stored(again["offsetMsgId"]) == ((kind or 3) << 8 | compressed, body)
        unknown = send(connection, topic, b"?", sys_flag=5 << 8 | compressed)["extFields"]["msgId"]
        refused = cluster.admin.run("queryMsgById", "-i", unknown, "-s", "true")
        assert refused.status == 1 and "compressed in a way that is not known here (5)" in refused.errors


def test_a_message_is_sent_once_more_where_that_is_allowed(cluster):
    """The first broker in the route has the topic for reading alone."""
    topic = cluster.topic(queues=1)
    first = sent(cluster, topic, "x", "-b", cluster.broker.broker_name)["msgId"]
    cluster.admin.run("updateTopicPerm", "-b", cluster.broker.address, "-t", topic, "-p", "4").expect_success()

    def permissions() -> dict:
        route = cluster.admin.run("topicRoute", "-t", topic, "--json").expect_success().json
        return {q["brokerName"]: q["perm"] for q in route["queueDatas"]}

    eventually(lambda: permissions()[cluster.broker.broker_name] == 4, "the route has it")
    (again,) = cluster.admin.run("queryMsgById", "-i", first, "-s", "true", "--json").expect_success().json
    assert again["messageQueue"]["brokerName"] == cluster.brokers[1].broker_name


def test_keys_are_looked_for_between_times_and_by_cluster(cluster):
    topic = cluster.topic(queues=1)
    (at,) = cluster.admin.run(
        "queryMsgById", "-i", sent(cluster, topic, "x", "-k", "k1")["msgId"], "--json").expect_success().json
    query = ["queryMsgByKey", "-t", topic, "-k", "k1", "--json"]
    eventually(lambda: cluster.admin.run(*query).status == 0, "the key is indexed")
    stored = at["storeTimestamp"]
    for options, found in (
            (["-b", str(stored - 5_000)], True), (["-b", str(stored + 5_000)], False),
            (["-e", str(stored + 5_000)], True), (["-e", str(stored - 5_000)], False),
            (["-c", "DefaultCluster"], True), (["-c", "no-such-cluster"], False)):
        assert (cluster.admin.run(*query, *options).status == 0) == found, options


def test_options_of_older_commands(cluster):
    admin, address = cluster.admin, cluster.broker.address
    assert admin.run("cleanUnusedTopic", "--cluster", "DefaultCluster", "--json").expect_success().json["brokers"]
    every = admin.run(
        "updateBrokerConfig", "-c", "DefaultCluster", "-a", "true", "-k", "brokerPermission", "-v", "6", "--json")
    assert {a["broker"] for a in every.expect_success().json} == {b.address for b in cluster.brokers}
    setting = ["updateBrokerConfig", "-c", "DefaultCluster", "-k", "brokerPermission", "-v", "6", "-a"]
    assert admin.run(*setting, "false").expect_success().output.count("success") == len(cluster.brokers)
    assert admin.run(*setting, "perhaps").status == 2
    admin.run("brokerConsumeStats", "-b", address, "-t", "3000").expect_success()
    assert admin.run("brokerConsumeStats", "-b", address, "-t", "soon").status == 2
    topic, group = cluster.topic(queues=1), cluster.group()
    admin.run("resetOffsetByTime", "-g", group, "-t", topic, "-s", "now", "-c").expect_success()
    with running("clusterList", "-n", cluster.namesrv, "-i", "1") as lines:
        for _ in range(2):
            assert any(line.startswith("#Cluster Name") for line in lines), "it ended"


def test_who_has_consumed_a_message(cluster):
    topic, address = cluster.topic(queues=1), cluster.broker.address
    first, second = [
        sent(cluster, topic, f"{n}", "-c", "T", "-b", cluster.broker.broker_name, "-i", "0")["msgId"] for n in range(2)]
    plain, other_tag, caster, puller, gone = groups = [cluster.group() for _ in range(5)]

    def consumer(group: str, tags: list[str], model: str = "CLUSTERING", kind: str = "CONSUME_PASSIVELY") -> dict:
        return {
            "groupName": group, "consumeType": kind, "messageModel": model,
            "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET", "subscriptionDataSet": [{
                "topic": topic, "subString": "||".join(tags) or "*", "tagsSet": tags, "expressionType": "TAG",
                "subVersion": 1}]}

    def tracks(message: str) -> dict:
        (found,) = cluster.admin.run("queryMsgById", "-i", message, "--json").expect_success().json
        return {t["consumerGroup"]: t["trackType"] for t in found["messageTracks"]}

    assert "WARN: No Consumer" in cluster.admin.run("queryMsgById", "-i", first).expect_success().output
    with RemotingSocket(address) as client, RemotingSocket(address) as offsets:
        client.send(frame(header(HEART_BEAT), json.dumps({
            "clientID": "10.0.0.7@1", "producerDataSet": [], "consumerDataSet": [
                consumer(plain, []), consumer(other_tag, ["X"]), consumer(caster, [], model="BROADCASTING"),
                consumer(puller, [], kind="CONSUME_ACTIVELY")]}).encode()))
        eventually(lambda: cluster.admin.run("consumerConnection", "-g", plain).status == 0, "the broker knows it")
        for group in groups:
            offsets.call(UPDATE_CONSUMER_OFFSET, {
                "consumerGroup": group, "topic": topic, "queueId": "0", "commitOffset": "1"})
        past = {other_tag: "CONSUMED_BUT_FILTERED", caster: "CONSUME_BROADCASTING", puller: "PULL", gone: "NOT_ONLINE"}
        assert tracks(first) == {plain: "CONSUMED", **past}
        assert tracks(second) == {**past, plain: "NOT_CONSUME_YET", other_tag: "NOT_CONSUME_YET"}
        text = cluster.admin.run("queryMsgById", "-i", first).expect_success().output
        assert f"MessageTrack [consumerGroup={plain}, trackType=CONSUMED, exceptionDesc=null]" in text.splitlines()


def test_a_send_is_traced(fresh_cluster):
    """Every program of a cluster writes traces once it has the topic of them: not a cluster that tests share."""
    cluster = fresh_cluster(brokers=1, proxies=0)
    topic, admin = cluster.topic(queues=1), cluster.admin

    def send_traced() -> dict:
        return sent(cluster, topic, "followed", "-k", "k1", "-m", "true")

    # Without the topic of traces the message is sent nevertheless.
    (warning,) = send_traced()["warnings"]
    assert "RMQ_SYS_TRACE_TOPIC" in warning
    setting = ["updateBrokerConfig", "-c", "DefaultCluster", "-k", "validateSystemTopicWhenUpdateTopic", "-v"]
    admin.run(*setting, "false").expect_success()
    admin.run("updateTopic", "-c", "DefaultCluster", "-t", "RMQ_SYS_TRACE_TOPIC", "-w", "1", "-r", "1").expect_success()
    admin.run(*setting, "true").expect_success()
    eventually(lambda: admin.run("topicRoute", "-t", "RMQ_SYS_TRACE_TOPIC").status == 0, "the topic of traces is known")
    traced = send_traced()
    assert traced["warnings"] == []
    (message,) = admin.run("queryMsgById", "-i", traced["msgId"], "--json").expect_success().json
    query = ["queryMsgTraceById", "-i", message["properties"]["UNIQ_KEY"], "--json"]
    eventually(lambda: admin.run(*query).status == 0, "the trace is indexed")
    (entry,) = admin.run(*query).expect_success().json
    assert (entry["type"], entry["topic"], entry["keys"], entry["success"]) == ("Pub", topic, "k1", True)
    assert entry["clientHost"] == "127.0.0.1" and 0 <= entry["costTime"] < 5_000
