"""A master and its replica behind one name server and one proxy; the replica takes the master's place when it is told to."""

import shutil
from pathlib import Path

from .deployments import Deployment
from .programs import Broker, NameServer, Proxy
from .waiting import eventually


class Pair(Deployment):
    def __init__(self, folder: Path, role: str = "ASYNC_MASTER", with_replica: bool = True, **options):
        self.folder, self.options = folder, options
        self.name_server = NameServer(folder).start()
        self.namesrv = self.name_server.address
        self.programs = [self.name_server]
        try:
            self.master = self.broker("one", brokerRole=role)
            self.programs.append(self.master.start())
            self.replica = self.broker("two", brokerRole="SLAVE", brokerId=1)
            if with_replica:
                self.programs.append(self.replica.start())
            self.proxy = Proxy(folder, self.namesrv)
            self.programs.append(self.proxy.start())
        except BaseException:
            self.stop()
            raise
        self.endpoints = [self.proxy.endpoint]
        self.broker_address = self.master.address
        eventually(lambda: "broker-a" in self.admin.run("clusterList").output, "the master is registered")
        if with_replica:
            self.wait_in_sync()

    def broker(self, place: str, **options) -> Broker:
        """A broker of the pair in a folder of its own: both have the same name."""
        folder = self.folder / place
        folder.mkdir(exist_ok=True)
        return Broker(folder, self.namesrv, **{**self.options, **options})

    def replication(self, broker: Broker) -> dict:
        """What haStatus says of a broker."""
        status = self.admin.run("haStatus", "-b", broker.address, "--json").expect_success().json
        return status[broker.address]

    def wait_in_sync(self) -> None:
        """Until the replica has all of the log that there is now."""
        end = self.replication(self.master)["masterCommitLogMaxOffset"]
        eventually(
            lambda: any(replica["inSync"] and replica["slaveAckOffset"] >= end
                        for replica in self.replication(self.master)["haConnectionInfo"]),
            lambda: f"the replica has the log up to {end}\n{self.master.tail()}\n{self.replica.tail()}")

    def wait_for_files(self, *names: str) -> None:
        """Until the replica's copies of small files are as the master's files."""
        def same(name: str) -> bool:
            mine, theirs = (broker.store / "config" / name for broker in (self.replica, self.master))
            return mine.exists() and mine.read_bytes() == theirs.read_bytes()
        for name in names:
            eventually(lambda: same(name), lambda: f"the replica has {name}\n{self.replica.tail()}", seconds=30)

    def lose_master(self) -> None:
        """Process and disk of the master are gone."""
        self.master.kill()
        shutil.rmtree(self.master.store)

    def promote(self, role: str = "ASYNC_MASTER", lost_files: tuple[str, ...] = ()) -> Broker:
        """The replica restarts as the master, as an operator would have it; without small files that it had not yet."""
        self.replica.terminate()
        for name in lost_files:
            for suffix in ("", ".bak"):
                (self.replica.store / "config" / (name + suffix)).unlink(missing_ok=True)
        config = self.folder / "two" / "broker-a.conf"
        config.write_text(
            config.read_text().replace("brokerRole=SLAVE", f"brokerRole={role}").replace("brokerId=1", "brokerId=0"))
        self.replica.start()
        self.master, self.broker_address = self.replica, self.replica.address
        eventually(
            lambda: self.replica.address in self.admin.run("clusterList").output, "the new master is registered")
        return self.replica
