import MessageModel
import NIOCore
import ProtoMessages
import RemotingCodec
import RemotingTransport
import Testing

@testable import ClusterBackend
@testable import ProxyServer

/// Lite topics at brokers that answer as the test says.
@Suite struct LiteBackendTests {
    private func pop(_ fixture: BackendFixture) async -> Result<PopAnswer, ProxyError> {
        await fixture.call { backend, completion in
            backend.popLite(
                LitePopRequest(
                    clientID: "client", group: "g", topic: "topic", broker: fixture.broker, countMax: 8,
                    invisibleMillis: 60_000, pollMillis: 1_000, attemptID: nil, isAbandoned: { false }),
                completion: completion)
        }
    }

    private func sync(_ fixture: BackendFixture) async -> ProxyError? {
        await fixture.call { backend, completion in
            backend.syncLite(
                LiteSubscriptionChange(
                    action: .partialAdd, clientID: "client", group: "g", topic: "topic", liteTopics: ["a", "b"],
                    start: .back(3)),
                at: fixture.broker, completion: completion)
        }
    }

    @Test func requestsAreApaches() async throws {
        let cluster = FakeCluster { request, connection in
            connection.respond(to: request, code: request.code == 200_071 ? .success : .pollingTimeout)
        }
        try await withBackend(cluster) { fixture in
            #expect(await sync(fixture) == nil)
            #expect(try await pop(fixture).get().outcome == .empty)
            let subscription = try #require(cluster.requests.first)
            #expect(
                String(buffer: subscription.body)
                    == #"{"subscriptionSet":[{"clientId":"client","group":"g","liteTopicSet":["a","b"],"topic":"topic","#
                    + #""version":0,"action":"PARTIAL_ADD","offsetOption":{"type":"TAIL_N","value":3}}]}"#)
            let header = try PopLiteMessageRequestHeader(fields: try #require(cluster.requests.last).fields)
            #expect(header.clientId == "client" && header.maxMessageCount == 8 && header.pollMillis == 1_000)
        }
    }

    @Test func aBrokerThatKnowsNoLiteTopicsIsNamed() async throws {
        let cluster = FakeCluster { request, connection in
            connection.respond(
                to: request, code: .requestCodeNotSupported, remark: " request type \(request.code) not supported")
        }
        try await withBackend(cluster) { fixture in
            let refusal = await sync(fixture)
            #expect(refusal?.code == .notImplemented)
            #expect(refusal?.message.contains("does not know lite topics (request code 200071") == true)
            guard case .failure(let error) = await pop(fixture) else {
                Issue.record("no refusal")
                return
            }
            #expect(error.code == .notImplemented && error.message.contains("request code 200070"))
        }
    }

    @Test(arguments: [
        (ResponseCode.lmqQuotaExceeded, ProtoCode.liteTopicQuotaExceeded),
        (.liteSubscriptionQuotaExceeded, .liteSubscriptionQuotaExceeded),
    ])
    func quotasHaveTheirCodes(code: ResponseCode, expected: ProtoCode) async throws {
        let cluster = FakeCluster { request, connection in connection.respond(to: request, code: code, remark: "full") }
        try await withBackend(cluster) { fixture in #expect(await sync(fixture)?.code == expected) }
    }
}
