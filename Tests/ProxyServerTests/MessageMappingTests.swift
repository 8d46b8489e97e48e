import MessageModel
import NIOCore
import ProtoMessages
import Testing

@testable import ProxyServer

@Suite struct MessageMappingTests {
    private func properties(_ change: (inout MessageSample) -> Void) throws -> [String: String] {
        var sample = MessageSample()
        change(&sample)
        return try sample.withView { view in
            var buffer = ByteBuffer()
            PropertyComposer.write(
                view, kind: PropertyComposer.kind(of: view), topic: "topic", remoteAddress: "10.0.0.9:5000",
                into: &buffer)
            return PropertyText.dictionary(String(buffer: buffer))
        }
    }

    @Test func aWholeMessageBecomesProperties() throws {
        let result = try properties {
            $0.properties = [("a", "1"), ("b", "2"), ("a", "3")]
            $0.tag = "T"
            $0.keys = ["k1", "k2"]
            $0.group = "g"
            $0.trace = "trace"
        }
        #expect(
            result == [
                "a": "3", "b": "2", "TAGS": "T", "KEYS": "k1 k2", "UNIQ_KEY": "01ID", "PGROUP": "topic",
                "__SHARDINGKEY": "g", "TRACE_CONTEXT": "trace", "__BORNHOST": "client-host",
                "BORN_TIMESTAMP": "1700000000000",
            ])
    }

    @Test func aDelayIsWrittenInMillis() throws {
        #expect(try properties { $0.deliveryMillis = 1_800_000_000_123 }["TIMER_DELIVER_MS"] == "1800000000123")
    }

    @Test func aBornHostThatCannotBeStoredIsReplaced() throws {
        #expect(try properties { $0.bornHost = "" }["__BORNHOST"] == "10.0.0.9:5000")
        #expect(try properties { $0.bornHost = "a\u{1}b" }["__BORNHOST"] == "10.0.0.9:5000")
    }

    @Test func kindsFollowWhatAMessageCarries() throws {
        func kind(_ change: (inout MessageSample) -> Void) throws -> TopicMessageType {
            var sample = MessageSample()
            change(&sample)
            return try sample.withView { PropertyComposer.kind(of: $0) }
        }
        #expect(try kind { _ in } == .normal)
        #expect(try kind { $0.type = .fifo } == .normal)
        #expect(try kind { $0.group = "g" } == .fifo)
        #expect(
            try kind {
                $0.group = "g"
                $0.deliveryMillis = 5
            } == .delay)
        #expect(
            try kind {
                $0.type = .transaction
                $0.group = "g"
            } == .transaction)
        #expect(try kind { $0.priority = 0 } == .priority)
    }

    @Test func storedPropertiesAreSortedOut() throws {
        let text = PropertyText.encode([
            (name: "mine", value: "x"), (name: "TAGS", value: "T"), (name: "KEYS", value: "k1 k2  k3"),
            (name: "UNIQ_KEY", value: "ID"), (name: "PGROUP", value: "p"), (name: "__SHARDINGKEY", value: "g"),
            (name: "INNER_NUM", value: "1"), (name: "__RMQ.TRANSIENT.x", value: "1"),
            (name: "TRAN_MSG", value: "false"),
            (name: "TIMER_DELIVER_MS", value: "17"), (name: "DLQ_ORIGIN_TOPIC", value: "ot"),
            (name: "DLQ_ORIGIN_MESSAGE_ID", value: "om"),
        ])
        let bytes = Array(text.utf8)
        let (outer, system) = bytes.withUnsafeBytes { raw in
            let stored = StoredProperties(raw, names: StoredPropertyNames())
            #expect(stored.messageType == .delay)
            #expect(stored.number(stored.deliverMillis) == 17)
            var outer = ByteBuffer()
            outer.writeProto(capacity: 4_096) { stored.writeUserProperties(&$0) }
            var system = ByteBuffer()
            system.writeProto(capacity: 4_096) {
                stored.writeTagAndKeys(&$0)
                stored.writeTrailing(&$0)
            }
            return (String(buffer: outer), String(buffer: system))
        }
        #expect(outer.contains("mine") && !outer.contains("INNER_NUM") && !outer.contains("TRANSIENT"))
        #expect(!outer.contains("PGROUP"))
        for part in ["T", "k1", "k2", "k3", "g", "ot", "om"] { #expect(system.contains(part)) }
    }

    @Test(arguments: [
        ("", "D41D8CD98F00B204E9800998ECF8427E"), ("abc", "900150983CD24FB0D6963F7D28E17F72"),
        ("message digest", "F96B697D7CB7938D525A2F31AAF161D0"),
        (
            "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
            "57EDF4A22BE3C955AC49DA2E2107B67A"
        ),
        (String(repeating: "a", count: 55), "EF1772B6DFF9A122358552954AD0DF65"),
        (String(repeating: "a", count: 56), "3B0C8AC703F828B04C6C197006D17218"),
        (String(repeating: "a", count: 64), "014842D480B571495A4A0363793F7367"),
    ])
    func md5(text: String, expected: String) {
        let bytes = Array(text.utf8)
        let digits = [UInt8](unsafeUninitializedCapacity: 32) { digits, count in
            bytes.withUnsafeBytes { raw in
                if let base = digits.baseAddress { MD5.upperHex(raw, into: base) }
            }
            count = 32
        }
        #expect(String(decoding: digits, as: UTF8.self) == expected)
    }

    /// Of all counts and lengths that lanes, blocks and padding make a difference for.
    @Test(arguments: [1, 2, 3, 7, 8, 9, 16, 31, 33])
    func digestsSideBySideAreThoseOfEach(count: Int) {
        let lengths = [0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 1_000, 1_024, 5_000]
        let bodies = (0..<count).map { index in
            (0..<lengths[(index &* 5 &+ count) % lengths.count]).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ index) }
        }
        func hex(_ bodies: ArraySlice<[UInt8]>) -> [UInt8] {
            // One piece of memory, as the bodies of an answer are.
            let all = Array(bodies.joined())
            return all.withUnsafeBytes { all in
                var start = 0
                let parts = bodies.map { body in
                    defer { start += body.count }
                    return UnsafeRawBufferPointer(rebasing: all[start..<start + body.count])
                }
                return [UInt8](unsafeUninitializedCapacity: parts.count * 32) { hex, written in
                    if let base = hex.baseAddress {
                        if parts.count == 1 {
                            MD5.upperHex(parts[0], into: base)
                        } else {
                            MD5.upperHex(parts, into: base)
                        }
                    }
                    written = parts.count * 32
                }
            }
        }
        let together = hex(bodies[...])
        for index in bodies.indices {
            #expect(Array(together[(index * 32)..<(index * 32 + 32)]) == hex(bodies[index...index]))
        }
    }

    @Test func handles() throws {
        let text = "12 1700000000000 60000 3 1 broker-a 5 42 1234"
        let handle = try #require(withText(text) { ReceiptHandle($0.bytes) })
        #expect(handle.startOffset == 12)
        #expect(handle.topicKind == .retryV1)
        #expect(handle.brokerName == "broker-a")
        #expect(handle.queueOffset == 42)
        #expect(handle.commitLogOffset == 1234)
        #expect(handle.isExpired(nowMillis: 1_700_000_060_000))
        #expect(!handle.isExpired(nowMillis: 1_700_000_059_999))
        #expect(withText("12 1700000000000 60000 3 0 broker-a 5 42") { ReceiptHandle($0.bytes) }?.commitLogOffset == -1)
        for bad in [
            "", " ", "a b c d e f g h", "1 2 3 4 0", "1 2 3 4 5 b 6 7", "1 2 3 4 0 b 6", "1 2 3 4 0  6 7 8",
            "1 2 -3 4 0 b 6 7",
            "99999999999999999999 2 3 4 0 b 6 7", "1 2 3 4 0 b -6 7", "1 2 3 4 0 b 6 7 x",
            String(repeating: "1", count: 2_000),
        ] {
            #expect(withText(bad) { ReceiptHandle($0.bytes) } == nil, "\(bad)")
        }
    }

    @Test func compressedBodiesAreInflated() throws {
        // zlib.compress(b"hello hello hello hello")
        let zlib: [UInt8] = [
            0x78, 0x9C, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0x57, 0xC8, 0x40, 0x27, 0x01, 0x68, 0x03, 0x08, 0xB1,
        ]
        let inflater = BodyInflater(bytesMax: 1 << 20)
        #expect(zlib.withUnsafeBytes { inflater.inflate($0) })
        #expect(String(buffer: inflater.output) == "hello hello hello hello")
        #expect(![1, 2, 3, 4, 5, 6, 7, 8].withUnsafeBytes { inflater.inflate($0) })
        let truncated = Array(zlib.dropLast(6))
        #expect(!truncated.withUnsafeBytes { inflater.inflate($0) })
    }
}
