import Logging
import MessageModel
import NIOCore
import NIOPosix
import RemotingCodec
import RemotingTransport
import Testing

@testable import BrokerServer

@Suite("Request and reply over a socket")
struct ReplyTests {
    /// The golden reply is for this client.
    private static let requester = "127.0.0.1@6358#6226309689891"

    /// A broker, a client that asks and one that replies.
    private func withClients(
        stores: Bool = true,
        _ body: (TestBroker, RemotingClient, FrameClient, HostPort) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let logger = Logger(label: "test")
        let test = try TestBroker { $0.storeReplyMessageEnable = stores }
        let node = BrokerNode(broker: test.broker, group: group, logger: logger)
        let port = try await node.start()
        let asking = RemotingClient(eventLoop: group.next(), logger: logger)
        let replying = try await FrameClient.connect(port: port, group: group)
        try await body(test, asking, replying, HostPort(host: "127.0.0.1", port: port))
        asking.shutdown()
        await replying.close()
        await node.stop(graceMillis: 100)
        try await group.shutdownGracefully()
        try test.close()
    }

    private func beat(_ client: RemotingClient, _ address: HostPort) async throws {
        let heartbeat = HeartbeatData(clientId: Self.requester, producerGroups: ["Asking"], consumers: []).encode()
        _ = try await client.callAsync(address, code: .heartBeat, body: heartbeat, timeoutMillis: 5_000)
    }

    @Test(
        "a recorded reply reaches the client it names as Apache passes it on, and is stored", arguments: [true, false])
    func passedOn(stores: Bool) async throws {
        try await withClients(stores: stores) { test, asking, replying, address in
            let (pushes, sink) = AsyncStream.makeStream(of: RemotingCommand.self)
            try await asking.eventLoop.submit {
                asking.onServerRequest = { request, peer in
                    sink.yield(request)
                    peer.respond(to: request.ticket, code: .success, header: EmptyHeader())
                }
            }.get()
            try await beat(asking, address)
            let answer = try await replying.ask(TransactionGoldenTests.bytes("reply-request"))
            #expect(answer.responseCode == .success)
            let header = try SendMessageResponseHeader(fields: answer.fields)
            #expect(stores ? header.messageId.utf8.count == 32 : header.messageId == "0")
            var pushed = pushes.makeAsyncIterator()
            let push = try #require(await pushed.next())
            let golden = try FrameClient.decode(TransactionGoldenTests.bytes("push-reply"))
            #expect(push.code == 326 && push.body == golden.body)
            let (ours, theirs) = (fields(push), fields(golden))
            // The rest are times and ports of the run.
            let varying = ["properties", "bornHost", "storeHost", "storeTimestamp"]
            for (name, value) in theirs where !varying.contains(name) { #expect(ours[name] == value, "\(name)") }
            #expect(Set(ours.keys) == Set(theirs.keys))
            func properties(_ fields: [String: String]) -> [String: String] {
                PropertyText.dictionary(fields["properties"] ?? "").filter { $0.key != "PUSH_REPLY_TIME" }
            }
            #expect(properties(ours) == properties(theirs))
            #expect(test.broker.store.maxOffset(topic: "DefaultCluster_REPLY_TOPIC", queueId: 0) <= (stores ? 1 : 0))
        }
    }

    private func fields(_ command: RemotingCommand) -> [String: String] {
        Dictionary(command.fields.pairs().map { ($0.name, $0.value) }) { $1 }
    }

    @Test("the reply to a client that is gone is refused with Apache's words")
    func gone() async throws {
        try await withClients { test, _, replying, _ in
            let answer = try await replying.ask(TransactionGoldenTests.bytes("reply-request"))
            #expect(answer.responseCode == .systemError)
            #expect(answer.remark == "push reply message fail, channel of <\(Self.requester)> not found.")
        }
    }

    @Test("a client that does not take the reply makes it a failure")
    func refused() async throws {
        try await withClients { test, asking, replying, address in
            try await beat(asking, address)
            let answer = try await replying.ask(TransactionGoldenTests.bytes("reply-request"))
            #expect(answer.responseCode == .systemError)
            #expect(answer.remark?.contains("answered 3") == true)
        }
    }
}
