"""SQL92 filters: v5 consumers at the proxy."""

from harness import sdk
from rocketmq import FilterExpression, SimpleConsumer
from rocketmq.grpc_protocol import FilterType


def test_sql_filter(deployment):
    topic, group = deployment.topic(), deployment.group()
    with sdk.producer(deployment.endpoint, topic) as producer:
        for n in range(12):
            producer.send(sdk.message(
                topic, b"%d" % n, tag="even" if n % 2 == 0 else "odd", properties={"n": str(n), "colour": "red"}))
    expression = FilterExpression("n BETWEEN 2 AND 9 AND TAGS = 'even' AND colour IN ('red', 'blue')", FilterType.SQL)
    consumer = SimpleConsumer(
        sdk.configuration(deployment.endpoint), group, {topic: expression}, await_duration=5)
    consumer.startup()
    try:
        found = sdk.receive(consumer, 4)
    finally:
        consumer.shutdown()
    assert sorted(int(m.body) for m in found) == [2, 4, 6, 8]
