"""TLS and plaintext on one port."""

import os
import ssl
import subprocess
import sys

import pytest
from harness.raw import OK, RawClient, message

TLS_SDK_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from harness import sdk
endpoint, topic, group = sys.argv[2:5]
with sdk.producer(endpoint, topic, tls=True) as producer:
    ids = {producer.send(sdk.message(topic, b"tls %d" % n)).message_id for n in range(10)}
with sdk.simple_consumer(endpoint, group, topic, tls=True) as consumer:
    assert {m.message_id for m in sdk.receive(consumer, 10)} == ids
print("ok over TLS")
"""


def certificate(endpoint: str) -> str:
    host, port = endpoint.split(":")
    return ssl.get_server_certificate((host, int(port)))


def test_self_signed_certificate_names_this_host(local):
    roots = certificate(local.endpoint).encode()
    context = ssl.create_default_context(cadata=roots.decode())
    context.set_alpn_protocols(["h2"])
    import socket
    for name in ("localhost", "127.0.0.1"):
        with socket.create_connection(("127.0.0.1", local.proxy.port)) as raw, \
                context.wrap_socket(raw, server_hostname=name) as wrapped:
            assert wrapped.selected_alpn_protocol() == "h2"
            assert wrapped.version() in ("TLSv1.2", "TLSv1.3")


def test_both_on_one_port(deployment):
    topic, group = deployment.topic(), deployment.group()
    roots = certificate(deployment.endpoint).encode()
    with RawClient(deployment.endpoint, tls_roots=roots, tls_name="localhost") as secure, \
            RawClient(deployment.endpoint) as plain:
        secure.send_ok(message(topic, b"secure"))
        plain.send_ok(message(topic, b"plain"))
        bodies = {m.body for m in secure.receive_all(topic, group, 2)}
    assert bodies == {b"secure", b"plain"}


def test_large_body_over_tls(deployment):
    topic, group = deployment.topic(queues=1), deployment.group()
    body = os.urandom(4 * 1024 * 1024 - 1024)
    roots = certificate(deployment.endpoint).encode()
    with RawClient(deployment.endpoint, tls_roots=roots, tls_name="localhost") as client:
        client.send_ok(message(topic, body))
        (received,) = client.receive_all(topic, group, 1)
    assert received.body == body


def test_sdk_over_tls(deployment, tmp_path):
    """In a process of its own: grpc reads the trusted roots once, when it is loaded."""
    topic, group = deployment.topic(), deployment.group()
    roots = tmp_path / "roots.pem"
    roots.write_text(certificate(deployment.endpoint))
    done = subprocess.run(
        [sys.executable, "-c", TLS_SDK_PROGRAM, os.path.dirname(__file__), deployment.endpoint, topic, group],
        env={**os.environ, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(roots)},
        capture_output=True, text=True, timeout=150)
    assert "ok over TLS" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(local, version):
    import socket
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = version
    with socket.create_connection(("127.0.0.1", local.proxy.port)) as raw, pytest.raises(OSError):
        context.wrap_socket(raw)
    with RawClient(local.endpoint) as client:
        assert client.query_route(local.topic()).status.code == OK
