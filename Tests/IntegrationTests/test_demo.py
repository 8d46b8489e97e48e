"""mqdemo: what the quickstart shows."""

import subprocess

import pytest
from harness.ports import free_port
from harness.programs import BINARIES


def demo(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([BINARIES / "mqdemo", *arguments], capture_output=True, text=True, timeout=60)


def test_message_goes_through(deployment):
    topic = deployment.topic()
    for _ in range(2):
        done = demo("--endpoint", deployment.endpoint, "--topic", topic, "--group", deployment.group())
        assert done.returncode == 0, done.stderr
        assert "sent" in done.stdout and "acknowledged" in done.stdout


def test_missing_topic_is_explained(deployment):
    done = demo("--endpoint", deployment.endpoint, "--topic", deployment.name())
    assert done.returncode == 1
    assert "40402" in done.stderr, done.stderr


@pytest.mark.parametrize("port_of", ["namesrv", "nobody"])
def test_wrong_port_is_explained(deployment, port_of):
    endpoint = deployment.namesrv if port_of == "namesrv" else f"127.0.0.1:{free_port()}"
    done = demo("--endpoint", endpoint)
    assert done.returncode == 1
    assert endpoint in done.stderr, done.stderr


@pytest.mark.parametrize("arguments", [["--wrong"], ["--topic"], ["--endpoint", "nowhere"], ["--endpoint", "host:99999"]])
def test_wrong_usage(arguments):
    assert demo(*arguments).returncode == 2
