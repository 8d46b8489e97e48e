"""The sample configurations are what the programs accept."""

import subprocess

import pytest
from harness.programs import BINARIES, ROOT


def effective(program: str, *arguments: str) -> dict[str, str]:
    done = subprocess.run([BINARIES / program, *arguments, "-p"], cwd=ROOT, capture_output=True, text=True, timeout=10)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


@pytest.mark.parametrize("program, option, sample, key, value", [
    ("mqnamesrv", "-c", "broker-config/namesrv.conf", "listenPort", "9876"),
    ("mqbroker", "-c", "broker-config/broker.conf", "listenPort", "10911"),
    ("mqproxy", "-pc", "proxy-config/rmq-proxy.json", "grpcServerPort", "8081"),
])
def test_sample_is_accepted(program, option, sample, key, value):
    assert effective(program, option, sample)[key] == value


@pytest.mark.parametrize("program, option, text, expected", [
    ("mqnamesrv", "-c", "listenPort=9876\nlistnPort=1\n", ["listnPort", "listenPort", ":2"]),
    ("mqbroker", "-c", "brokerName=a\nflushDiskTyp=SYNC_FLUSH\n", ["flushDiskTyp", "flushDiskType", ":2"]),
    ("mqproxy", "-pc", '{\n  "grpcServerPrt": 1\n}\n', ["grpcServerPrt", "grpcServerPort", ":2"]),
    ("mqbroker", "-c", "listenPort=many\n", ["listenPort", "many", ":1"]),
    ("mqproxy", "-pc", "{", ["1"]),
])
def test_mistake_is_explained(tmp_path, program, option, text, expected):
    path = tmp_path / "sample"
    path.write_text(text)
    done = subprocess.run([BINARIES / program, option, path], capture_output=True, text=True, timeout=10)
    assert done.returncode == 1
    for word in [str(path), *expected]:
        assert word in done.stderr, done.stderr
