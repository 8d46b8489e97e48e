import Logging
import MessageModel
import NIOCore
import NIOPosix
import RemotingCodec
import RemotingTransport
import Testing

@testable import BrokerServer

@Suite("Assignments of queues by the broker")
struct AssignmentTests {
    private func query(_ client: String, _ model: GroupMessageModel = .clustering) -> ByteBuffer {
        QueryAssignmentRequestBody(topic: "T", consumerGroup: "g", clientId: client, messageModel: model).encode()
    }

    @Test("members share queues by the mode that is set, and it is still set after a restart")
    func assignments() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let logger = Logger(label: "test")
        let storage = MemoryRegistryStorage()
        let test = try TestBroker(storage: storage)
        try await test.createTopic("T", queues: 4)
        let node = BrokerNode(broker: test.broker, group: group, logger: logger)
        let address = HostPort(host: "127.0.0.1", port: try await node.start())
        // A connection of its own for each client.
        let clients = (0..<3).map { _ in RemotingClient(eventLoop: group.next(), logger: logger) }
        for (index, client) in clients.enumerated() {
            let beat = HeartbeatData(
                clientId: "c\(index)",
                consumers: [ConsumerData(groupName: "g", subscriptions: [SubscriptionData(topic: "T")])])
            _ = try await client.callAsync(address, code: .heartBeat, body: beat.encode(), timeoutMillis: 5_000)
        }
        func share(_ client: Int, _ model: GroupMessageModel = .clustering) async throws -> [String] {
            let answer = try await clients[client].callAsync(
                address, code: .queryAssignment, body: query("c\(client)", model), timeoutMillis: 5_000)
            #expect(answer.responseCode == .success)
            return try QueryAssignmentResponseBody(decoding: answer.body).assignments
                .map { "\($0.mode.rawValue) \($0.queue.queueId)" }
        }
        #expect(try await share(0) == ["PULL 0", "PULL 1"])
        #expect(try await share(1) == ["PULL 2"])
        #expect(try await share(1, .broadcasting).count == 4)
        func set(_ mode: MessageRequestMode, _ shared: Int32, topic: String = "T") async throws -> ResponseCode {
            let body = SetMessageRequestModeBody(
                topic: topic, consumerGroup: "g", mode: mode, popShareQueueCount: shared)
            return try await clients[0].callAsync(
                address, code: .setMessageRequestMode, body: body.encode(), timeoutMillis: 5_000
            ).responseCode
        }
        #expect(try await set(.pop, 0) == .success)
        #expect(try await share(1) == ["POP -1"])
        #expect(try await set(.pop, 1) == .success)
        #expect(try await share(2) == ["POP 3", "POP 0", "POP 1"])
        #expect(try await set(.pop, 1, topic: "%RETRY%g") == .noPermission)
        let unknown = try await clients[0].callAsync(
            address, code: .queryAssignment,
            body: QueryAssignmentRequestBody(topic: "none", consumerGroup: "g", clientId: "c0").encode(),
            timeoutMillis: 5_000)
        #expect(unknown.body == ByteBuffer(string: "{}"))
        for client in clients { client.shutdown() }
        await node.stop(graceMillis: 100)
        try await group.shutdownGracefully()
        try test.close()
        let again = try TestBroker(storage: storage)
        let mode = again.broker.requestModes.mode(topic: "T", group: "g")
        #expect(mode == RequestModeRegistry.Mode(mode: .pop, popShareQueueCount: 1))
        try again.close()
    }
}
