import MessageModel
import NIOCore
import RemotingCodec
import Testing

@Suite("Stored records against recorded bytes")
struct RecordTests {
    @Test("Every recorded record is read")
    func records() throws {
        var count = 0
        for line in goldenLines("messages") {
            guard let expected = line["fields"]?.members else { continue }
            count += 1
            let bytes = ByteBuffer(bytes: try #require(HexText.bytes(line["hex"]?.text ?? "")))
            let record = try #require(try MessageRecord.all(in: bytes).first)
            let file = line["file"]?.text ?? ""
            #expect(record.topic == expected["topic"]?.text, "\(file)")
            #expect(record.queueId == expected["queueId"]?.int32)
            #expect(record.queueOffset == expected["queueOffset"]?.int64)
            #expect(record.logOffset == expected["commitLogOffset"]?.int64)
            #expect(record.byteCount == expected["storeSize"]?.int64.map(Int.init))
            #expect(record.sysFlag.rawValue == expected["sysFlag"]?.int32)
            #expect(record.flag == expected["flag"]?.int32)
            #expect(record.reconsumeTimes == expected["reconsumeTimes"]?.int32)
            #expect(record.preparedTransactionOffset == expected["preparedTransactionOffset"]?.int64)
            #expect(record.bornTimestampMillis == expected["bornTimestamp"]?.int64)
            #expect(record.storeTimestampMillis == expected["storeTimestamp"]?.int64)
            #expect(record.body.readableBytes == expected["bodyLength"]?.int64.map(Int.init))
            #expect(record.bodyCheckSum == expected["bodyCrc"]?.int32)
            #expect(record.isBodyIntact, "\(file)")
            if record.bornHost.address.count == 4 {
                #expect(record.bornHost.description == expected["bornHost"]?.text)
            }
            if record.storeHost.address.count == 4 {
                #expect(record.storeHost.description == expected["storeHost"]?.text)
            }
            let properties = PropertyText.dictionary(String(buffer: record.properties))
            for member in expected["properties"]?.members ?? JSONObject() {
                #expect(properties[member.key.text] == member.value.text, "\(file) \(member.key.text)")
            }
            #expect(record.property("TAGS") == expected["properties"]?["TAGS"]?.text)
        }
        #expect(count > 40)
    }

    @Test("IPv6 hosts are read")
    func hosts() throws {
        let line = try #require(goldenLines("messages").first { $0["file"]?.text == "encoder-both-ipv6.json" })
        let bytes = ByteBuffer(bytes: try #require(HexText.bytes(line["hex"]?.text ?? "")))
        let record = try MessageRecord(bytes)
        #expect(record.bornHost.description == "[2001:db8::1:2]:4321")
        #expect(record.storeHost.description == "[2001:db8::5]:10911")
    }

    @Test("Several records in one answer are told apart, a cut one is an error")
    func several() throws {
        let records = goldenLines("messages").filter { $0["fields"] != nil }
            .compactMap { HexText.bytes($0["hex"]?.text ?? "") }
        let all = ByteBuffer(bytes: records.joined())
        #expect(try MessageRecord.all(in: all).count == records.count)
        let cut = try #require(all.getSlice(at: 0, length: all.readableBytes - 1))
        #expect(throws: RemotingCodecError.self) { try MessageRecord.all(in: cut) }
    }

    @Test("A recorded batch is taken apart and put together again")
    func batch() throws {
        let line = try #require(goldenLines("messages").first { $0["file"]?.text == "batch-body.json" })
        let bytes = ByteBuffer(bytes: try #require(HexText.bytes(line["hex"]?.text ?? "")))
        let messages = try BatchMessage.decode(bytes, countMax: 3)
        #expect(messages.map { String(buffer: $0.body) } == ["batch 0", "batch 1", "batch 2"])
        #expect(messages.map(\.flag) == [0, 1, 2])
        #expect(PropertyText.dictionary(String(buffer: messages[1].properties))["KEYS"] == "b1")
        var again = ByteBuffer()
        for message in messages { try message.write(to: &again) }
        #expect(again == bytes)
        #expect(throws: RemotingCodecError.self) { try BatchMessage.decode(bytes, countMax: 2) }
    }

    @Test("Compressed bodies come back")
    func compression() throws {
        let line = try #require(goldenLines("messages").first { $0["file"]?.text == "compressed-zlib.json" })
        let record = try MessageRecord(ByteBuffer(bytes: try #require(HexText.bytes(line["hex"]?.text ?? ""))))
        let plain = try Zlib.inflate(record.body, byteCountMax: 1 << 22)
        #expect(plain.readableBytes > record.body.readableBytes)
        #expect(try Zlib.inflate(Zlib.deflate(plain), byteCountMax: plain.readableBytes) == plain)
        #expect(throws: RemotingCodecError.self) { try Zlib.inflate(record.body, byteCountMax: 100) }
        let cut = try #require(record.body.getSlice(at: record.body.readerIndex, length: 20))
        #expect(throws: RemotingCodecError.self) { try Zlib.inflate(cut, byteCountMax: 1 << 22) }
    }
}

@Suite("Texts of pop answers")
struct PopInfoTests {
    @Test("Writer and reader agree with the recorded form")
    func roundTrip() throws {
        var writer = PopInfoWriter()
        writer.beginQueue(.normal, queueId: 1, startOffset: 0)
        for offset in 0..<3 as Range<Int64> { writer.addMessage(offset: offset) }
        writer.beginQueue(.retryV2, queueId: 0, startOffset: 7)
        writer.addMessage(offset: 9)
        writer.addOrderCount(.normal, queueId: 1, offset: 2, count: 3)
        writer.addOrderCount(.normal, queueId: 1, count: 0)
        #expect(writer.startOffsetInfo == "0 1 0;2 0 7")
        #expect(writer.messageOffsetInfo == "0 1 0,1,2;2 0 9")
        #expect(writer.orderCountInfo == "0 qo1%2 3;0 1 0")
        let info = try PopInfo(
            startOffsetInfo: writer.startOffsetInfo, messageOffsetInfo: writer.messageOffsetInfo,
            orderCountInfo: writer.orderCountInfo)
        #expect(info.startOffset(.normal, queueId: 1) == 0)
        #expect(info.startOffset(.retryV2, queueId: 0) == 7)
        #expect(info.startOffset(.retryV1, queueId: 0) == nil)
        #expect(info.messageOffset(.normal, queueId: 1, index: 2) == 2)
        #expect(info.messageOffset(.normal, queueId: 1, index: 3) == nil)
        #expect(info.messageOffset(.retryV2, queueId: 0, index: 0) == 9)
        #expect(info.orderCount(.normal, queueId: 1, offset: 2) == 3)
        #expect(info.orderCount(.normal, queueId: 1, offset: 1) == 0)
        #expect(info.orderCount(.retryV2, queueId: 0, offset: 9) == nil)
    }

    @Test("Recorded pop answers are read, body included")
    func recorded() throws {
        var messageCount = 0
        for frame in GoldenFrame.of(.popMessage, answers: true) where !frame.isBodyCut {
            let command = try frame.decoded()
            guard command.responseCode == .success else { continue }
            let header = try command.header(PopMessageResponseHeader.self)
            let info = try PopInfo(
                startOffsetInfo: header.startOffsetInfo, messageOffsetInfo: header.messageOffsetInfo,
                orderCountInfo: header.orderCountInfo)
            for record in try MessageRecord.all(in: command.body) {
                messageCount += 1
                let start = try #require(info.startOffset(PopTopicKind(topic: record.topic), queueId: record.queueId))
                #expect(start <= record.queueOffset)
            }
        }
        #expect(messageCount > 3)
    }

    @Test("Damaged texts are errors", arguments: ["x", "0", "0 1", "0 1 2 3", "0 99999999999 1", "0 1 2x"])
    func damaged(text: String) {
        #expect(throws: RemotingCodecError.self) {
            try PopInfo(startOffsetInfo: text, messageOffsetInfo: nil, orderCountInfo: nil)
        }
    }
}
