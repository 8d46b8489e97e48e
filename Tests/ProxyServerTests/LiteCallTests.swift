import GRPCTestClient
import MessageModel
import NIOCore
import ProtoMessages
import Testing

@testable import ProxyServer

@Suite struct LiteCallTests {
    private func fixture(_ hand: HandClock, perSecond: Int = 5_000) async -> ProxyContext {
        var configuration = ProxyConfiguration()
        configuration.liteAdditionsPerSecondMax = perSecond
        return await ServiceFixture.context(configuration, group: "lite-group", clock: hand.clock)
    }

    /// The code of the answer to a change of lite subscriptions.
    private func sync(_ fixture: ServiceFixture, action: Int64) throws -> [UInt8] {
        let stream = fixture.open(.syncLiteSubscription)
        let request = fixture.message { writer in
            writer.integer(1, action)
            writer.message(2) { $0.text(2, "topic") }
            writer.message(3) { $0.text(2, "lite-group") }
            writer.explicitText(4, "a")
        }
        fixture.client.send(request, on: stream, isEnded: true)
        try fixture.pump()
        // Status in a message of one field, its code first.
        return Array(try #require(fixture.client.answers[stream]?.messages.first).dropFirst(2).prefix(4))
    }

    private let ok: [UInt8] = [0x08, 0xA0, 0x9C, 0x01]
    /// 42900 TOO_MANY_REQUESTS.
    private let tooMany: [UInt8] = [0x08, 0x94, 0xCF, 0x02]

    @Test func additionsAreLimitedAndFullListsAreNot() async throws {
        let hand = HandClock()
        let context = await fixture(hand, perSecond: 2)
        let one = try ServiceFixture(context)
        let two = try ServiceFixture(context)
        // The bound is the proxy's, not the connection's.
        #expect(try sync(one, action: 0) == ok)
        #expect(try sync(two, action: 0) == ok)
        #expect(try sync(one, action: 0) == tooMany && sync(two, action: 0) == tooMany)
        #expect(one.backend.liteChanges.count == 1)
        for action: Int64 in 1...3 { #expect(try sync(one, action: action) == ok) }
        hand.advance(500)
        #expect(try sync(two, action: 0) == ok)
        #expect(try sync(two, action: 0) == tooMany)
    }

    @Test func aQuietLoopTellsTheBrokersWhoSpeaksForAClient() async throws {
        let hand = HandClock()
        let fixture = try ServiceFixture(await fixture(hand))
        let stream = fixture.open(.telemetry)
        let settings = fixture.message { writer in
            writer.message(2) {
                $0.integer(1, 5)
                $0.message(6) {
                    $0.message(1) { $0.text(2, "lite-group") }
                    $0.message(2) { $0.message(1) { $0.text(2, "topic") } }
                }
            }
        }
        fixture.client.send(settings, on: stream, isEnded: false)
        for _ in 0..<3 {
            try fixture.pump()
            hand.advance(1_000)
            fixture.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        }
        #expect(
            fixture.backend.liteChanges.first
                == LiteSubscriptionChange(
                    action: .partialAdd, clientID: "me", group: "lite-group", topic: "topic", liteTopics: [],
                    start: .last))
        // And again before the brokers forget, not all the time.
        #expect(fixture.backend.liteChanges.count == 1)
        hand.advance(30_000)
        fixture.channel.embeddedEventLoop.advanceTime(by: .seconds(30))
        #expect(fixture.backend.liteChanges.count == 2)
    }
}

@Suite struct CallRateTests {
    @Test func aSecondsWorthMayComeAtOnce() {
        var rate = CallRate(perSecond: 100)
        #expect((0..<200).count { _ in rate.admits(nowMillis: 5) } == 100)
        #expect((0..<200).count { _ in rate.admits(nowMillis: 15) } == 1)
        #expect((0..<200).count { _ in rate.admits(nowMillis: 515) } == 50)
        // Idle time is not saved beyond that.
        #expect((0..<200).count { _ in rate.admits(nowMillis: 1_000_000) } == 100)
    }

    @Test func itHoldsOverTime() {
        var rate = CallRate(perSecond: 7)
        #expect((0..<10_000).count { rate.admits(nowMillis: Int64($0)) } == 7 + 69)
    }

    @Test func clocksMayStartBelowZero() {
        var rate = CallRate(perSecond: 1)
        #expect(rate.admits(nowMillis: -5_000) && !rate.admits(nowMillis: -4_500) && rate.admits(nowMillis: -4_000))
    }
}
