"""Fixtures: deployments shared by a session, and fresh ones for tests that kill or measure."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

# The SDK writes its log under the home folder when it is imported.
os.environ["HOME"] = tempfile.mkdtemp(prefix="rocketmq-it-home-")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
sys.path.insert(0, str(Path(__file__).parent))

from harness import preload  # noqa: E402
from harness.deployments import Cluster, Local  # noqa: E402
from harness.programs import BINARIES  # noqa: E402


def pytest_sessionstart(session):
    missing = [n for n in ("mqnamesrv", "mqbroker", "mqproxy", "mqadmin", "mqdemo", "mqbench") if not (BINARIES / n).exists()]
    if missing:
        pytest.exit(f"build the programs first (swift build -c release): {BINARIES} lacks {missing}", returncode=2)


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """Local mode, shared."""
    deployment = Local(tmp_path_factory.mktemp("local"))
    yield deployment
    deployment.stop()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A name server, two brokers and two proxies, shared."""
    deployment = Cluster(tmp_path_factory.mktemp("cluster"), brokers=2, proxies=2)
    yield deployment
    deployment.stop()


@pytest.fixture(params=["local", "cluster"])
def deployment(request):
    """The same test on both ways to run."""
    chosen = request.getfixturevalue(request.param)
    chosen.assert_alive()
    yield chosen
    chosen.assert_alive()


@pytest.fixture
def fresh_cluster(tmp_path):
    """Makes clusters of this test's own: fresh_cluster(brokers=1, proxies=1, flushDiskType="SYNC_FLUSH")."""
    made = []

    def make(**options):
        folder = tmp_path / f"cluster-{len(made)}"
        folder.mkdir()
        made.append(Cluster(folder, **options))
        return made[-1]

    yield make
    for deployment in made:
        deployment.stop()


@pytest.fixture
def fresh_local(tmp_path):
    """Makes a local-mode deployment of this test's own."""
    made = []

    def make(**options):
        folder = tmp_path / f"local-{len(made)}"
        folder.mkdir()
        made.append(Local(folder, **options))
        return made[-1]

    yield make
    for deployment in made:
        deployment.stop()


@pytest.fixture
def failing_flush(tmp_path, monkeypatch):
    """Servers started from here on fail to flush while the returned file exists."""
    trigger = tmp_path / "disk-is-dying"
    monkeypatch.setenv("LD_PRELOAD", str(preload.build(preload.FAILING_FLUSH, tmp_path)))
    monkeypatch.setenv("FAIL_FLUSH", str(trigger))
    return trigger


@pytest.fixture
def slow_flush(tmp_path, monkeypatch):
    """Servers started from here on take as long for a flush as the returned file says, in microseconds."""
    micros = tmp_path / "flush-micros"
    micros.write_text("0")
    monkeypatch.setenv("LD_PRELOAD", str(preload.build(preload.SLOW_FLUSH, tmp_path)))
    monkeypatch.setenv("SLOW_FLUSH", str(micros))
    return micros
