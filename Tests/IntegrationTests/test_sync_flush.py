"""SYNC_FLUSH, seen from the kernel: no answer before the fdatasync that covers it, and fewer syncs than sends."""

import os
import shutil
import subprocess
import threading
import time

import pytest
from harness import legacy_send, strace
from harness.programs import Broker, NameServer
from harness.remoting import RemotingSocket

SENDERS = 16
SENDS = int(os.environ.get("SYNC_PROOF_SENDS", "25"))


def can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-f", "-o", os.devnull, "true"], capture_output=True).returncode == 0


pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not can_trace(), reason="strace is not installed, or tracing is not permitted here"),
]


def trace_of_sends(folder, senders: int, sends: int) -> tuple[list[strace.Call], int]:
    """What a traced broker did for so many senders at once; and how many sends were answered OK."""
    trace = folder / "trace"
    name_server = NameServer(folder).start()
    broker = Broker(folder, name_server.address, flushDiskType="SYNC_FLUSH")
    broker.wrapper = strace.wrapper(trace)
    answered = []
    try:
        broker.start()

        def run(number: int) -> None:
            with RemotingSocket(broker.address, timeout=30) as connection:
                for index in range(sends):
                    answer = legacy_send.send(connection, "TBW102-proof", b"%d-%d" % (number, index), number % 4)
                    assert answer["code"] == 0, answer
                    answered.append(1)

        with RemotingSocket(broker.address, timeout=30) as connection:
            # Makes the topic, and with it everything that is not to be traced twice.
            assert legacy_send.send(connection, "TBW102-proof", b"first")["code"] == 0
        threads = [threading.Thread(target=run, args=(number,)) for number in range(senders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        broker.terminate()
    finally:
        broker.stop()
        name_server.stop()
    # strace writes its last lines after the program is gone.
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and "+++ exited" not in trace.read_text(errors="replace")[-2_000:]:
        time.sleep(0.05)
    return strace.read_trace(trace), len(answered) + 1


def check_order(calls: list[strace.Call]) -> tuple[int, int]:
    """Each answer to a send follows an fdatasync that began after its request was read. Answers and syncs seen."""
    syncs = [c for c in calls if c.name == "fdatasync" and "/commitlog/" in c.file and c.result == 0]
    requests: dict[str, int] = {}
    answers = 0
    for call in sorted(calls, key=lambda c: c.ended):
        if "TCP" not in call.file or ":10911" in call.file or call.result <= 0:
            continue
        if call.name in ("read", "readv", "recvfrom", "recvmsg"):
            # A send has a body: shorter reads are not one.
            if call.result > 100:
                requests[call.file] = call.ended
        elif call.file in requests:
            read_at = requests.pop(call.file)
            covered = any(read_at < s.begun and s.ended < call.begun for s in syncs)
            assert covered, f"an answer on {call.file} was written without an fdatasync between request and answer"
            answers += 1
    return answers, len(syncs)


def test_an_answer_follows_the_fdatasync_that_covers_it(tmp_path):
    calls, sends = trace_of_sends(tmp_path, senders=1, sends=SENDS)
    answers, syncs = check_order(calls)
    print(f"one sender: {sends} sends, {answers} answers seen, {syncs} fdatasync calls")
    assert answers >= sends
    assert syncs >= sends


def test_senders_at_once_share_syncs(tmp_path):
    calls, sends = trace_of_sends(tmp_path, senders=SENDERS, sends=SENDS)
    answers, syncs = check_order(calls)
    print(f"{SENDERS} senders at once: {sends} sends, {answers} answers seen, {syncs} fdatasync calls")
    assert answers >= sends
    assert syncs < sends
