import MessageModel
import NIOCore
import RemotingCodec
import Testing

@testable import ClusterBackend

@Suite struct RelayRuleTests {
    private func request(_ code: Int32, _ fields: [(String, String)] = [], body: ByteBuffer = ByteBuffer())
        -> RemotingCommand
    {
        RemotingCommand(code: code, fields: HeaderFields(fields.map { (name: $0.0, value: $0.1) }), body: body)
    }

    @Test func everyCodeHasItsRule() {
        #expect(RelayRule(request(105)) == .route)
        for code: Int32 in [34, 35] { #expect(RelayRule(request(code)) == .everyBroker) }
        for code: Int32 in [38, 46, 203] { #expect(RelayRule(request(code)) == .anyBroker) }
        for code: Int32 in [41, 42] { #expect(RelayRule(request(code)) == .locks) }
        let plain: [Int32] = [10, 310, 320, 36, 37, 370, 15, 14, 30, 31, 29, 200_051, 200_053, 200_151, 400]
        for code in plain { #expect(RelayRule(request(code)) == .broker(timeoutMillis: 3_000), "\(code)") }
        for code: Int32 in [17, 25, 105_000, -1] { #expect(RelayRule(request(code)) == .unsupported) }
    }

    @Test func pollsMayTakeTheirTimeAndSomeMore() {
        #expect(RelayRule(request(11, [("suspendTimeoutMillis", "15000")])) == .broker(timeoutMillis: 25_000))
        #expect(RelayRule(request(200_050, [("pollTime", "20000")])) == .broker(timeoutMillis: 30_000))
        #expect(RelayRule(request(200_050)) == .broker(timeoutMillis: 10_000))
        #expect(RelayRule(request(11, [("suspendTimeoutMillis", "-5")])) == .broker(timeoutMillis: 10_000))
        #expect(RelayRule(request(11, [("suspendTimeoutMillis", "99999999999")])) == .broker(timeoutMillis: 310_000))
        #expect(RelayRule(request(11, [("suspendTimeoutMillis", "soon")])) == .broker(timeoutMillis: 10_000))
    }

    @Test func theBrokerIsNamedInManyPlaces() {
        #expect(RelayRule.brokerName(request(10, [("bname", "a")])) == "a")
        #expect(RelayRule.brokerName(request(310, [("n", "b")])) == "b")
        #expect(RelayRule.brokerName(request(310, [("n", "b"), ("bname", "a")])) == "a")
        #expect(RelayRule.brokerName(request(11, [("n", "b")])) == nil)
        #expect(RelayRule.brokerName(request(200_051, [("extraInfo", "1 2 3 4 0 c 5 6")])) == "c")
        #expect(RelayRule.brokerName(request(200_053, [("extraInfo", "nonsense")])) == nil)
        let body = BatchAckBody(brokerName: "d", entries: []).encode()
        #expect(RelayRule.brokerName(request(200_151, body: body)) == "d")
        #expect(RelayRule.brokerName(request(200_151, body: ByteBuffer(string: "{"))) == nil)
        #expect(RelayRule.topic(request(310, [("b", "T")])) == "T")
        #expect(RelayRule.topic(request(11, [("topic", "T")])) == "T")
        #expect(RelayRule.topic(request(37)) == nil)
    }

    @Test func locksAreTakenApartAndMerged() throws {
        let text =
            #"{"clientId":"c","consumerGroup":"g","mqSet":[{"brokerName":"a","queueId":0,"topic":"T"},"#
            + #"{"brokerName":"b","queueId":1,"topic":"T"},{"brokerName":"a","queueId":2,"topic":"T"}]}"#
        let parts = try #require(LockBodies(try JSONValue(parsing: Array(text.utf8))))
        #expect(parts.bodies.keys.sorted() == ["a", "b"])
        #expect(parts.bodies["a"]?["mqSet"]?.elements?.count == 2)
        #expect(parts.bodies["b"]?["clientId"]?.text == "c")
        let answers = try [#"{"lockOKMQSet":[{"queueId":0}]}"#, #"{"lockOKMQSet":[{"queueId":1}]}"#, "{}"].map {
            try JSONValue(parsing: Array($0.utf8))
        }
        #expect(LockBodies.merged(answers).members?["lockOKMQSet"]?.elements?.count == 2)
        #expect(LockBodies(.null) == nil)
        #expect(LockBodies(try JSONValue(parsing: Array(#"{"mqSet":[{"topic":"T"}]}"#.utf8))) == nil)
    }
}
