"""The broker's main port and the one two below: plain text, TLS and PROXY protocol, with real sockets."""

import json
import os
import socket
import ssl
import struct
import subprocess
from pathlib import Path

import pytest
from harness import legacy_send
from harness.programs import Broker
from harness.remoting import GET_BROKER_RUNTIME_INFO, HEART_BEAT, RemotingSocket
from harness.waiting import eventually

PULL_MESSAGE = 11
V2_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def ports(broker: Broker) -> dict[str, int]:
    return {"main": broker.port, "vip": broker.port - 2}


class Connection(RemotingSocket):
    """A connection with bytes before everything else, and with TLS if there is a context."""

    def __init__(self, port: int, opening: bytes = b"", context: ssl.SSLContext | None = None):
        super().__init__(f"127.0.0.1:{port}")
        if opening:
            self.socket.sendall(opening)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def serves(self) -> bool:
        head, body = self.call(GET_BROKER_RUNTIME_INFO)
        return head["code"] == 0 and b"bootTimestamp" in body

    def send_message(self, topic: str, body: bytes) -> str:
        head = legacy_send.send(self, topic, body, properties="WAIT\x01true\x02")
        assert head["code"] == 0, head
        return head["extFields"]["msgId"]


def proxy_v1(source: str, port: int) -> bytes:
    family = "TCP6" if ":" in source else "TCP4"
    target = "::1" if ":" in source else "127.0.0.1"
    return f"PROXY {family} {source} {target} {port} 10911\r\n".encode()


def proxy_v2(source: str, port: int, extension: bytes = b"") -> bytes:
    if ":" in source:
        family, addresses = 0x21, socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, "::1")
    else:
        family, addresses = 0x11, socket.inet_aton(source) + socket.inet_aton("127.0.0.1")
    tail = addresses + struct.pack(">HH", port, 10911) + extension
    return V2_SIGNATURE + bytes([0x21, family]) + struct.pack(">H", len(tail)) + tail


def anything_goes() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Path:
    """A certificate authority with a server's and a client's certificate."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=authority")
    for name in ("server", "other", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj",
                f"/CN={name}")
        (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out",
                f"{name}.pem", "-days", "2", "-extfile", "names")
    return folder


@pytest.mark.parametrize("port", ["main", "vip"])
def test_plain_text_and_tls_share_each_port(fresh_cluster, port):
    cluster = fresh_cluster(proxies=0)
    number = ports(cluster.broker)[port]
    with Connection(number) as plain, Connection(number, context=anything_goes()) as secure:
        assert plain.serves() and secure.serves()
        assert secure.socket.version() in ("TLSv1.2", "TLSv1.3")
        plain.send_message("Shared", b"plain")
        secure.send_message("Shared", os.urandom(1 << 20))
        if port == "vip":
            # What Apache's port does not serve, whatever the way in.
            head, _ = secure.call(PULL_MESSAGE, {
                "consumerGroup": "g", "topic": "Shared", "queueId": "0", "queueOffset": "0", "maxMsgNums": "1",
                "sysFlag": "0", "commitOffset": "0", "suspendTimeoutMillis": "0", "subVersion": "0"})
            assert head["code"] == 3
    eventually(lambda: cluster.admin.stored_count("Shared") == 2, "both are stored")


@pytest.mark.parametrize("port", ["main", "vip"])
@pytest.mark.parametrize("over_tls", [False, True])
@pytest.mark.parametrize("opening", [
    proxy_v1("10.1.2.3", 4711), proxy_v2("10.1.2.3", 4711), proxy_v2("10.1.2.3", 4711, b"\xea\x00\x03abc"),
    proxy_v1("fd00::7", 4711), proxy_v2("fd00::7", 4711)],
    ids=["v1", "v2", "v2-extended", "v1-six", "v2-six"])
def test_the_client_behind_a_balancer_is_known(shared, port, over_tls, opening):
    cluster = shared
    source = "[fd00::7]" if b"fd00::7" in opening or opening[13:14] == b"\x21" else "10.1.2.3"
    with Connection(ports(cluster.broker)[port], opening, anything_goes() if over_tls else None) as client:
        assert client.serves()
        group = cluster.group()
        head, _ = client.call(HEART_BEAT, body=json.dumps({
            "clientID": "behind@1", "producerDataSet": [{"groupName": group}], "consumerDataSet": []}).encode())
        assert head["code"] == 0
        table = cluster.admin.run("producer", "-b", cluster.broker.address, "--json").expect_success().json
        assert [p["remoteIP"] for p in table["data"][group]] == [f"/{source}:4711"]
        stored = client.send_message("Behind", b"from afar")
    found = eventually(
        lambda: (r := cluster.admin.run("queryMsgById", "-i", stored)).status == 0 and r, "it can be read")
    assert f"Born Host:           {source}:4711" in found.output


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    from harness.deployments import Cluster
    cluster = Cluster(tmp_path_factory.mktemp("ports"), proxies=0)
    yield cluster
    cluster.stop()


@pytest.mark.parametrize("port", ["main", "vip"])
def test_health_checks_and_nonsense(shared, port):
    number = ports(shared.broker)[port]
    # LOCAL of version 2 and UNKNOWN of version 1 are the balancer's own.
    for opening in (V2_SIGNATURE + b"\x20\x00\x00\x00", b"PROXY UNKNOWN\r\n"):
        with Connection(number, opening) as client:
            assert client.serves()
    for nonsense in (b"PROXY TCP4 1.2.3.4\r\n", V2_SIGNATURE + b"\x11\x11\x00\x00", b"PROXY " + b"x" * 200):
        with Connection(number, nonsense) as client:
            assert client.read() is None
    with Connection(number) as client:
        assert client.serves()


def test_tls_can_be_demanded_and_refused(fresh_cluster):
    demanding = fresh_cluster(proxies=0, **{"tls.server.mode": "enforcing"})
    for number in ports(demanding.broker).values():
        with Connection(number) as plain:
            plain.send(b"\x00\x00\x00\x10")
            assert plain.read() is None
        with Connection(number, context=anything_goes()) as secure:
            assert secure.serves()
    refusing = fresh_cluster(proxies=0, **{"tls.server.mode": "disabled"})
    for number in ports(refusing.broker).values():
        with pytest.raises(OSError):
            Connection(number, context=anything_goes())
        with Connection(number) as plain:
            assert plain.serves()


def test_configured_certificates(fresh_cluster, authority, tmp_path):
    cluster = fresh_cluster(
        proxies=0, **{"tls.server.certPath": authority / "server.pem", "tls.server.keyPath": authority / "server.key"})
    trusting = ssl.create_default_context(cafile=authority / "ca.pem")
    for number in ports(cluster.broker).values():
        with Connection(number, context=trusting) as client:
            assert client.serves()
            assert ("commonName", "server") in client.socket.getpeercert()["subject"][0]
    cluster.broker.terminate()
    missing = cluster.broker
    missing.arguments = ["-c", str(tmp_path / "wrong.conf")]
    (tmp_path / "wrong.conf").write_text(
        f"listenPort={missing.port}\nstorePathRootDir={tmp_path}/store\n"
        f"tls.server.certPath={tmp_path}/absent.pem\ntls.server.keyPath={authority}/server.key\n")
    missing.start(wait=False)
    assert missing.process.wait(20) == 1
    eventually(lambda: f"no certificate in {tmp_path}/absent.pem" in missing.tail(), "the reason is the last line")


def test_certificates_are_read_again(fresh_cluster, authority, tmp_path):
    import shutil
    import signal
    for kind in ("pem", "key"):
        shutil.copy(authority / f"server.{kind}", tmp_path / f"current.{kind}")
    cluster = fresh_cluster(
        proxies=0, **{"tls.server.certPath": tmp_path / "current.pem", "tls.server.keyPath": tmp_path / "current.key"})
    trusting = ssl.create_default_context(cafile=authority / "ca.pem")

    def name() -> str:
        with Connection(cluster.broker.port, context=trusting) as client:
            return dict(client.socket.getpeercert()["subject"][0])["commonName"]

    assert name() == "server"
    with Connection(cluster.broker.port, context=trusting) as open_before:
        for kind in ("pem", "key"):
            shutil.copy(authority / f"other.{kind}", tmp_path / f"current.{kind}")
        cluster.broker.process.send_signal(signal.SIGHUP)
        eventually(lambda: name() == "other", "the new certificate is used")
        assert open_before.serves()


def test_clients_can_be_asked_for_certificates(fresh_cluster, authority, tmp_path):
    """By the file that Apache's servers read."""
    tls = tmp_path / "tls.properties"
    tls.write_text(
        f"tls.test.mode.enable=false\ntls.server.certPath={authority}/server.pem\n"
        f"tls.server.keyPath={authority}/server.key\ntls.server.need.client.auth=require\n"
        f"tls.server.authClient=true\ntls.server.trustCertPath={authority}/ca.pem\n")
    cluster = fresh_cluster(proxies=0, **{"tls.config.file": tls})
    stranger = ssl.create_default_context(cafile=authority / "ca.pem")
    known = ssl.create_default_context(cafile=authority / "ca.pem")
    known.load_cert_chain(authority / "client.pem", authority / "client.key")
    for number in ports(cluster.broker).values():
        with Connection(number, context=known) as client:
            assert client.serves()
        # With TLS 1.3 the refusal comes with the first answer.
        with pytest.raises((OSError, AssertionError)):
            with Connection(number, context=stranger) as client:
                client.serves()
