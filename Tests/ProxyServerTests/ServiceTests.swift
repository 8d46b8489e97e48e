import GRPCTestClient
import NIOCore
import ProtoMessages
import Testing

@testable import GRPCServer
@testable import ProxyServer

@Suite struct ServiceTests {
    @Test func aStreamThatEndsWithNonsenseIsForgotten() async throws {
        let fixture = try ServiceFixture(await ServiceFixture.context())
        let stream = fixture.open(.telemetry)
        let settings = fixture.message { $0.message(2) { $0.message(5) { $0.message(1) { $0.text(2, "topic") } } } }
        fixture.client.send(settings, on: stream, isEnded: false)
        try fixture.pump()
        #expect(fixture.service.deliveries.streams.count == 1)
        fixture.client.send(GRPCTestClient.frame([0xFF, 0xFF, 0xFF]), on: stream, isEnded: false)
        try fixture.pump()
        #expect(fixture.client.answers[stream]?.grpcStatus == 13)
        #expect(fixture.service.deliveries.streams.isEmpty)
    }

    @Test func propertiesBeyondTheirStoredLengthAreRefused() async throws {
        var configuration = ProxyConfiguration()
        configuration.messages.propertyBytesMax = 0
        let fixture = try ServiceFixture(await ServiceFixture.context(configuration))
        var sample = MessageSample()
        sample.tag = String(repeating: "t", count: 33_000)
        for count in [1, 2] {
            let stream = fixture.open(.sendMessage)
            let request = fixture.message(capacity: 1 << 18) { writer in
                for _ in 0..<count { writer.message(1, sizeHint: 1 << 16) { sample.write(&$0) } }
            }
            fixture.client.send(request, on: stream, isEnded: true)
            try fixture.pump()
            let answer = try #require(fixture.client.answers[stream]?.messages.first)
            // Status {code = 43101}.
            #expect(answer.dropFirst(2).starts(with: [0x08, 0xDD, 0xD0, 0x02]))
        }
        #expect(fixture.backend.sendCount == 0)
    }

    @Test func messagesOfAnAnswerThatIsCutOffGoBack() async throws {
        let fixture = try ServiceFixture(await ServiceFixture.context()) { $0.outputQueueBytesMax = 6_000 }
        let stream = fixture.open(.receiveMessage)
        let request = fixture.message { writer in
            writer.message(1) { $0.text(2, "group") }
            writer.message(2) { $0.message(1) { $0.text(2, "topic") } }
            writer.integer(4, 8)
            writer.duration(5, millis: 30_000)
        }
        fixture.client.send(request, on: stream, isEnded: true)
        try fixture.pump()
        let host = StoredHost(high: 0, port: 1)
        let messages = (0..<4).map { index in
            PoppedMessage(
                body: 0..<4_000, properties: 0..<0, sysFlag: [], queueId: 0, queueOffset: Int64(index), logOffset: 0,
                bornMillis: 0, storeMillis: 0, bornHost: host, storeHost: host, reconsumeTimes: 0,
                checkpoint: .init(
                    startOffset: 0, popMillis: 1_000_000, invisibleMillis: 30_000, reviveQueueId: 0, topicKind: .normal,
                    queueOffset: Int64(index)))
        }
        let pop = try #require(fixture.backend.popCompletion)
        pop(
            .success(
                PopAnswer(
                    outcome: .found, bytes: ByteBuffer(repeating: 1, count: 4_000), messages: messages,
                    brokerName: "a", invisibleMillis: .max)))
        try fixture.pump()
        #expect(Set(fixture.backend.changedHandles).count == 4)
        #expect(fixture.backend.changedHandles.count == 4)
    }

    @Test func aRequestIsPutAsideOnlySoOften() async throws {
        let fixture = try ServiceFixture(await ServiceFixture.context())
        let stream = fixture.open(.telemetry)
        let settings = fixture.message { $0.message(2) { $0.message(5) { $0.message(1) { $0.text(2, "topic") } } } }
        fixture.client.send(settings, on: stream, isEnded: false)
        try fixture.pump()
        let call = try #require(fixture.service.deliveries.streams.values.first?.call)
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        var parked = ParkedRequests()
        let ticket = try parked.park(nothing, call, attempt: ParkedRequests.attemptCountMax - 1)
        #expect(parked.take(ticket)?.attempt == ParkedRequests.attemptCountMax - 1)
        #expect(throws: ProxyError.self) {
            try parked.park(nothing, call, attempt: ParkedRequests.attemptCountMax)
        }
    }
}
