"""SIGKILL at random moments under load, again and again; after each kill nothing acknowledged may be missing, and the
consume queues must be what a full rebuild from the log gives (`mqbroker --check`).

CRASH_TEST_ROUNDS sets the kills of each flush mode: a few as part of all tests, 50 for a thorough run.
"""

import os
import random
import subprocess
import threading
import time

import pytest
from harness import sdk
from harness.programs import BINARIES
from harness.raw import NOT_FOUND, OK, RawClient
from harness.waiting import eventually

ROUNDS = int(os.environ.get("CRASH_TEST_ROUNDS", "3"))
SEED = int(os.environ.get("CRASH_TEST_SEED", str(random.randrange(1 << 32))))
PRODUCERS = 3


class Load(threading.Thread):
    """Sends until told to stop; remembers what was answered OK."""

    def __init__(self, endpoint: str, topic: str, number: int):
        super().__init__(daemon=True)
        self.endpoint, self.topic, self.number = endpoint, topic, number
        self.acknowledged: list[bytes] = []
        self.failures = 0
        self.stopped = threading.Event()

    def run(self) -> None:
        with sdk.producer(self.endpoint, self.topic) as producer:
            attempt = 0
            while not self.stopped.is_set():
                body = b"%d-%d" % (self.number, attempt)
                attempt += 1
                try:
                    producer.send(sdk.message(self.topic, body + b" " * (attempt % 700)))
                except Exception:
                    self.failures += 1
                    time.sleep(0.01)
                    continue
                self.acknowledged.append(body)


def receive_missing(client: RawClient, topic: str, group: str, expected: set[bytes], received: set[bytes]) -> set[bytes]:
    """What of the expected bodies does not come within a minute; what comes is added to `received`."""
    deadline = time.monotonic() + 60
    while not expected <= received and time.monotonic() < deadline:
        code, messages = client.receive(topic, group)
        if code not in (OK, NOT_FOUND):
            # The proxy has not found the broker again yet.
            time.sleep(0.1)
            continue
        received |= {m.body.rstrip() for m in messages}
        if messages:
            client.ack_ok(topic, group, *messages)
    return expected - received


@pytest.mark.timeout(120 + 40 * ROUNDS)
@pytest.mark.parametrize("flush", ["ASYNC_FLUSH", "SYNC_FLUSH"])
def test_kills_at_random_moments_lose_nothing_acknowledged(fresh_cluster, flush):
    chance = random.Random(f"{SEED} {flush}")
    print(f"CRASH_TEST_SEED={SEED}")
    # Small files: kills meet the change from one to the next.
    cluster = fresh_cluster(brokers=1, flushDiskType=flush, mappedFileSizeCommitLog=1 << 20)
    topic, group = cluster.topic(queues=8), cluster.group()
    loads = [Load(cluster.endpoint, topic, number) for number in range(PRODUCERS)]
    for load in loads:
        load.start()
    received: set[bytes] = set()
    expected: set[bytes] = set()
    try:
        for number in range(ROUNDS):
            before = sum(len(load.acknowledged) for load in loads)
            time.sleep(chance.uniform(0.2, 2.5))
            cluster.broker.kill()
            cluster.broker.start()
            # What the recovery made of the queues, compared with the log.
            time.sleep(chance.uniform(0, 0.5))
            assert cluster.broker.terminate() == 0
            done = subprocess.run(
                [str(BINARIES / "mqbroker"), *cluster.broker.arguments, "--check"], capture_output=True, text=True,
                timeout=120)
            assert done.returncode == 0, f"round {number}, seed {SEED}\n{done.stdout}{done.stderr}"
            cluster.broker.start()
            expected = {body for load in loads for body in list(load.acknowledged)}
            eventually(
                lambda: sum(len(load.acknowledged) for load in loads) > before, "sends go through again", 60)
            with RawClient(cluster.endpoint) as client:
                missing = receive_missing(client, topic, group, expected, received)
            assert not missing, f"round {number}, seed {SEED}: {len(missing)} gone, e.g. {sorted(missing)[:5]}"
    finally:
        for load in loads:
            load.stopped.set()
        for load in loads:
            load.join(60)
    failures = sum(load.failures for load in loads)
    print(f"{flush}: {ROUNDS} kills, {len(expected)} acknowledged sends checked, {failures} sends failed")
    assert expected
