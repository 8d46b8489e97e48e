import Logging
import MessageModel
import NIOCore
import NIOPosix
import NameServer
import RemotingCodec
import RemotingTransport
import Testing

/// The name server behind a real socket.
@Suite struct SocketTests {
    @Test func brokerComesAndGoesWithItsConnection() async throws {
        let names = try TestNameServer()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let server = RemotingServer(group: group, service: names.server, logger: logger)
        let port = try await server.bind(host: "127.0.0.1", port: 0)
        let address = HostPort(host: "127.0.0.1", port: port)
        let broker = RemotingClient(eventLoop: group.next(), logger: logger)
        let client = RemotingClient(eventLoop: group.next(), logger: logger)

        let table = TopicConfigTable(
            dataVersion: DataVersion(counter: 1),
            topics: ["T": TopicConfig(name: "T"), "U": TopicConfig(name: "U")])
        let registration = RegisterBrokerRequestHeader(
            brokerName: "b", brokerAddr: "127.0.0.1:10911", clusterName: "c", haServerAddr: "", brokerId: 0)
        let registered = try await broker.callAsync(
            address, code: .registerBroker, header: registration,
            body: RegisterBrokerBody(topicTable: table).encode(), timeoutMillis: 5_000)
        #expect(registered.responseCode == .success)
        let query = GetRouteInfoRequestHeader(topic: "T", acceptStandardJsonOnly: true)
        let found = try await client.callAsync(
            address, code: .getRouteinfoByTopic, header: query, timeoutMillis: 5_000)
        #expect(found.responseCode == .success)
        #expect(try TopicRoute(decoding: found.body).brokers.first?.masterAddress == "127.0.0.1:10911")

        broker.shutdown()
        // The server sees the closed connection some time after the client closed it.
        var last = found.responseCode
        for _ in 0..<10_000 where last == .success {
            last = try await client.callAsync(
                address, code: .getRouteinfoByTopic, header: query, timeoutMillis: 5_000
            ).responseCode
        }
        #expect(last == .topicNotExist)
        client.shutdown()
        await server.shutdown(graceMillis: 1_000)
        try await group.shutdownGracefully()
    }
}
