import MessageModel
import Testing

/// Repeats the same numbers in every run.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 33)
    }
}

@Suite struct JSONTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONValue(parsing: text.utf8) }

    @Test func readsStandardJSON() throws {
        let value = try parse(#" {"a":[1,-2.5,true,false,null],"b":{"c":"xA\n\"\/世"}, "d": 9223372036854775807} "#)
        #expect(value["a"] == [1, .double(-2.5), true, false, nil])
        #expect(value["b"]?["c"] == "xA\n\"/世")
        #expect(value["d"]?.int64 == Int64.max)
    }

    @Test func readsWhatFastjsonWrites() throws {
        let offsets = try parse(#"{"offsetTable":{0:5,1:6}}"#)
        #expect(offsets["offsetTable"]?["1"] == 6)
        #expect(offsets["offsetTable"]?.members?.map(\.key.int64) == [0, 1])
        let queues = try parse(#"{"offsetTable":{{"brokerName":"b","queueId":3,"topic":"T"}:5}}"#)
        let member = try #require(queues["offsetTable"]?.members?.first)
        #expect(try MessageQueue(key: member.key) == MessageQueue(topic: "T", brokerName: "b", queueId: 3))
        let quoted = JSONKey.text(#"{"brokerName":"b","queueId":3,"topic":"T"}"#)
        #expect(try MessageQueue(key: quoted) == MessageQueue(topic: "T", brokerName: "b", queueId: 3))
    }

    @Test func writesBothForms() {
        var addresses = JSONObject()
        addresses.append(.integer(0), "1.1.1.1:10911")
        addresses.append(.value(MessageQueue(topic: "T", brokerName: "b", queueId: 0).json), 5)
        let value = JSONValue.object(addresses)
        #expect(
            String(decoding: value.serialize(unquotedIntegerKeys: true), as: UTF8.self)
                == #"{0:"1.1.1.1:10911",{"brokerName":"b","queueId":0,"topic":"T"}:5}"#)
        #expect(
            value.serializedText
                == #"{"0":"1.1.1.1:10911","{\"brokerName\":\"b\",\"queueId\":0,\"topic\":\"T\"}":5}"#)
        let text = JSONValue.string("a\u{1}\u{8}\t/<世😀")
        #expect(text.serializedText == "\"a\\u0001\\b\\t/<世😀\"")
        #expect(
            String(decoding: text.serialize(escapesNonASCII: true), as: UTF8.self)
                == "\"a\\u0001\\b\\t/<\\u4e16\\ud83d\\ude00\"")
    }

    @Test func surrogatesAreJoinedAndHalvesReplaced() throws {
        #expect(try parse(#""\ud83d\ude00""#) == "😀")
        #expect(try parse(#""\ud83dx""#) == "\u{FFFD}x")
        #expect(try parse(#""\ude00\ud83d\u0041""#) == "\u{FFFD}\u{FFFD}A")
    }

    @Test(arguments: [
        "", " ", "{", "}", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "nul", "tru", "01x", "-", "1e999",
        "\"abc",
        "\"\\x\"", "\"\\u12\"", "\"\\u12G4\"", "{true:1}", "{[1]:1}", "1 2", "--1", "1-1", "{1.5:2}", "'a'",
    ])
    func refusesMalformedText(_ text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text.utf8) }
    }

    @Test func boundsDepthAndCount() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: JSONError.self) { try JSONValue(parsing: deep.utf8) }
        let keys = String(repeating: "{", count: 100_000)
        #expect(throws: JSONError.self) { try JSONValue(parsing: keys.utf8) }
        let wide = "[" + String(repeating: "1,", count: 100) + "1]"
        #expect(throws: JSONError.self) { try JSONValue(parsing: wide.utf8, valuesMax: 50) }
    }

    @Test func refusesBadUTF8() {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xC3, 0x5C, 0x6E, 0x22]) }
    }

    @Test func neverCrashesOnDamagedFiles() throws {
        let bytes = try golden("consumerFilter.json")
        var random = SeededRandom(state: 42)
        for _ in 0..<5_000 {
            var damaged = bytes
            for _ in 0..<3 {
                damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            damaged.removeLast(Int.random(in: 0..<damaged.count, using: &random))
            _ = try? JSONValue(parsing: damaged)
        }
    }

    @Test(arguments: ["topics.json", "subscriptionGroup.json", "delayOffset.json", "consumerOffset.json"])
    func prettyFormIsThatOfApache(_ name: String) throws {
        let bytes = try golden(name)
        let again = try JSONValue(parsing: bytes).serialize(pretty: true, unquotedIntegerKeys: true)
        #expect(String(decoding: again, as: UTF8.self) == String(decoding: bytes, as: UTF8.self))
    }
}
