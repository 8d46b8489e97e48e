import MessageModel
import NIOCore
import ProtoMessages
import RemotingCodec
import RemotingTransport
import Testing

@testable import ClusterBackend
@testable import ProxyServer

/// What a client is told when a broker, of Apache's or ours, does not know a request: NOT_IMPLEMENTED and a sentence, for each
/// request that a proxy makes.
@Suite struct OldBrokerTests {
    /// A call of the backend and what it failed with.
    struct Row: Sendable, CustomTestStringConvertible {
        let code: RequestCode
        let call: @Sendable (BackendFixture) async -> ProxyError?

        var testDescription: String { "\(code.rawValue)" }
    }

    @Test(arguments: [
        Row(code: .sendMessageV2) { await send($0, isBatch: false) },
        Row(code: .sendBatchMessage) { await send($0, isBatch: true) },
        Row(code: .popMessage) { fixture in
            await failure(fixture) { backend, completion in
                backend.pop(
                    PopRequest(
                        group: "g", topic: fixture.topic, broker: fixture.broker, countMax: 1, invisibleMillis: 10_000,
                        pollMillis: 0, isSQL: false, expression: "*", isOrdered: false, attemptID: nil,
                        isAbandoned: { false }),
                    completion: completion)
            }
        },
        Row(code: .ackMessage) { fixture in
            await fixture.call { $0.acknowledge(receipt(fixture), completion: $1) }
        },
        Row(code: .batchAckMessage) { fixture in
            await fixture.call { $0.acknowledgeAll([receipt(fixture), receipt(fixture)], completion: $1) }
        },
        Row(code: .changeMessageInvisibletime) { fixture in
            await failure(fixture) { $0.changeInvisible(receipt(fixture), invisibleMillis: 1, completion: $1) }
        },
        Row(code: .consumerSendMsgBack) { fixture in
            await fixture.call { $0.deadLetter(receipt(fixture), completion: $1) }
        },
        Row(code: .endTransaction) { fixture in
            let id = TransactionID(brokerName: "a", queueOffset: 1, logOffset: 2, isOfCheck: false)
            let end = EndTransactionRequest(
                topic: "topic", broker: fixture.broker, id: id, messageID: "ID", isCommit: true, isAnswerToCheck: false)
            return await fixture.call { $0.endTransaction(end, completion: $1) }
        },
        Row(code: .recallMessage) { fixture in
            let request = RecallRequest(topic: "topic", broker: fixture.broker, handleText: "x")
            return await failure(fixture) { $0.recall(request, completion: $1) }
        },
        Row(code: .pullMessage) { fixture in
            await failure(fixture) { backend, completion in
                backend.pull(
                    PullRequest(
                        group: "g", queue: queue(fixture), offset: 0, countMax: 1, pollMillis: 0, isSQL: false,
                        expression: "*"),
                    completion: completion)
            }
        },
        Row(code: .updateConsumerOffset) { fixture in
            await fixture.call { $0.updateOffset(queue(fixture), group: "g", offset: 1, completion: $1) }
        },
        Row(code: .queryConsumerOffset) { fixture in
            await failure(fixture) { $0.committedOffset(queue(fixture), group: "g", completion: $1) }
        },
        Row(code: .getMinOffset) { fixture in
            await failure(fixture) { $0.queueOffset(queue(fixture), at: .beginning, completion: $1) }
        },
        Row(code: .getMaxOffset) { fixture in
            await failure(fixture) { $0.queueOffset(queue(fixture), at: .end, completion: $1) }
        },
        Row(code: .searchOffsetByTimestamp) { fixture in
            await failure(fixture) { $0.queueOffset(queue(fixture), at: .atOrAfter(millis: 1), completion: $1) }
        },
    ])
    func aRequestThatTheBrokerDoesNotKnow(row: Row) async throws {
        let cluster = FakeCluster { request, connection in
            connection.respond(
                to: request, code: .requestCodeNotSupported, remark: " request type \(request.code) not supported")
        }
        try await withBackend(cluster) { fixture in
            let error = try #require(await row.call(fixture))
            #expect(cluster.requests.map(\.requestCode) == [row.code])
            #expect(error.code == .notImplemented)
            #expect(error.message.contains("does not support"), "\(error.message)")
            #expect(error.message.contains("\(row.code.rawValue)"), "\(error.message)")
        }
    }

    private static func failure<Answer: Sendable>(
        _ fixture: BackendFixture,
        _ call: @escaping @Sendable (ClusterBackend, @escaping (Result<Answer, ProxyError>) -> Void) -> Void
    ) async -> ProxyError? {
        let result: Result<Answer, ProxyError> = await fixture.call(call)
        if case .failure(let error) = result { return error }
        return nil
    }

    private static func send(_ fixture: BackendFixture, isBatch: Bool) async -> ProxyError? {
        await failure(fixture) { backend, completion in
            let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
            backend.send(
                SendRequest(
                    topic: fixture.topic, queue: fixture.topic.sendQueues[0], sysFlag: [], bornMillis: 1,
                    properties: nothing, body: nothing, isBatch: isBatch),
                completion: completion)
        }
    }

    private static func queue(_ fixture: BackendFixture) -> QueueReference {
        QueueReference(topic: "topic", broker: fixture.broker, queueId: 0)
    }

    private static func receipt(_ fixture: BackendFixture) -> ReceiptRequest {
        let text = "5 1700000000000 60000 3 0 a 2 7 4096"
        var handle: ReceiptHandle?
        Array(text.utf8).withUnsafeBytes { handle = ReceiptHandle($0) }
        guard let handle else { preconditionFailure("the handle of this test is one") }
        return ReceiptRequest(
            group: "g", topic: "topic", handle: handle, broker: fixture.broker, handleText: text, messageID: "ID")
    }
}
