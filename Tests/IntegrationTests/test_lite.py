"""Lite topics with the official SDK and its stubs: order, subscriptions, redelivery, take-over, crashes."""

import time

import pytest
from harness import lite, sdk
from harness.raw import NOT_FOUND, OK, RawClient, d
from harness.waiting import eventually

LITE_TYPE = d.MessageType.LITE


def by_lite_topic(messages) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for m in messages:
        found.setdefault(m.lite_topic, []).append(m.body)
    return found


# The official SDK


def test_push_consumer_gets_its_lite_topics_in_order(deployment):
    topic = lite.parent(deployment)
    group = lite.group(deployment, topic, orderly=True)
    names = [f"chat-{n}" for n in range(8)]
    listener = sdk.Collector()
    with lite.push_consumer(deployment.endpoint, group, topic, listener, *names), \
            sdk.producer(deployment.endpoint, topic) as producer:
        for n in range(10):
            for name in names:
                producer.send(lite.sdk_message(topic, name, b"%d" % n))
        eventually(lambda: len(listener.messages) >= 80, lambda: f"{len(listener.messages)} of 80", seconds=40)
    assert len(listener.messages) == 80
    assert all(m.delivery_attempt == 1 and m.topic == topic for m in listener.messages)
    assert by_lite_topic(listener.messages) == {name: [b"%d" % n for n in range(10)] for name in names}


def test_simple_consumer_gets_what_was_sent_before_it_subscribed(deployment):
    topic = lite.parent(deployment)
    group = lite.group(deployment, topic, orderly=True)
    names = ["a", "b", "c", "d"]
    with sdk.producer(deployment.endpoint, topic) as producer:
        for name in names:
            for n in range(5):
                producer.send(lite.sdk_message(topic, name, b"%d" % n))
        producer.send(lite.sdk_message(topic, "of-nobody", b"x"))
    with lite.simple_consumer(deployment.endpoint, group, topic, *names) as consumer:
        messages = []

        def more():
            for m in consumer.receive(32, 30) or []:
                consumer.ack(m)
                messages.append(m)
            return len(messages) >= 20

        eventually(more, lambda: f"{len(messages)} of 20", seconds=60)
        assert by_lite_topic(messages) == {name: [b"%d" % n for n in range(5)] for name in names}


def test_two_consumers_of_a_group_have_lite_topics_of_their_own(deployment):
    topic = lite.parent(deployment)
    group = lite.group(deployment, topic, orderly=True)
    left, right = sdk.Collector(), sdk.Collector()
    with lite.push_consumer(deployment.endpoints[0], group, topic, left, "left") as one, \
            lite.push_consumer(deployment.endpoints[-1], group, topic, right, "right") as two, \
            sdk.producer(deployment.endpoint, topic) as producer:
        for n in range(5):
            for name in ("left", "right"):
                producer.send(lite.sdk_message(topic, name, b"%d" % n))
        eventually(lambda: len(left.messages) == 5 and len(right.messages) == 5, "each got its own", seconds=30)
        # Changes while running: the one hands its lite topic to the other.
        one.unsubscribe_lite("left")
        lite.subscribe(two, "left")
        producer.send(lite.sdk_message(topic, "left", b"5"))
        eventually(
            lambda: len(right.messages) == 6,
            lambda: f"the other one gets it now: {by_lite_topic(left.messages)} {by_lite_topic(right.messages)}", seconds=30)
    assert by_lite_topic(left.messages) == {"left": [b"%d" % n for n in range(5)]}
    assert by_lite_topic(right.messages) == {"right": [b"%d" % n for n in range(5)], "left": [b"5"]}


def test_a_failed_message_comes_again_before_the_next(deployment):
    topic = lite.parent(deployment)
    group = lite.group(deployment, topic)
    failures = iter([False, False])
    listener = sdk.Collector(lambda m: m.body != b"1" or next(failures, True))
    with lite.push_consumer(deployment.endpoint, group, topic, listener, "x"), \
            sdk.producer(deployment.endpoint, topic) as producer:
        for n in range(3):
            producer.send(lite.sdk_message(topic, "x", b"%d" % n))
            eventually(lambda: any(m.body == b"%d" % n for m in listener.messages), f"{n} came", seconds=60)
        eventually(lambda: [m.body for m in listener.messages].count(b"1") == 3, lambda: f"it came three times: {[(m.body, m.delivery_attempt, m.receipt_handle) for m in listener.messages]}", seconds=60)
    bodies = [m.body for m in listener.messages]
    assert bodies[0] == b"0" and bodies[-1] in (b"1", b"2") and set(bodies) == {b"0", b"1", b"2"}
    assert [m.delivery_attempt for m in listener.messages if m.body == b"1"] == [1, 2, 3]


# What the SDK does not show


def test_order_blocks_a_lite_topic_and_no_other(deployment):
    topic = lite.parent(deployment)
    group = lite.group(deployment, topic)
    with RawClient(deployment.endpoint) as client:
        lite.send(client, topic, "x", b"1", b"2")
        lite.add(client, topic, group, "x", "y")
        (first,) = lite.drain(client, topic, group, 1, batch=1, ack_them=False)
        assert first.body == b"1" and first.system_properties.lite_topic == "x"
        assert first.system_properties.message_type == LITE_TYPE and first.system_properties.queue_offset == 0
        code, messages = client.receive(topic, group, poll_seconds=1)
        assert (code, messages) == (NOT_FOUND, [])
        lite.send(client, topic, "y", b"other")
        (other,) = lite.drain(client, topic, group, 1)
        assert other.body == b"other"
        lite.ack(client, topic, group, first)
        (second,) = lite.drain(client, topic, group, 1)
        assert second.body == b"2" and second.system_properties.queue_offset == 1


def test_unacked_messages_come_again_through_another_proxy(deployment):
    topic = lite.parent(deployment)
    group = lite.group(deployment, topic)
    client_id = deployment.name("client")
    with RawClient(deployment.endpoints[0], client_id=client_id) as one, \
            RawClient(deployment.endpoints[-1], client_id=client_id) as two:
        lite.send(one, topic, "x", b"1", b"2", b"3")
        eventually(lambda: deployment.admin.stored_count(topic) == 3, "all are in their queue")
        lite.add(one, topic, group, "x")
        batch = lite.drain(two, topic, group, 3, ack_them=False, invisible_seconds=10)
        assert [m.body for m in batch] == [b"1", b"2", b"3"]
        lite.ack(one, topic, group, batch[1])
        assert lite.change(two, topic, group, batch[2], 0).status.code == OK
        started = time.monotonic()
        again = lite.drain(one, topic, group, 2, seconds=20)
        assert time.monotonic() - started > 7, "the first message held the others back"
        assert [(m.body, m.system_properties.delivery_attempt) for m in again] == [(b"1", 2), (b"3", 2)]


def test_a_suspended_message_keeps_its_attempt(deployment):
    topic = lite.parent(deployment)
    group = lite.group(deployment, topic)
    with RawClient(deployment.endpoint) as client:
        lite.add(client, topic, group, "x")
        lite.send(client, topic, "x", b"1")
        (first,) = lite.drain(client, topic, group, 1, ack_them=False)
        assert lite.change(client, topic, group, first, 1, suspend=True).status.code == OK
        (again,) = lite.drain(client, topic, group, 1, ack_them=False)
        assert again.system_properties.delivery_attempt == 1
        assert lite.change(client, topic, group, again, 1).status.code == OK
        (third,) = lite.drain(client, topic, group, 1)
        assert third.system_properties.delivery_attempt == 2


def test_a_message_that_fails_too_often_is_dead_lettered(deployment):
    topic = lite.parent(deployment)
    group = deployment.group()
    lite.bind(deployment, group, topic, retries=1)
    with RawClient(deployment.endpoint) as client:
        eventually(lambda: lite.sync(client, topic, group, lite.PARTIAL_ADD, "x").status.code == OK, "the group is known")
        lite.send(client, topic, "x", b"bad", b"good")
        for attempt in (1, 2):
            (bad,) = lite.drain(client, topic, group, 1, batch=1, ack_them=False)
            assert (bad.body, bad.system_properties.delivery_attempt) == (b"bad", attempt)
            assert lite.change(client, topic, group, bad, 0).status.code == OK
        (good,) = lite.drain(client, topic, group, 1)
        assert good.body == b"good"
        readers = deployment.group()
        eventually(lambda: client.route_is_known(f"%DLQ%{group}"), "the dead-letter topic is there")
        (dead,) = client.receive_all(f"%DLQ%{group}", readers, 1)
        assert dead.body == b"bad" and dead.system_properties.dead_letter_queue.topic == topic


@pytest.mark.alone
def test_long_poll_wakes_at_once(deployment):
    topic = lite.parent(deployment)
    group = lite.group(deployment, topic)
    listener = sdk.Collector()
    with lite.push_consumer(deployment.endpoint, group, topic, listener, "x"), RawClient(deployment.endpoint) as client:
        time.sleep(1)
        delays = []
        for n in range(20):
            started = time.monotonic()
            lite.send(client, topic, "x", b"%d" % n)
            eventually(lambda: len(listener.messages) > n, "it came", pause=0.001)
            delays.append(time.monotonic() - started)
    assert sorted(delays)[10] < 0.25, delays


def test_exclusive_take_over_is_told_through_any_proxy(deployment):
    topic = lite.parent(deployment)
    group = lite.group(deployment, topic, "+lite.sub.model=Exclusive")
    with RawClient(deployment.endpoints[-1]) as loser, RawClient(deployment.endpoints[0]) as winner:
        with lite.Stream(loser, topic, group) as stream:
            assert stream.settings.subscription.lite_subscription_quota == 2000
            assert stream.settings.subscription.max_lite_topic_size == 64
            # The stream is at one proxy, the subscription goes through the other.
            with RawClient(deployment.endpoints[0], client_id=loser.metadata[0][1]) as elsewhere:
                lite.add(elsewhere, topic, group, "x")
            lite.add(winner, topic, group, "x")
            eventually(lambda: "x" in stream.lost(), "the loser is told")
            # Who names it again in the full list is told again; it stays with the winner.
            count = len(stream.lost())
            assert lite.sync(loser, topic, group, lite.COMPLETE_ADD, "x").status.code == OK
            eventually(lambda: len(stream.lost()) > count, "the loser is told again")
            lite.send(winner, topic, "x", b"1")
            assert client_gets(loser, topic, group, 1) == []
            assert client_gets(winner, topic, group, 5) == [b"1"]


def client_gets(client, topic, group, poll_seconds) -> list[bytes]:
    return [m.body for m in client.receive(topic, group, poll_seconds=poll_seconds)[1]]


def test_wildcard_group_gets_every_lite_topic(deployment):
    topic = lite.parent(deployment)
    group = lite.group(deployment, topic, "+lite.sub.wildcard=true")
    with RawClient(deployment.endpoint) as client:
        lite.send(client, topic, "before", b"1")
        assert lite.sync(client, topic, group, lite.COMPLETE_ADD).status.code == OK
        lite.send(client, topic, "after", b"2")
        assert {m.body for m in lite.drain(client, topic, group, 2)} == {b"1", b"2"}
        assert lite.sync(client, topic, group, lite.PARTIAL_ADD, "after").status.code != OK


def test_offset_options(deployment):
    topic = lite.parent(deployment)
    group = lite.group(deployment, topic)
    with RawClient(deployment.endpoint) as client:
        lite.send(client, topic, "x", b"0", b"1", b"2")
        lite.add(client, topic, group, "x", option=d.OffsetOption(policy=d.OffsetOption.MAX))
        lite.send(client, topic, "x", b"3")
        assert [m.body for m in lite.drain(client, topic, group, 1)] == [b"3"]
        lite.add(client, topic, group, "x", option=d.OffsetOption(offset=2))
        assert [m.body for m in lite.drain(client, topic, group, 2)] == [b"2", b"3"]
        lite.add(client, topic, group, "x", option=d.OffsetOption(policy=d.OffsetOption.MIN))
        assert [m.body for m in lite.drain(client, topic, group, 4)] == [b"0", b"1", b"2", b"3"]


def test_refusals(deployment):
    topic, plain = lite.parent(deployment), deployment.topic()
    group = lite.group(deployment, topic, "+lite.sub.client.quota=2")
    other = deployment.group()
    with RawClient(deployment.endpoint) as client:
        def code(*arguments):
            return lite.sync(client, *arguments).status.code

        assert client.send(lite.lite_message(plain, "x", b"1")).status.code == d.Code.MESSAGE_PROPERTY_CONFLICT_WITH_TYPE
        assert client.send(d.Message()).status.code != OK
        assert client.send(lite.message(topic)).status.code == d.Code.MESSAGE_PROPERTY_CONFLICT_WITH_TYPE
        for bad in ("a b", "ä", "a$b", "x" * 65):
            assert client.send(lite.lite_message(topic, bad, b"1")).status.code == d.Code.ILLEGAL_LITE_TOPIC
            assert code(topic, group, lite.PARTIAL_ADD, bad) == d.Code.ILLEGAL_LITE_TOPIC
        assert code(topic, other, lite.PARTIAL_ADD, "x") == d.Code.ILLEGAL_CONSUMER_GROUP
        assert code(plain, group, lite.PARTIAL_ADD, "x") == d.Code.ILLEGAL_TOPIC
        assert code(topic, group, lite.PARTIAL_ADD, "a") == OK
        assert code(topic, group, lite.PARTIAL_ADD, "b") == OK
        assert code(topic, group, lite.PARTIAL_ADD, "b") == OK
        assert code(topic, group, lite.PARTIAL_ADD, "c") == d.Code.LITE_SUBSCRIPTION_QUOTA_EXCEEDED
        assert code(topic, group, lite.COMPLETE_ADD, *(f"n{n}" for n in range(303))) \
            == d.Code.LITE_SUBSCRIPTION_QUOTA_EXCEEDED
        with lite.Stream(client, topic, group, d.ClientType.PUSH_CONSUMER) as stream:
            eventually(lambda: stream.error, "an ordinary consumer cannot join a lite group")


def test_additions_are_limited_to_a_rate(fresh_local):
    local = fresh_local(proxy_options={"maxSyncLiteSubscriptionRate": 1})
    topic = lite.parent(local)
    group = lite.group(local, topic)
    with RawClient(local.endpoint) as client:
        codes = [lite.sync(client, topic, group, lite.PARTIAL_ADD, f"n{n}").status.code for n in range(4)]
        assert codes[0] == OK and d.Code.TOO_MANY_REQUESTS in codes, codes
        assert lite.sync(client, topic, group, lite.COMPLETE_ADD, "n1", "n2", "n3").status.code == OK


def test_admin_commands(deployment):
    topic = lite.parent(deployment, expiration=30)
    group = lite.group(deployment, topic)

    def ask(command: str, *arguments: str) -> list[dict]:
        answer = deployment.admin.run(command, *arguments, "--json").expect_success().json
        return list(answer.values())

    with RawClient(deployment.endpoint) as client:
        client_id = client.metadata[0][1]
        lite.add(client, topic, group, "x", "y")
        lite.send(client, topic, "x", b"1", b"2", b"3")
        lite.send(client, topic, "y", b"4")
        eventually(lambda: deployment.admin.stored_count(topic) == 4, "all are in their queues")
        brokers = ask("getBrokerLiteInfo", "-c", "DefaultCluster")
        assert all(b["topicMeta"][topic] == 30 and group in b["groupMeta"][topic] for b in brokers)
        parents = ask("getParentTopicInfo", "-p", topic)
        assert sum(p["liteTopicCount"] for p in parents) == 2 and all(p["groups"] == [group] for p in parents)
        (place,) = [t for t in ask("getLiteTopicInfo", "-p", topic, "-l", "x") if t["topicOffset"]["maxOffset"]]
        assert place["topicOffset"]["maxOffset"] == 3 and place["subscriber"] == [
            {"clientId": client_id, "group": group}]
        clients = ask("getLiteClientInfo", "-p", topic, "-g", group, "-c", client_id)
        assert all(c["liteTopicSet"] == [f"%LMQ%${topic}$x", f"%LMQ%${topic}$y"] for c in clients)
        groups = ask("getLiteGroupInfo", "-p", topic, "-g", group)
        assert sum(g["totalLagCount"] for g in groups) == 4
        assert sorted(t["lagCount"] for g in groups for t in g["lagCountTopK"]) == [1, 3]
        lite.drain(client, topic, group, 4)
        eventually(
            lambda: sum(g["totalLagCount"] for g in ask("getLiteGroupInfo", "-p", topic, "-g", group)) == 0,
            "nothing is left")
        deployment.admin.run("triggerLiteDispatch", "-p", topic, "-g", group).expect_success()
        assert deployment.admin.run("getParentTopicInfo", "-p", deployment.topic()).status == 1


def test_a_lite_topic_expires(fresh_local):
    deployment = fresh_local(minLiteTTl=1000, liteTtlCheckInterval=1000)
    topic = lite.parent(deployment, expiration=1)
    group = lite.group(deployment, topic)
    with RawClient(deployment.endpoint) as client:
        lite.add(client, topic, group, "x")
        lite.send(client, topic, "x", b"old")
        queue = deployment.proxy.store / "consumequeue" / f"%LMQ%${topic}$x"
        eventually(lambda: deployment.admin.stored_count(topic) == 1, "it is stored")
        lite.drain(client, topic, group, 1)
        eventually(queue.exists, "its queue has a file")
        eventually(lambda: not queue.exists(), "the lite topic is gone", seconds=90, pause=1)
        lite.send(client, topic, "x", b"new")
        lite.add(client, topic, group, "x")
        (new,) = lite.drain(client, topic, group, 1)
        assert new.body == b"new" and new.system_properties.queue_offset == 0


# Crashes


def test_a_killed_proxy_loses_nothing(fresh_cluster):
    cluster = fresh_cluster(brokers=2, proxies=2)
    topic = lite.parent(cluster)
    group = lite.group(cluster, topic)
    client_id = cluster.name("client")
    names = [f"n{n}" for n in range(6)]
    with RawClient(cluster.endpoints[0], client_id=client_id) as one:
        lite.add(one, topic, group, *names)
        for name in names:
            lite.send(one, topic, name, b"1", b"2")
        held = lite.drain(one, topic, group, 6, batch=1, ack_them=False)
        cluster.proxies[0].kill()
    with RawClient(cluster.endpoints[1], client_id=client_id) as two:
        lite.ack(two, topic, group, *held)
        rest = lite.drain(two, topic, group, 12 - len(held))
        found: dict[str, list[bytes]] = {}
        for m in [*held, *rest]:
            found.setdefault(m.system_properties.lite_topic, []).append(m.body)
        assert found == {name: [b"1", b"2"] for name in names}
        assert all(m.system_properties.delivery_attempt == 1 for m in rest)


def test_acks_and_order_survive_sigkill_of_the_broker(fresh_cluster):
    cluster = fresh_cluster(brokers=1, proxies=1)
    topic = lite.parent(cluster)
    group = lite.group(cluster, topic)
    with RawClient(cluster.endpoint) as client:
        lite.send(client, topic, "x", b"1", b"2", b"3")
        lite.send(client, topic, "y", b"4")
        eventually(lambda: cluster.admin.stored_count(topic) == 4, "all are in their queues")
        lite.add(client, topic, group, "x", "y")
        taken = lite.drain(client, topic, group, 4, ack_them=False, invisible_seconds=10)
        lite.ack(client, topic, group, *[m for m in taken if m.body in (b"1", b"4")])
        # The journal of acknowledgements is written within milliseconds.
        time.sleep(0.3)
        cluster.broker.kill()
        cluster.broker.start()
        # Clients say anew what they subscribe to: every half minute, or when they like.
        eventually(lambda: lite.sync(client, topic, group, lite.COMPLETE_ADD, "x", "y").status.code == OK, "back again")
        lite.send(client, topic, "x", b"5")
        again = lite.drain(client, topic, group, 3, seconds=30)
        of_x = [m for m in again if m.system_properties.lite_topic == "x"]
        assert [(m.body, m.system_properties.delivery_attempt) for m in of_x] == [(b"2", 2), (b"3", 2), (b"5", 1)]
        assert b"1" not in [m.body for m in again]
    assert cluster.broker.terminate() == 0


@pytest.mark.parametrize("stop", ["kill", "terminate"])
def test_queues_are_built_again_from_the_log(fresh_cluster, stop):
    import shutil
    cluster = fresh_cluster(brokers=1, proxies=1)
    topic = lite.parent(cluster)
    group = lite.group(cluster, topic)
    with RawClient(cluster.endpoint) as client:
        lite.send(client, topic, "x", b"1", b"2")
        lite.send(client, topic, "y", b"3")
        getattr(cluster.broker, stop)()
        shutil.rmtree(cluster.broker.store / "consumequeue", ignore_errors=True)
        cluster.broker.start()
        eventually(lambda: lite.sync(client, topic, group, lite.COMPLETE_ADD, "x", "y").status.code == OK, "back again")
        messages = lite.drain(client, topic, group, 3)
        found = sorted((m.system_properties.lite_topic, m.system_properties.queue_offset, m.body) for m in messages)
        assert found == [("x", 0, b"1"), ("x", 1, b"2"), ("y", 0, b"3")]
