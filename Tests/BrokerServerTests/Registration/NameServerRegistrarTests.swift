import Logging
import MessageModel
import NIOCore
import NIOPosix
import RemotingTransport
import Testing

@testable import BrokerServer

@Suite("Registration")
struct NameServerRegistrarTests {
    @Test("all topics at start, changes at once, all again after a refusal, good-bye at the end")
    func life() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let logger = Logger(label: "test")
        let nameServer = FakeNameServer()
        let server = RemotingServer(group: group, service: nameServer, logger: logger)
        let port = try await server.bind(host: "127.0.0.1", port: 0)
        let test = try TestBroker { configuration in
            configuration.nameServers = [
                HostPort(host: "127.0.0.1", port: port),
                // Nobody listens on this one: it must not keep the other from learning anything.
                HostPort(host: "127.0.0.1", port: 1),
            ]
        }
        let node = BrokerNode(broker: test.broker, group: group, logger: logger)
        var told = nameServer.requests.makeAsyncIterator()

        _ = try await node.start()
        #expect(await told.next() == "register broker-a/0 all false")
        try await test.createTopic("T")
        #expect(await told.next() == "register broker-a/0 [\"T\"]")
        nameServer.refuseNext()
        try await test.createTopic("U")
        #expect(await told.next() == "register broker-a/0 [\"U\"] refused")
        #expect(await told.next() == "register broker-a/0 all true")
        await node.stop(graceMillis: 100)
        #expect(await told.next() == "unregister broker-a")

        await server.shutdown(graceMillis: 100)
        try await group.shutdownGracefully()
        try test.close()
    }
}
