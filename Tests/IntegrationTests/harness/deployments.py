"""Whole deployments: local mode, or name servers, brokers and proxies as separate processes."""

import itertools
import os
from pathlib import Path

from .admin import Admin
from .programs import Broker, LocalProxy, NameServer, Program, Proxy
from .raw import RawClient
from .waiting import eventually

_numbers = itertools.count(1)


class Deployment:
    """What tests need to know of a running system."""

    programs: list[Program]
    endpoints: list[str]
    namesrv: str
    broker_address: str

    @property
    def endpoint(self) -> str:
        return self.endpoints[0]

    @property
    def admin(self) -> Admin:
        return Admin(self.namesrv)

    def name(self, kind: str = "topic") -> str:
        """A name no other test uses."""
        return f"it-{kind}-{os.getpid()}-{next(_numbers)}"

    def topic(self, queues: int = 4, message_type: str = "NORMAL", name: str | None = None,
              one_broker: bool = False) -> str:
        """Creates a topic on every broker, or on one, and waits until every proxy routes to it.

        The SDK's SimpleConsumer asks a broker by chance each time: tests of time need a topic on one.
        """
        name = name or self.name()
        place = ("-b", self.broker_address) if one_broker else ("-c", "DefaultCluster")
        self.admin.run(
            "updateTopic", *place, "-t", name, "-r", str(queues), "-w", str(queues),
            "-a", f"+message.type={message_type}").expect_success()
        for endpoint in self.endpoints:
            with RawClient(endpoint) as client:
                eventually(lambda: client.route_is_known(name), f"{endpoint} routes {name}")
        return name

    def group(self) -> str:
        return self.name("group")

    def assert_alive(self) -> None:
        for program in self.programs:
            program.assert_alive()

    def stop(self) -> None:
        for program in reversed(self.programs):
            program.stop()


class Local(Deployment):
    def __init__(self, folder: Path, proxy_options: dict | None = None, **options):
        self.proxy = LocalProxy(folder, proxy_options, **options)
        self.programs = [self.proxy]
        self.endpoints = [self.proxy.endpoint]
        self.namesrv = self.proxy.namesrv
        self.broker_address = f"127.0.0.1:{self.proxy.broker_port}"
        self.proxy.start()


class Cluster(Deployment):
    def __init__(self, folder: Path, brokers: int = 1, proxies: int = 1, proxy_options: dict | None = None, **options):
        self.name_server = NameServer(folder).start()
        self.programs = [self.name_server]
        self.namesrv = self.name_server.address
        self.brokers = []
        self.proxies = []
        try:
            for index in range(brokers):
                broker = Broker(folder, self.namesrv, f"broker-{'abcdefgh'[index]}", **options)
                self.brokers.append(broker)
                self.programs.append(broker.start())
            self.broker_address = self.broker.address if self.brokers else ""
            for _ in range(proxies):
                proxy = Proxy(folder, self.namesrv, **(proxy_options or {}))
                self.proxies.append(proxy)
                self.programs.append(proxy.start())
            self.endpoints = [proxy.endpoint for proxy in self.proxies]
            eventually(
                lambda: all(b.broker_name in self.admin.run("clusterList").output for b in self.brokers),
                "the brokers are registered")
        except BaseException:
            self.stop()
            raise

    @property
    def broker(self) -> Broker:
        return self.brokers[0]

    @property
    def proxy(self) -> Proxy:
        return self.proxies[0]
