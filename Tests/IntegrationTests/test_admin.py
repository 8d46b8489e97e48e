"""mqadmin against a cluster: what it does, prints and exits with."""

import pytest
from harness.raw import RawClient, message


def test_topic_life(deployment):
    admin, name = deployment.admin, deployment.name()
    assert name not in admin.run("topicList").expect_success().output.split()
    admin.run("updateTopic", "-c", "DefaultCluster", "-t", name, "-r", "3", "-w", "3").expect_success()
    assert name in admin.run("topicList").expect_success().output.split()
    route = admin.run("topicRoute", "-t", name).expect_success()
    assert "broker-a" in route.output
    status = admin.run("topicStatus", "-t", name, "--json").expect_success()
    assert admin.stored_count(name) == 0 and status.json
    admin.run("deleteTopic", "-c", "DefaultCluster", "-t", name).expect_success()
    assert name not in admin.run("topicList").expect_success().output.split()


def test_update_topic_on_one_broker(cluster):
    name = cluster.name()
    cluster.admin.run("updateTopic", "-b", cluster.broker.address, "-t", name, "-r", "1", "-w", "1").expect_success()
    output = cluster.admin.run("topicRoute", "-t", name).expect_success().output
    assert "broker-a" in output and "broker-b" not in output


def test_topic_type_shows_in_the_route(deployment):
    topic = deployment.topic(message_type="FIFO")
    with RawClient(deployment.endpoint) as client:
        for queue in client.query_route(topic).message_queues:
            assert list(queue.accept_message_types) == [2]


def test_cluster_list(cluster):
    result = cluster.admin.run("clusterList").expect_success()
    for broker in cluster.brokers:
        assert broker.broker_name in result.output and broker.address in result.output


def test_subscription_group_and_progress(deployment):
    admin, group = deployment.admin, deployment.group()
    admin.run("updateSubGroup", "-c", "DefaultCluster", "-g", group, "-r", "5").expect_success()
    topic = deployment.topic(queues=1)
    with RawClient(deployment.endpoint) as client:
        client.send_ok(*[message(topic) for _ in range(4)])
        client.receive_all(topic, group, 4)
    result = admin.run("consumerProgress", "-g", group).expect_success()
    assert topic in result.output


@pytest.mark.parametrize("arguments", [
    ["noSuchCommand"],
    ["updateTopic"],
    ["updateTopic", "-t", "only-a-name"],
    ["updateTopic", "-c", "DefaultCluster", "-t", "bad name!"],
    ["updateTopic", "-c", "NoSuchCluster", "-t", "topic"],
    ["updateTopic", "-c", "DefaultCluster", "-t", "topic", "-r", "minus one"],
    ["topicRoute", "-t", "no-such-topic-anywhere"],
    ["topicStatus", "-t", "no-such-topic-anywhere"],
    ["clusterList", "--no-such-option"],
])
def test_mistakes_end_with_an_error_and_a_reason(local, arguments):
    result = local.admin.run(*arguments)
    assert result.status != 0, result.output
    assert (result.output + result.errors).strip()


def test_unreachable_name_server(local):
    result = local.admin.run("clusterList", "-n", "127.0.0.1:1", namesrv=False)
    assert result.status != 0
    assert "127.0.0.1:1" in result.output + result.errors


def test_help(local):
    result = local.admin.run("help", namesrv=False)
    text = result.output + result.errors
    for command in ("updateTopic", "deleteTopic", "topicList", "topicRoute", "topicStatus", "updateSubGroup",
                    "clusterList", "consumerProgress"):
        assert command in text, f"help does not name {command}"
