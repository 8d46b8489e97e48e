import MessageModel
import Testing

@Suite struct MessageTests {
    private func goldenValue(_ what: String) throws -> String {
        let list = try #require(try goldenJSON("ids-and-hashes.json").elements)
        return try #require(list.first { $0["what"]?.text == what }?["value"]?.text)
    }

    @Test func javaHashes() throws {
        let prefix = "java hashCode of '"
        var count = 0
        for entry in try #require(try goldenJSON("ids-and-hashes.json").elements) {
            guard let what = entry["what"]?.text, what.hasPrefix(prefix) else { continue }
            let text = String(what.dropFirst(prefix.count).dropLast())
            let expected = try #require(entry["value"]?.int32)
            #expect(JavaHash.hashCode(text) == expected)
            let fromBytes = Array(text.utf8).withUnsafeBytes { JavaHash.hashCode(utf8: $0) }
            #expect(fromBytes == expected)
            count += 1
        }
        #expect(count == 8)
        let emoji = "a😀b"
        #expect(Array(emoji.utf8).withUnsafeBytes { JavaHash.hashCode(utf8: $0) } == JavaHash.hashCode(emoji))
    }

    @Test func offsetMessageIds() throws {
        let v4 = OffsetMessageId(host: [10, 4, 5, 6], port: 10911, logOffset: 123_456_789_012)
        #expect(v4.text == (try goldenValue("createMessageId ipv4")))
        #expect(try OffsetMessageId(parsing: v4.text) == v4)
        let v6Text = try goldenValue("createMessageId ipv6 store host")
        let v6 = try OffsetMessageId(parsing: v6Text)
        #expect(v6.host.count == 16 && v6.port == 10911 && v6.logOffset == 123_456_789_012)
        #expect(v6.text == v6Text)
        for bad in ["", "0A", String(repeating: "G", count: 32), String(repeating: "0", count: 33)] {
            #expect(throws: ModelError.self) { try OffsetMessageId(parsing: bad) }
        }
        #expect(
            UniqueKey.make(
                host: [0xC0, 0, 2, 2], processId: 0x6F60, salt: 0x5FFD_2B27, millisSinceMonthStart: 0x6FB7_15FD,
                counter: 0) == (try goldenValue("createUniqID (example, varies)")))
    }

    @Test func uniqueKeysAreTakenApart() throws {
        let key = UniqueKey.make(
            host: [192, 0, 2, 2], processId: 28_512, salt: 7, millisSinceMonthStart: 1_874_269_693, counter: 9)
        #expect(
            try DecodedUniqueKey(parsing: key)
                == .remoting(host: [192, 0, 2, 2], processId: 28_512, millisSinceMonthStart: 1_874_269_693, counter: 9))
        let ipv6 = [UInt8](0..<16)
        let long = UniqueKey.make(host: ipv6, processId: 1, salt: 2, millisSinceMonthStart: 3, counter: 4)
        #expect(
            try DecodedUniqueKey(parsing: long)
                == .remoting(host: ipv6, processId: 1, millisSinceMonthStart: 3, counter: 4))
        #expect(
            try DecodedUniqueKey(parsing: "01010203040506000700000E1000000001")
                == .v5(
                    hardwareAddress: [1, 2, 3, 4, 5, 6], processId: 7, timeMillis: 1_609_462_800_000,
                    counter: 1))
        for bad in ["", "01", "02010203040506000700000E1000000001", String(repeating: "G", count: 32)] {
            #expect(throws: ModelError.self) { try DecodedUniqueKey(parsing: bad) }
        }
    }

    @Test func propertyText() throws {
        let pairs = [("KEYS", "k1 k2"), ("TAGS", "T"), ("empty", ""), ("uni", "世")]
        let text = PropertyText.encode(pairs.map { (name: $0.0, value: $0.1) })
        let recorded = try goldenValue("messageProperties2String hex of {KEYS:'k1 k2',TAGS:'T',empty:'',uni:'世'}")
        let recordedBytes = try #require(HexText.bytes(recorded))
        // The recording lacks the last separator; both forms read the same.
        #expect(recordedBytes == Array(text.utf8.dropLast()) || recordedBytes == Array(text.utf8))
        let parsed = PropertyText.dictionary(String(decoding: recordedBytes, as: UTF8.self))
        #expect(parsed == ["KEYS": "k1 k2", "TAGS": "T", "uni": "世"])
        #expect(PropertyText.parse("\u{1}v\u{2}a\u{2}\u{2}b\u{1}c\u{1}d").map(\.value) == ["c\u{1}d"])
        #expect(PropertyText.dictionary("a\u{1}1\u{2}a\u{1}2\u{2}") == ["a": "2"])
    }

    @Test func propertyLookupInBytes() {
        func find(_ name: StaticString, _ text: String) -> String? {
            let bytes = Array(text.utf8)
            return bytes.withUnsafeBytes { buffer in
                PropertyText.find(name, in: buffer).map { String(decoding: buffer[$0], as: UTF8.self) }
            }
        }
        let text = "XTAGS\u{1}no\u{2}TAGS\u{1}a\u{2}TAGSX\u{1}no\u{2}TAGS\u{1}b\u{2}KEYS\u{1}k"
        #expect(find("TAGS", text) == "b")
        #expect(find("KEYS", text) == "k")
        #expect(find("WAIT", text) == nil)
        #expect(find("TAGS", "TAGS\u{1}\u{2}") == nil)
        #expect(find("TAGS", "TAGS") == nil)
        #expect(find("TAGS", "") == nil)
    }

    @Test func sysFlags() {
        #expect(MessageSysFlag.transactionRollback.transactionKind == .rollback)
        #expect(MessageSysFlag([.transactionPrepared, .compressed]).transactionKind == .prepared)
        #expect(MessageSysFlag(rawValue: 0x4).with(.commit).rawValue == 0x8)
        #expect(MessageSysFlag.compressed.compression == .zlib)
        #expect(MessageSysFlag(rawValue: 0x101).compression == .lz4)
        #expect(MessageSysFlag(rawValue: 0x200).compression == nil)
        #expect(MessageSysFlag(rawValue: 0x2).with(.zstd).rawValue == 0x203)
        #expect(MessageSysFlag(rawValue: 0x203).with(MessageSysFlag.Compression?.none).rawValue == 0x2)
    }

    @Test func receiptHandles() throws {
        let text = "17 1795365038607 60000 3 1 broker-a 2 19 4711"
        let handle = try ReceiptHandle(parsing: text)
        #expect(handle.text == text)
        #expect(handle.topicKind == .retryV1 && handle.queueOffset == 19 && handle.commitLogOffset == 4711)
        #expect(!handle.isExpired(nowMillis: 1_795_365_098_606) && handle.isExpired(nowMillis: 1_795_365_098_607))
        #expect(handle.topicKind.storedTopic(topic: "T", group: "g") == "%RETRY%g_T")
        let short = try ReceiptHandle(parsing: "17 1 60000 999 0 broker-a 2 19")
        #expect(short.commitLogOffset == -1 && short.isOrdered && short.text.hasSuffix(" 19 -1"))
        let endless = try ReceiptHandle(parsing: "0 \(Int64.max) \(Int64.max) 0 0 b 0 0")
        #expect(!endless.isExpired(nowMillis: Int64.max - 1))
        for bad in [
            "", "1 2 3", "1 2 3 4 0", "a 1 1 1 0 b 0 0", "0 1 -1 1 0 b 0 0", "0 1 1 1 3 b 0 0", "0 1 1 1 0  0 0",
            "0 1 1 1 0 b -1 0", "0 1 1 1 0 b 0 -1", "0 1 1 1 0 b 0 0 x", String(repeating: "1 ", count: 1000),
        ] {
            #expect(throws: ModelError.self) { try ReceiptHandle(parsing: bad) }
        }
        #expect(PopTopicKind(topic: "%RETRY%g+T") == .retryV2 && PopTopicKind(topic: "T+") == .normal)
    }

    @Test func tagFilters() {
        let filter = TagFilter(expression: " TagA||TagB || ")
        #expect(filter.tags == ["TagA", "TagB"] && filter.codes == [2_598_919, 2_598_920])
        #expect(filter.mayMatch(tagsCode: 2_598_919) && !filter.mayMatch(tagsCode: 0))
        #expect(filter.matches(tag: "TagA") && !filter.matches(tag: nil) && !filter.matches(tag: "TagC"))
        #expect(TagFilter(expression: "*").matchesAll && TagFilter(expression: "").matchesAll)
        #expect(TagFilter(expression: "||").isEmpty && !filter.isEmpty)
        #expect(TagFilter(expression: "A|B").tags == ["A|B"])
        #expect(TagFilter(expression: "Aa").mayMatch(tagsCode: JavaHash.tagsCode("BB")))
        #expect(TagFilter(expression: "polygenelubricants").mayMatch(tagsCode: -2_147_483_648))
    }

    @Test func messageTypes() {
        #expect(TopicMessageType.of(properties: [:]) == .normal)
        #expect(TopicMessageType.of(properties: ["TRAN_MSG": "true", "DELAY": "1"]) == .transaction)
        #expect(TopicMessageType.of(properties: ["TRAN_MSG": "false", "TIMER_DELAY_MS": "1"]) == .delay)
        #expect(TopicMessageType.of(properties: ["__SHARDINGKEY": "a"]) == .fifo)
        #expect(TopicMessageType.mixed.accepts(.delay) && !TopicMessageType.normal.accepts(.fifo))
        #expect(!TopicMessageType.unspecified.accepts(.unspecified))
        #expect(PropertyName.reserved.contains("UNIQ_KEY") && !PropertyName.reserved.contains("__SHARDINGKEY"))
    }
}

@Suite("Delay levels")
struct DelayLevelsTests {
    @Test("Apache's text gives Apache's levels")
    func apache() throws {
        let levels = try #require(DelayLevels(parsing: DelayLevels.apacheText))
        #expect(levels == .apache)
        #expect(levels.levelMax == 18)
        #expect(
            levels.delayMillis(1) == 1_000 && levels.delayMillis(3) == 10_000 && levels.delayMillis(18) == 7_200_000)
        #expect(levels.delayMillis(0) == 1_000 && levels.delayMillis(99) == 7_200_000)
    }

    @Test(
        "units, and what is no delay",
        arguments: ["", "1", "1x", "s", "0s", "-1s", "1s,2s", "41d", "9223372036854775807d"])
    func bad(text: String) {
        #expect(DelayLevels(parsing: text) == nil)
        #expect(DelayLevels(parsing: "1s 2m  3h 40d")?.levelMax == 4)
        #expect(DelayLevels(parsing: String(repeating: "1s ", count: 65)) == nil)
    }
}

@Suite("Recall handles")
struct RecallHandleTests {
    @Test("the text is that of Java's encoder, and comes back", arguments: ["a", "ab", "abc", "abcd", "k\u{FF}?>"])
    func text(key: String) throws {
        let handle = RecallHandle(topic: "T", brokerName: "broker-a", deliverMillis: 1_795_364_387_001, messageID: key)
        #expect(handle.text.utf8.count.isMultiple(of: 4))
        #expect(RecallHandle(text: handle.text) == handle)
        #expect(RecallHandle(text: String(handle.text.prefix { $0 != "=" })) == handle)
        #expect(
            RecallHandle(topic: "T", brokerName: "b", deliverMillis: 5, messageID: "k").text == "djEgVCBiIDUgaw==")
    }

    @Test(
        "anything else is none",
        arguments: [
            "", "=", "====", "a", "djEgVCBiIDUg", "djIgVCBiIDUgaw==", "djEgVCBiIHggaw==", "d jE", "djEgVCBiIDUgaw====",
        ])
    func bad(text: String) {
        #expect(RecallHandle(text: text) == nil)
    }
}
