"""The store of a broker seen from outside: what makes it refuse to start, a disk that fills, a disk that fails."""

import contextlib
import json
import os
import pwd
import shutil
import subprocess
import time

import pytest
from harness import legacy_send
from harness.programs import BINARIES, Broker, NameServer
from harness.remoting import GET_BROKER_RUNTIME_INFO, RemotingSocket
from harness.waiting import eventually

SERVICE_NOT_AVAILABLE = 14
UPDATE_CONSUMER_OFFSET = 15


@pytest.fixture
def name_server(tmp_path):
    server = NameServer(tmp_path).start()
    yield server
    server.stop()


def runtime(broker: Broker) -> dict:
    with RemotingSocket(broker.address) as connection:
        return json.loads(connection.call(GET_BROKER_RUNTIME_INFO)[1])["table"]


def check(broker: Broker) -> subprocess.CompletedProcess:
    """`mqbroker --check` on the store of a stopped broker."""
    return subprocess.run(
        [str(BINARIES / "mqbroker"), *broker.arguments, "--check"], capture_output=True, text=True, timeout=120)


def start_error(broker: Broker, **options) -> str:
    """The last line of a start that must fail."""
    done = subprocess.run(
        [*broker.wrapper, str(BINARIES / "mqbroker"), *broker.arguments], capture_output=True, text=True, timeout=30,
        **options)
    assert done.returncode == 1, done
    return done.stderr.strip().splitlines()[-1]


def with_messages(folder, name_server, count: int = 3, **options) -> Broker:
    """A broker that was stopped cleanly with a few messages."""
    broker = Broker(folder, name_server.address, **options).start()
    with RemotingSocket(broker.address) as connection:
        for number in range(count):
            assert legacy_send.send(connection, "kept", b"%d" % number)["code"] == 0
    assert broker.terminate() == 0
    return broker


def test_a_start_is_refused_with_a_sentence_that_says_what_to_do(tmp_path, name_server):
    broker = with_messages(tmp_path, name_server)
    config = tmp_path / "broker-a.conf"
    text = config.read_text()

    # Another file size than the store has.
    config.write_text(text.replace(f"mappedFileSizeCommitLog={64 << 20}", f"mappedFileSizeCommitLog={32 << 20}"))
    assert f"set mappedFileSizeCommitLog={64 << 20}" in start_error(broker)
    config.write_text(text + "mappedFileSizeConsumeQueue=40000\n")
    assert "mappedFileSizeConsumeQueue=40000 is configured: set the size" in start_error(broker)
    config.write_text(text)

    # A second process on the same directory.
    broker.start()
    second = Broker(tmp_path, name_server.address, "broker-b", storePathRootDir=broker.store)
    assert "another process uses the store" in start_error(second)
    assert "another process uses the store" in check(broker).stderr
    assert broker.terminate() == 0

    # A store of a newer version.
    checkpoint = broker.store / "checkpoint"
    good = checkpoint.read_bytes()
    checkpoint.write_bytes(good[:1031] + b"\x07" + good[1032:])
    assert "format 7, written by a newer version" in start_error(broker)
    checkpoint.write_bytes(good)

    # A file missing in the middle of the log.
    (broker.store / "commitlog" / f"{192 << 20:020}").write_bytes(b"")
    os.truncate(broker.store / "commitlog" / f"{192 << 20:020}", 64 << 20)
    assert "restore the missing file" in start_error(broker)
    (broker.store / "commitlog" / f"{192 << 20:020}").unlink()

    broker.start()
    assert runtime(broker)["storeStatus"] == "OK"
    # A queue that somebody removed is built again.
    assert broker.terminate() == 0
    queues = broker.store / "consumequeue" / "kept"
    name = sorted(entry.name for entry in queues.iterdir())[0]
    shutil.rmtree(queues / name)
    broker.start()
    assert "queues are missing: they are built again from the log" in broker.tail(100)
    assert broker.terminate() == 0
    found = check(broker)
    assert found.returncode == 0 and "the store is sound" in found.stdout

    # The key index: messages are found by their keys, to which the broker adds unique ones, and damage is named.
    broker.start()
    with RemotingSocket(broker.address) as connection:
        for number in range(20):
            legacy_send.send(connection, "kept", b"x", properties=f"KEYS\u0001key{number}\u0002")
    assert broker.terminate() == 0
    found = check(broker)
    assert found.returncode == 0 and "index files   1 with 43 keys" in found.stdout, found.stdout
    with open(next((broker.store / "index").iterdir()), "r+b") as index:
        index.seek(40 + 5_000_000 * 4 + 20 * 7)
        index.write(b"\x00\x01\x02\x03")
    found = check(broker)
    assert found.returncode == 1 and "DIFFERENCE    index " in found.stdout, found.stdout
    assert "with index removed, the next start builds the index" in found.stdout


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start a program as somebody else")
def test_a_start_without_permission_is_refused(tmp_path, name_server):
    broker = with_messages(tmp_path, name_server)
    nobody = pwd.getpwnam("nobody")
    folder = tmp_path
    while folder != folder.parent and folder.owner() == "root" and str(folder).startswith("/tmp/"):
        folder.chmod(0o755)
        folder = folder.parent
    if subprocess.run(["test", "-r", str(BINARIES / "mqbroker")], user=nobody.pw_uid).returncode != 0 or \
            subprocess.run(["test", "-x", str(broker.store)], user=nobody.pw_uid).returncode != 0:
        pytest.skip("another user cannot come to the programs here")
    line = start_error(broker, user=nobody.pw_uid, group=nobody.pw_gid)
    assert "permission" in line and "chown" in line


def test_damage_is_located_and_everything_else_served(tmp_path, name_server):
    broker = with_messages(tmp_path, name_server, count=10)
    log = broker.store / "commitlog" / f"{0:020}"
    with open(log, "r+b") as file:
        file.seek(0)
        first = int.from_bytes(file.read(4), "big")
        file.seek(first + 4)
        file.write(b"\xFF" * 8)
    found = check(broker)
    assert found.returncode == 1
    assert f"cannot be read at log offset {first} in {log}" in found.stdout
    # A start that reads the log from its beginning.
    shutil.rmtree(broker.store / "consumequeue")
    broker.start()
    table = runtime(broker)
    assert table["storeDamageCount"] == "1"
    assert table["storeDamages"] == f"{log}@{first}"
    assert "a part of the log cannot be read" in broker.tail()
    with RemotingSocket(broker.address) as connection:
        answer = legacy_send.send(connection, "kept", b"next")
        assert (answer["code"], answer["extFields"]["queueOffset"]) == (0, "10")
    assert broker.terminate() == 0


@contextlib.contextmanager
def small_disk(folder, megabytes: int):
    """A file system of its own, where this process may mount one."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], capture_output=True)
    if done.returncode != 0:
        pytest.skip("mounting a small file system is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_refuses_sends_and_heals_without_a_restart(tmp_path, name_server):
    with small_disk(tmp_path / "disk", 64) as disk:
        broker = Broker(
            tmp_path, name_server.address, storePathRootDir=disk / "store", mappedFileSizeCommitLog=8 << 20,
            cleanFileForciblyEnable="false").start()
        try:
            with RemotingSocket(broker.address, timeout=30) as connection:
                assert legacy_send.send(connection, "kept", b"first")["code"] == 0
                hog = disk / "hog"
                hog.write_bytes(b"x" * (48 << 20))
                eventually(lambda: runtime(broker)["storeStatus"] in ("SLOW", "DISK_FULL"), "the disk is nearly full", 20)
                with open(hog, "ab", buffering=0) as file, contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * 4096)
                eventually(lambda: runtime(broker)["storeStatus"] == "DISK_FULL", "the disk is full", 20)
                answer = legacy_send.send(connection, "kept", b"refused")
                assert answer["code"] == SERVICE_NOT_AVAILABLE
                assert "diskSpaceWarningLevelRatio" in answer["remark"], answer
                broker.assert_alive()
                hog.unlink()
                eventually(lambda: runtime(broker)["storeStatus"] == "OK", "writes are taken again", 20)
                answer = legacy_send.send(connection, "kept", b"second")
                assert (answer["code"], answer["extFields"]["queueOffset"]) == (0, "1")
            assert broker.terminate() == 0
            assert "the store is sound" in check(broker).stdout
        finally:
            broker.stop()


def test_a_full_disk_is_cleaned_of_read_messages_only(tmp_path, name_server):
    with small_disk(tmp_path / "disk", 64) as disk:
        broker = Broker(
            tmp_path, name_server.address, storePathRootDir=disk / "store", mappedFileSizeCommitLog=8 << 20).start()
        try:
            body = b"x" * (1 << 20)
            with RemotingSocket(broker.address, timeout=30) as connection:
                # A consumer group has read nothing yet.
                assert legacy_send.send(connection, "kept", b"first")["code"] == 0
                commit = {"consumerGroup": "readers", "topic": "kept", "queueId": "0", "commitOffset": "0"}
                assert connection.call(UPDATE_CONSUMER_OFFSET, commit)[0]["code"] == 0
                sent, refused = 1, None
                for _ in range(120):
                    answer = legacy_send.send(connection, "kept", body)
                    if answer["code"] != 0:
                        refused = answer
                        break
                    sent += 1
                assert refused and refused["code"] == SERVICE_NOT_AVAILABLE, refused
                eventually(lambda: "they are kept" in broker.tail(200), "the operator is told", 20)
                assert runtime(broker)["commitLogMinOffset"] == "0", "unread messages were deleted"
                # Once they are read, the oldest files go and messages are taken again.
                commit["commitOffset"] = str(sent)
                assert connection.call(UPDATE_CONSUMER_OFFSET, commit)[0]["code"] == 0
                eventually(lambda: legacy_send.send(connection, "kept", body)["code"] == 0, "there is room again", 40)
                assert int(runtime(broker)["commitLogMinOffset"]) > 0
            assert broker.terminate() == 0
            assert "the store is sound" in check(broker).stdout
        finally:
            broker.stop()
