import MessageModel
import Testing

@testable import ProtoMessages

@Suite struct RequestDecodingTests {
    let arena = DecodeArena()

    private func send(_ bytes: [UInt8]) throws -> SendMessageRequestView {
        try bytes.withUnsafeBytes { try SendMessageRequestView($0, in: arena) }
    }

    private func message(system: @escaping (inout Wire) -> Void = { _ in }) -> [UInt8] {
        Wire {
            $0.message(1) { message in
                message.message(1) {
                    $0.text(1, "space")
                    $0.text(2, "topic")
                }
                message.pair(2, "k", "v")
                message.message(3, system)
                message.blob(4, [0, 1, 2])
            }
        }.bytes
    }

    @Test func aWholeMessageIsRead() throws {
        let bytes = message {
            $0.text(1, "tag")
            $0.text(2, "key1")
            $0.text(2, "key2")
            $0.text(3, "ID")
            $0.varint(5, 2)
            $0.varint(6, 3)
            $0.message(7) {
                $0.varint(1, 1_700_000_000)
                $0.varint(2, 5_000_000)
            }
            $0.text(8, "host")
            $0.message(11) { $0.varint(1, 1_800_000_000) }
            $0.text(17, "group")
            $0.text(18, "trace")
            $0.message(19) { $0.varint(1, 7) }
            $0.varint(22, 0)
        }
        let view = try send(bytes)
        #expect(view.messageCount == 1)
        let message = try view.message(0)
        #expect(message.topic.namespace == "space")
        #expect(message.topic.name == "topic")
        #expect(message.propertyEntryCount == 1)
        #expect(message.propertyKey(0) == "k")
        #expect(message.propertyValue(0) == "v")
        #expect(message.tag.map { $0 == "tag" } == true)
        #expect(message.keyCount == 2)
        #expect(message.key(1) == "key2")
        #expect(message.messageID == "ID")
        #expect(message.bodyEncoding == .gzip)
        #expect(message.messageType == .delay)
        #expect(message.bornTimestamp == .millis(1_700_000_000_005))
        #expect(message.bornHost == "host")
        #expect(message.deliveryTimestamp == .millis(1_800_000_000_000))
        #expect(message.messageGroup.map { $0 == "group" } == true)
        #expect(message.traceContext.map { $0 == "trace" } == true)
        #expect(message.orphanedTransactionRecoveryMillis == 7_000)
        #expect(message.priority == 0)
        #expect(Array(message.body) == [0, 1, 2])
    }

    @Test func whatIsAbsentIsAbsent() throws {
        let message = try send(Wire { $0.message(1) { _ in } }.bytes).message(0)
        #expect(message.tag == nil)
        #expect(message.messageGroup == nil)
        #expect(message.priority == nil)
        #expect(message.bornTimestamp == .absent)
        #expect(message.body.isEmpty)
        #expect(message.topic.name.isEmpty)
    }

    @Test func anEmptyTagIsThere() throws {
        let message = try send(message { $0.text(1, "") }).message(0)
        #expect(message.tag?.isEmpty == true)
    }

    @Test func anEmptyRequestIsARequest() throws {
        #expect(try send([]).messageCount == 0)
    }

    @Test func anEmbeddedNULKeepsTheRest() throws {
        let message = try send(message { $0.text(3, "a\0b") }).message(0)
        #expect(message.messageID.string == "a\0b")
        #expect(message.messageID.hasControlCharacter)
    }

    @Test(arguments: [1, 2, 3, 8, 17, 18, 21])
    func badUTF8IsRefusedInEveryTextField(field: Int) throws {
        let view = try send(message { $0.blob(field, [0x61, 0xC3, 0x28]) })
        let error = #expect(throws: ProtoError.self) { try view.message(0) }
        #expect(error?.code == .invalidText)
    }

    @Test func badUTF8InPropertiesAndTopicIsRefused() throws {
        for bad in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]] as [[UInt8]] {
            let inKey = Wire { $0.message(1) { $0.message(2) { $0.blob(1, bad) } } }.bytes
            let inValue = Wire { $0.message(1) { $0.message(2) { $0.blob(2, bad) } } }.bytes
            let inTopic = Wire { $0.message(1) { $0.message(1) { $0.blob(2, bad) } } }.bytes
            for bytes in [inKey, inValue, inTopic] {
                let view = try send(bytes)
                #expect(throws: ProtoError.self) { try view.message(0) }
            }
        }
    }

    @Test func theBodyMayHoldAnything() throws {
        let view = try send(Wire { $0.message(1) { $0.blob(4, [0xFF, 0xC0, 0x00]) } }.bytes)
        #expect(Array(try view.message(0).body) == [0xFF, 0xC0, 0x00])
    }

    @Test func ofEqualKeysTheLastCounts() throws {
        let bytes = Wire {
            $0.message(1) {
                $0.pair(2, "a", "1")
                $0.pair(2, "b", "2")
                $0.pair(2, "a", "3")
            }
        }.bytes
        let message = try send(bytes).message(0)
        #expect((0..<3).map { message.isPropertyReplaced($0) } == [true, false, false])
    }

    @Test func truncationIsAlwaysAnError() throws {
        let whole = message { $0.text(3, "ID") }
        for count in 1..<whole.count {
            let error = #expect(throws: ProtoError.self) { try send(Array(whole[..<count])) }
            #expect(error?.code == .malformed)
            arena.reset()
        }
    }

    @Test func aLyingLengthIsAnError() throws {
        var wire = Wire()
        wire.rawVarint(1 << 3 | 2)
        wire.rawVarint(UInt64(Int32.max))
        wire.bytes += [1, 2, 3]
        #expect(throws: ProtoError.self) { try send(wire.bytes) }
    }

    @Test func manyEmptyPartsAreTooComplex() throws {
        let bytes = [UInt8](repeating: 0, count: 4 << 20).enumerated().map { $0.offset % 2 == 0 ? UInt8(0x0A) : 0 }
        let error = #expect(throws: ProtoError.self) { try send(bytes) }
        #expect(error?.code == .tooComplex)
        #expect(arena.overflowBytes < 64 << 20)
        arena.reset()
        #expect(arena.overflowBytes == 0)
        #expect(try send(message()).messageCount == 1)
    }

    @Test func aLargeBodyIsGivenBack() throws {
        let body = [UInt8](repeating: 7, count: 4 << 20)
        let view = try send(Wire { $0.message(1) { $0.blob(4, body) } }.bytes)
        #expect(try view.message(0).body.count == body.count)
        arena.reset()
        #expect(arena.overflowBytes == 0)
    }

    @Test func unknownFieldsAndDeepNestingAreSkipped() throws {
        var inner = Wire { $0.text(1, "x") }
        for _ in 0..<1_000 {
            let content = inner.bytes
            inner = Wire { $0.blob(99, content) }
        }
        let bytes = Wire {
            $0.message(1) { $0.blob(4, [1]) }
            $0.blob(99, inner.bytes)
            $0.varint(1_000, 5)
        }.bytes
        #expect(try send(bytes).messageCount == 1)
    }

    @Test func randomBytesNeverCrash() throws {
        var generator = SystemRandomNumberGenerator()
        let seed = message {
            $0.text(1, "tag")
            $0.message(7) { $0.varint(1, 1) }
            $0.text(17, "group")
        }
        for _ in 0..<20_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            if let view = try? send(bytes) {
                for index in 0..<view.messageCount { _ = try? view.message(index) }
            }
            bytes.withUnsafeBytes { raw in
                _ = try? TelemetryCommandView(raw, in: arena)
                _ = try? ReceiveMessageRequestView(raw, in: arena)
                _ = try? AckMessageRequestView(raw, in: arena)
                _ = try? QueryRouteRequestView(raw, in: arena)
            }
            arena.reset()
        }
    }
}

@Suite struct OtherRequestTests {
    let arena = DecodeArena()

    @Test func receiveIsRead() throws {
        let bytes = Wire {
            $0.message(1) { $0.text(2, "g") }
            $0.message(2) {
                $0.message(1) { $0.text(2, "t") }
                $0.varint(2, -1)
                $0.message(4) { $0.text(1, "broker-a") }
            }
            $0.message(3) {
                $0.varint(1, 1)
                $0.text(2, "a || b")
            }
            $0.varint(4, 16)
            $0.message(5) { $0.varint(1, 30) }
            $0.varint(6, 1)
            $0.message(7) {
                $0.varint(1, 15)
                $0.varint(2, 500_000_000)
            }
            $0.text(8, "attempt")
        }.bytes
        let view = try bytes.withUnsafeBytes { try ReceiveMessageRequestView($0, in: arena) }
        #expect(view.group.name == "g")
        #expect(view.topic.name == "t")
        #expect(view.brokerName == "broker-a")
        #expect(view.filter.type == .tag)
        #expect(view.filter.expression == "a || b")
        #expect(view.batchSize == 16)
        #expect(view.invisibleMillis == 30_000)
        #expect(view.isAutoRenew)
        #expect(view.longPollingMillis == 15_500)
        #expect(view.attemptID.map { $0 == "attempt" } == true)
    }

    @Test func hugeDurationsAreClamped() throws {
        let bytes = Wire { $0.message(5) { $0.varint(1, Int64.max) } }.bytes
        let view = try bytes.withUnsafeBytes { try ReceiveMessageRequestView($0, in: arena) }
        #expect((view.invisibleMillis ?? 0) > 1 << 60)
    }

    @Test func ackIsRead() throws {
        let bytes = Wire {
            $0.message(1) { $0.text(2, "g") }
            $0.message(2) { $0.text(2, "t") }
            for index in 0..<3 {
                $0.message(3) {
                    $0.text(1, "m\(index)")
                    $0.text(2, "h\(index)")
                }
            }
        }.bytes
        let view = try bytes.withUnsafeBytes { try AckMessageRequestView($0, in: arena) }
        #expect(view.entryCount == 3)
        #expect(view.messageID(2) == "m2")
        #expect(view.receiptHandle(1) == "h1")
    }

    @Test func settingsAreRead() throws {
        let bytes = Wire {
            $0.message(2) { settings in
                settings.varint(1, 2)
                settings.message(2) {
                    $0.varint(1, 1)
                    $0.message(2) {
                        $0.text(1, "10.0.0.1")
                        $0.varint(2, 8081)
                    }
                }
                settings.message(6) { subscription in
                    subscription.message(1) {
                        $0.text(1, "ns")
                        $0.text(2, "g")
                    }
                    subscription.message(2) {
                        $0.message(1) { $0.text(2, "t") }
                        $0.message(2) {
                            $0.varint(1, 1)
                            $0.text(2, "a")
                        }
                    }
                    subscription.message(5) { $0.varint(1, 20) }
                }
            }
        }.bytes
        let frame = try bytes.withUnsafeBytes { try TelemetryCommandView($0, in: arena) }
        guard case .settings(let settings) = frame.command, case .subscription(let group, let entries) = settings.role
        else {
            Issue.record("no subscription")
            return
        }
        #expect(settings.clientType == .pushConsumer)
        #expect(settings.accessPoint == ProtoEndpoints(scheme: .ipv4, addresses: [.init(host: "10.0.0.1", port: 8081)]))
        #expect(group.namespace == "ns")
        #expect(entries.count == 1)
        #expect(entries[0].filter.expression == "a")
        #expect(settings.longPollingMillis == 20_000)
    }

    @Test func aFrameWithoutCommandIsOther() throws {
        let frame = try [UInt8]().withUnsafeBytes { try TelemetryCommandView($0, in: arena) }
        guard case .other = frame.command else {
            Issue.record("not other")
            return
        }
    }
}
