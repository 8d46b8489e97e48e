"""What operators ask of v5 consumers through brokers and proxies: who they are, what their threads do, a message to consume."""

import threading
import time

import pytest
from harness import sdk
from harness.consumers import RawConsumer, stack_trace, verified
from harness.raw import d, message, s
from harness.remoting import RemotingSocket
from harness.waiting import eventually

GET_CONSUMER_RUNNING_INFO = 307
SYSTEM_ERROR = 1


def is_registered(deployment, group: str, client_id: str) -> bool:
    done = deployment.admin.run("consumerConnection", "-g", group, "--json")
    return done.status == 0 and client_id in [c["clientId"] for c in done.json["connectionSet"]]


def offset_id(deployment, topic: str, key: str) -> str:
    def find():
        done = deployment.admin.run("queryMsgByKey", "-t", topic, "-k", key, "--json")
        return done.status == 0 and done.json and done.json[0]["msgId"]

    return eventually(find, "the message is found by its key")


def answer(command: s.TelemetryCommand) -> s.TelemetryCommand | None:
    kind = command.WhichOneof("command")
    if kind == "print_thread_stack_trace_command":
        return stack_trace(command, "main\n  at work")
    if kind == "verify_message_command":
        return {
            b"good": verified(command),
            b"bad": verified(command, d.Code.FAILED_TO_CONSUME_MESSAGE, "not today"),
            b"corrupt": verified(command, d.Code.MESSAGE_CORRUPTED),
            b"odd": verified(command, d.Code.INTERNAL_ERROR, "boom"),
        }[command.verify_message_command.message.body]
    return None


def test_consumers_of_all_proxies_are_seen(deployment):
    topic, group = deployment.topic(), deployment.group()
    with RawConsumer(deployment.endpoints[0], group, topic, expression="a||b") as one, \
            RawConsumer(deployment.endpoints[-1], group, topic, expression="a||b") as other:
        for client in (one, other):
            eventually(lambda: is_registered(deployment, group, client.client_id), "the consumer is seen")
        found = deployment.admin.run("consumerConnection", "-g", group, "--json").expect_success().json
        assert (found["consumeType"], found["messageModel"]) == ("CONSUME_PASSIVELY", "CLUSTERING")
        assert found["subscriptionTable"][topic]["subString"] == "a||b"
        assert {c["language"] for c in found["connectionSet"]} == {"PYTHON"}
        assert all(c["clientAddr"].startswith("127.0.0.1:") for c in found["connectionSet"])
        offsets = deployment.admin.run("getConsumerStatus", "-g", group, "-t", topic)
        assert offsets.status == 1 and "keep no offsets of their own" in offsets.errors
        other.leave()
        eventually(lambda: not is_registered(deployment, group, other.client_id), "a consumer that left is not seen")
        assert is_registered(deployment, group, one.client_id)


def test_status_and_threads_of_a_consumer(deployment):
    topic, group = deployment.topic(), deployment.group()
    with RawConsumer(deployment.endpoints[-1], group, topic, on_command=answer) as client:
        eventually(lambda: is_registered(deployment, group, client.client_id), "the consumer is seen")
        plain = deployment.admin.run("consumerStatus", "-g", group, "--json").expect_success().json[client.client_id]
        assert plain["properties"]["PROP_CONSUME_TYPE"] == "CONSUME_PASSIVELY"
        assert plain["properties"]["PROP_CLIENT_VERSION"] == "5.1.2"
        assert [each["topic"] for each in plain["subscriptionSet"]] == [topic] and "jstack" not in plain
        assert client.commands == []
        full = deployment.admin.run(
            "consumerStatus", "-g", group, "-i", client.client_id, "-s", "--json").expect_success().json
        assert full[client.client_id]["jstack"] == "main\n  at work"
        assert [c.WhichOneof("command") for c in client.commands] == ["print_thread_stack_trace_command"]


def test_a_message_is_consumed_on_demand(deployment):
    topic, group = deployment.topic(), deployment.group()
    with RawConsumer(deployment.endpoints[-1], group, topic, on_command=answer) as client:
        for body in (b"good", b"bad", b"corrupt", b"odd"):
            client.send_ok(message(topic, body, tag="t", keys=[body.decode()], properties={"a": "b"}))
        eventually(lambda: is_registered(deployment, group, client.client_id), "the consumer is seen")

        def consume(key: str) -> dict:
            done = deployment.admin.run(
                "queryMsgById", "-i", offset_id(deployment, topic, key), "-g", group, "-d", client.client_id, "--json")
            (result,) = done.expect_success().json
            return result

        good = consume("good")
        assert (good["consumeResult"], good["order"], good["autoCommit"]) == ("CR_SUCCESS", False, True)
        assert 0 <= good["spentTimeMills"] < 5000
        assert (bad := consume("bad"))["consumeResult"] == "CR_LATER" and bad["remark"] == "not today"
        assert consume("corrupt")["consumeResult"] == "CR_RETURN_NULL"
        assert (odd := consume("odd"))["consumeResult"] == "CR_THROW_EXCEPTION" and odd["remark"] == "boom"
        asked = [c.verify_message_command.message for c in client.commands]
        assert [m.body for m in asked] == [b"good", b"bad", b"corrupt", b"odd"]
        first = asked[0]
        assert first.topic.name == topic and first.user_properties["a"] == "b"
        assert first.system_properties.tag == "t" and list(first.system_properties.keys) == ["good"]
        assert first.system_properties.message_id and first.system_properties.body_digest.checksum
        # It was beside all delivery: the group still has all messages to come.
        assert len(client.receive_all(topic, deployment.group(), 4)) == 4
        # By its own id as well.
        done = deployment.admin.run(
            "queryMsgById", "-t", topic, "-i", first.system_properties.message_id, "-g", group,
            "-d", client.client_id, "--json").expect_success()
        assert done.json[0]["consumeResult"] == "CR_SUCCESS"


def test_only_push_consumers_are_given_messages(deployment):
    topic, group = deployment.topic(), deployment.group()
    with RawConsumer(deployment.endpoint, group, topic, kind=d.ClientType.SIMPLE_CONSUMER) as client:
        client.send_ok(message(topic, b"x", keys=["k"]))
        eventually(lambda: is_registered(deployment, group, client.client_id), "the consumer is seen")
        done = deployment.admin.run(
            "queryMsgById", "-i", offset_id(deployment, topic, "k"), "-g", group, "-d", client.client_id)
        assert done.status == 1 and "not push consumer" in done.errors + done.output
        assert client.commands == []


def test_clients_that_are_silent_or_gone(fresh_cluster):
    cluster = fresh_cluster(brokers=1, proxies=2)
    topic, group = cluster.topic(), cluster.group()

    def consume(client_id: str):
        return cluster.admin.run("queryMsgById", "-i", message_id, "-g", group, "-d", client_id)

    with RawConsumer(cluster.endpoints[1], group, topic) as silent:
        silent.send_ok(message(topic, b"good", keys=["k"]))
        message_id = offset_id(cluster, topic, "k")
        eventually(lambda: is_registered(cluster, group, silent.client_id), "the consumer is seen")
        started = time.monotonic()
        done = consume(silent.client_id)
        assert done.status == 1 and "does not answer" in done.errors + done.output
        assert 5 < time.monotonic() - started < 15
        assert len(silent.commands) == 1
        done = consume("nobody")
        assert done.status == 1 and "not online" in done.errors + done.output
        # A question that is under way when the client goes.
        results = []
        thread = threading.Thread(target=lambda: results.append(consume(silent.client_id)))
        thread.start()
        eventually(lambda: len(silent.commands) == 2, "the client is asked")
        silent.leave()
        thread.join(5)
        assert results[0].status == 1 and "gone" in results[0].errors + results[0].output
    with RawConsumer(cluster.endpoints[1], group, topic, on_command=answer) as client:
        eventually(lambda: is_registered(cluster, group, client.client_id), "the consumer is seen")
        cluster.proxies[1].kill()
        eventually(lambda: not is_registered(cluster, group, client.client_id), "its proxy died, and it with it")
        # The client turns to another proxy; so does the question.
        with RawConsumer(cluster.endpoints[0], group, topic, on_command=answer, client_id=client.client_id) as again:
            eventually(lambda: is_registered(cluster, group, client.client_id), "the consumer is seen again")
            assert consume(client.client_id).expect_success()
            assert len(again.commands) == 1
            # And when the broker forgot everything.
            cluster.broker.terminate()
            cluster.broker.start()
            eventually(lambda: is_registered(cluster, group, client.client_id), "it is announced again", seconds=40)
            assert consume(client.client_id).expect_success()


def test_an_answer_on_another_stream_is_none(deployment):
    topic, group = deployment.topic(), deployment.group()
    with RawConsumer(deployment.endpoint, group, topic) as asked, \
            RawConsumer(deployment.endpoint, deployment.group(), topic) as forger:
        eventually(lambda: is_registered(deployment, group, asked.client_id), "the consumer is seen")
        results = []
        thread = threading.Thread(
            target=lambda: results.append(deployment.admin.run(
                "consumerStatus", "-g", group, "-i", asked.client_id, "-s", "--json")))
        thread.start()
        eventually(lambda: asked.commands, "the client is asked")
        forger.outgoing.put(stack_trace(asked.commands[0], "forged"))
        asked.outgoing.put(stack_trace(asked.commands[0], "true"))
        thread.join(15)
        assert results[0].expect_success().json[asked.client_id]["jstack"] == "true"


def test_an_answer_to_something_else_is_an_error(deployment):
    topic, group = deployment.topic(), deployment.group()
    with RawConsumer(deployment.endpoints[-1], group, topic, on_command=mistaken) as client:
        client.send_ok(message(topic, b"good", keys=["good"]))
        eventually(lambda: is_registered(deployment, group, client.client_id), "the consumer is seen")
        done = deployment.admin.run(
            "queryMsgById", "-i", offset_id(deployment, topic, "good"), "-g", group, "-d", client.client_id)
        assert "the client answered something else" in done.output + done.errors
        with RemotingSocket(deployment.broker_address) as operator:
            answer, _ = operator.call(
                GET_CONSUMER_RUNNING_INFO,
                {"consumerGroup": group, "clientId": client.client_id, "jstackEnable": "true"})
        assert (answer["code"], answer["remark"]) == (SYSTEM_ERROR, "the client answered something else")


def mistaken(command: s.TelemetryCommand) -> s.TelemetryCommand:
    """Results for questions about threads, and threads for questions about a message."""
    kind = command.WhichOneof("command")
    nonce = getattr(command, kind).nonce
    if kind == "verify_message_command":
        return s.TelemetryCommand(thread_stack_trace=s.ThreadStackTrace(nonce=nonce, thread_stack_trace="main"))
    return s.TelemetryCommand(verify_message_result=s.VerifyMessageResult(nonce=nonce))


@pytest.mark.parametrize("kind", ["push", "simple"])
def test_consumers_of_the_sdk_are_seen(deployment, kind):
    """The Python SDK leaves both commands unanswered (5.1.2); who it is, its proxy tells."""
    topic, group = deployment.topic(), deployment.group()
    made = sdk.push_consumer(deployment.endpoint, group, topic, sdk.Collector()) if kind == "push" \
        else sdk.simple_consumer(deployment.endpoint, group, topic)
    with made as consumer:
        eventually(lambda: is_registered(deployment, group, consumer.client_id), "the consumer is seen")
        status = deployment.admin.run("consumerStatus", "-g", group, "--json").expect_success().json
        consume_type = status[consumer.client_id]["properties"]["PROP_CONSUME_TYPE"]
        assert consume_type == ("CONSUME_PASSIVELY" if kind == "push" else "CONSUME_ACTIVELY")
    eventually(lambda: not is_registered(deployment, group, consumer.client_id), "it is gone")


def test_proxied_consumers_take_no_share_of_queues(deployment):
    """A group may have members of both protocols: those that pull share the queues among themselves."""
    topic, group = deployment.topic(), deployment.group()
    with RawConsumer(deployment.endpoint, group, topic) as client:
        eventually(lambda: is_registered(deployment, group, client.client_id), "the consumer is seen")
        from harness.remoting import RemotingSocket
        with RemotingSocket(deployment.broker_address) as remoting:
            answer, _ = remoting.call(38, {"consumerGroup": group})
            assert answer["code"] != 0, "GET_CONSUMER_LIST_BY_GROUP lists no v5 consumer"
