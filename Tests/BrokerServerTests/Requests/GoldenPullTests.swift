import Foundation
import Logging
import MessageModel
import NIOPosix
import RemotingCodec
import Testing

@testable import BrokerServer

/// Requests of pull consumers that were sent to Apache's broker 5.1.4, and what it answered.
@Suite("Recorded requests of pull consumers")
struct GoldenPullTests {
    private struct Recorded: Decodable, CustomStringConvertible {
        var name: String
        var request: String
        var code: Int32
        var ext: [String]
        var body: String

        var description: String { name }
    }

    /// Where we answer another code than release 5.1.4: newer releases do, or the answer hung on Apache's state.
    private func expectedCode(_ recorded: Recorded, _ request: RemotingCommand) -> Int32? {
        switch request.code {
        // A queue that is not there: 29 in newer releases.
        case 11, 361: return recorded.code == 1 ? 29 : recorded.code == 3 ? nil : recorded.code
        // The recorded offsets lie in Apache's log.
        case 36: return request.fields.optionalString("offset") == "0" ? 0 : nil
        // Offsets are reset by the broker in newer releases: nobody need be online. Time 0 and earlier are kept.
        case 222: return 0
        default: return recorded.code
        }
    }

    @Test("codes, fields and bodies of the answers are Apache's, over a real socket")
    func replay() async throws {
        let recorded = try RecordedRequest.load("pull-requests", as: Recorded.self)
        #expect(recorded.count > 40)
        let test = try TestBroker()
        for name in ["GoldTopic", "GoldPop", "GoldFilter", "GoldCpp044", "GoldCppcvs", "GoldOrder"] {
            try await test.createTopic(name)
            for queueID in Int32(0)..<4 {
                for _ in 0..<8 {
                    var message = test.request(name, properties: "a\u{1}5\u{2}TAGS\u{1}TagA\u{2}")
                    message.queueID = queueID
                    _ = await test.send(message)
                }
                while test.broker.store.maxOffset(topic: name, queueId: queueID) < 8 { await Task.yield() }
            }
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let node = BrokerNode(broker: test.broker, group: group, logger: Logger(label: "test"))
        let client = try await FrameClient.connect(port: try await node.start(), group: group)
        for entry in recorded {
            let bytes = try #require(HexText.bytes(entry.request))
            let request = try FrameClient.decode(bytes)
            guard !request.isOneway else { continue }
            let answer = try await client.ask(bytes)
            #expect(answer.opaque == request.opaque && answer.isResponse, "\(entry)")
            guard let expected = expectedCode(entry, request) else { continue }
            #expect(answer.code == expected, "\(entry): \(answer.remark ?? "")")
            guard answer.code == entry.code else { continue }
            #expect(Set(answer.fields.pairs().map(\.name)) == Set(entry.ext), "\(entry)")
            try compareBodies(entry, request, answer)
        }
        await client.close()
        await node.stop(graceMillis: 100)
        try await group.shutdownGracefully()
        try test.close()
    }

    private func compareBodies(_ entry: Recorded, _ request: RemotingCommand, _ answer: RemotingCommand) throws {
        switch request.code {
        case 11, 361:
            if answer.code == 0 { #expect(try !MessageRecord.all(in: answer.body).isEmpty, "\(entry)") }
        case 41, 400, 402:
            // The bodies have the same members, whatever the state.
            let theirs = try JSONValue(parsing: entry.body.utf8).members?.map(\.key.text)
            let ours = try JSONValue(parsing: answer.body.readableBytesView).members?.map(\.key.text)
            #expect(ours == theirs || ours?.isEmpty == true, "\(entry)")
        case 222:
            let body = try ResetOffsetBody(decoding: answer.body)
            #expect(!body.offsets.isEmpty && body.offsets.keys.allSatisfy { $0.brokerName == "broker-a" }, "\(entry)")
        default:
            #expect(answer.body.readableBytes == 0 && entry.body.isEmpty, "\(entry)")
        }
    }
}
