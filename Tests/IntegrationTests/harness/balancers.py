"""nginx, the real one, as a balancer of single calls: it ends TLS and sends each call to the next proxy."""

import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

from .ports import free_port

CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log info;
events {{ worker_connections 8192; }}
http {{
    log_format calls '$upstream_addr|$upstream_status|$http_x_mq_client_id|$uri';
    access_log {folder}/calls.log calls;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream proxies {{
{servers}
        keepalive 64;
        keepalive_requests 1000000;
    }}
    server {{
        listen 127.0.0.1:{tls_port} ssl http2;
        listen 127.0.0.1:{port} http2;
        ssl_certificate {folder}/nginx.pem;
        ssl_certificate_key {folder}/nginx.key;
        http2_max_concurrent_streams 1000;
        keepalive_requests 1000000;
        keepalive_timeout 1h;
        client_max_body_size 0;
        client_body_timeout 1h;
        send_timeout 1h;
        location / {{
            grpc_pass grpc://proxies;
            grpc_connect_timeout 1s;
            grpc_read_timeout 1h;
            grpc_send_timeout 1h;
            # A call that may have been carried out is for the client to repeat.
            grpc_next_upstream error timeout;
        }}
    }}
}}
"""


class PerCallBalancer:
    """`address` takes plaintext, `tls_address` TLS with the certificate `roots`."""

    def __init__(self, folder: Path, endpoints: list[str]):
        self.folder = folder
        port, tls_port = free_port(), free_port()
        self.address, self.tls_address = f"127.0.0.1:{port}", f"127.0.0.1:{tls_port}"
        self.roots = folder / "nginx.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", folder / "nginx.key", "-out", self.roots],
            check=True, capture_output=True)
        servers = "\n".join(f"        server {endpoint} max_fails=1 fail_timeout=1s;" for endpoint in endpoints)
        config = folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=folder, servers=servers, port=port, tls_port=tls_port))
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen(
            [program, "-p", str(folder), "-e", str(folder / "nginx-error.log"), "-c", str(config)],
            stdout=subprocess.DEVNULL, stderr=open(folder / "nginx-start.log", "wb"))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def calls(self) -> list[tuple[str, str, str]]:
        """Client id, method and proxy of each call that ended, in their order; of a call tried twice the last proxy."""
        found = []
        for line in (self.folder / "calls.log").read_text().splitlines():
            proxies, _, client, path = line.split("|")
            found.append((client, path.rsplit("/", 1)[-1], proxies.split(",")[-1].strip()))
        return found

    def proxies_by_client(self, *methods: str) -> dict[str, list[str]]:
        """The proxies that a client's calls went to, one after the other."""
        places: dict[str, list[str]] = defaultdict(list)
        for client, method, proxy in self.calls():
            if not methods or method in methods:
                places[client].append(proxy)
        return places
