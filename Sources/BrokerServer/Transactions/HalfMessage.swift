import DeliveryEngine
import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine

/// The records of transactions: half messages, their copies, what they become and the op messages, as Apache's brokers
/// write them (`store.md` §13, `golden/messages/transaction-*.json`), with two properties of our own that those skip.
enum HalfMessage {
    /// Of a copy: when the first record was stored, and the half queue offsets of the records that it stands for,
    /// `millis:offset,offset`.
    static let copyProperty = "TRAN_COPY_OF"
    /// Of an op message: how the transactions that it names ended.
    static let endProperty = "TRAN_END"
    /// The tag of op messages.
    static let opTag = "d"
    /// The topic of transactions that nobody decided.
    static let discardTopic = "TRANS_CHECK_MAX_TIME_TOPIC"
    /// Room that copies of a half message need for properties of theirs.
    static let spareBytes = 512
    /// Half queue and op queue have one queue each.
    static let queueID: Int32 = 0

    // MARK: Half messages

    /// The property text of a half message: the message's own, with the real place behind.
    static func properties(_ text: ByteBuffer, topic: String, queueID: Int32) -> ByteBuffer {
        var properties = without(text)
        if properties.readableBytes > 0 { properties.writeInteger(PropertyText.valueEnd) }
        properties.writeString("\(PropertyName.realTopic)\u{1}\(topic)\u{2}\(PropertyName.realQueueId)\u{1}\(queueID)")
        return properties
    }

    /// Without what only brokers write: it would come from a message that was forwarded with all its properties.
    private static func without(_ text: ByteBuffer) -> ByteBuffer {
        let names = [
            PropertyName.realTopic, PropertyName.realQueueId, PropertyName.transactionCheckTimes,
            PropertyName.transactionPreparedQueueOffset, copyProperty,
        ]
        let isClean = text.withUnsafeReadableBytes { bytes in
            PropertyText.find("REAL_TOPIC", in: bytes) == nil && PropertyText.find("REAL_QID", in: bytes) == nil
                && PropertyText.find("TRANSACTION_CHECK_TIMES", in: bytes) == nil
                && PropertyText.find("TRAN_PREPARED_QUEUE_OFFSET", in: bytes) == nil
                && PropertyText.find("TRAN_COPY_OF", in: bytes) == nil
        }
        if isClean { return text }
        return encode(PropertyText.parse(String(buffer: text)).filter { !names.contains($0.name) })
    }

    /// Property text as it is stored: without the separator at its end.
    private static func encode(_ pairs: [(name: String, value: String)]) -> ByteBuffer {
        var text = ByteBuffer(string: PropertyText.encode(pairs))
        if text.readableBytes > 0 { text.moveWriterIndex(to: text.writerIndex - 1) }
        return text
    }

    /// A copy of a half message: the same record with a count of questions and the offsets it stands for.
    static func copy(of record: MessageRecord, _ half: TransactionTable.Half, isAsked: Bool) -> StoreMessage {
        var pairs = PropertyText.parse(String(buffer: record.properties)).filter {
            $0.name != PropertyName.transactionCheckTimes && $0.name != copyProperty
        }
        let count = half.checkCount + (isAsked ? 1 : 0)
        let place = pairs.firstIndex { $0.name == PropertyName.realTopic } ?? pairs.endIndex
        var added: [(name: String, value: String)] = []
        if count > 0 { added.append((PropertyName.transactionCheckTimes, String(count))) }
        let origins = half.originsOfCopy.map(String.init).joined(separator: ",")
        added.append((copyProperty, "\(half.firstStoredMillis):\(origins)"))
        pairs.insert(contentsOf: added, at: place)
        return message(record, topic: NameRules.halfTopic, queueID: queueID, properties: encode(pairs))
    }

    /// The message that a committed half message becomes; it keeps all properties, those of the transaction too.
    static func committed(
        _ record: MessageRecord, topic: String, queueID: Int32, halfLogOffset: Int64
    ) -> StoreMessage {
        var message = message(record, topic: topic, queueID: queueID, properties: record.properties)
        message.sysFlag = record.sysFlag.with(.commit)
        message.preparedTransactionOffset = halfLogOffset
        return message
    }

    /// What becomes of a transaction that nobody decided.
    static func discarded(_ record: MessageRecord, halfLogOffset: Int64) -> StoreMessage {
        var message = message(record, topic: discardTopic, queueID: queueID, properties: record.properties)
        message.preparedTransactionOffset = halfLogOffset
        return message
    }

    /// The half message that a transaction which was given up becomes again.
    static func resumed(_ record: MessageRecord) -> StoreMessage {
        let pairs = PropertyText.parse(String(buffer: record.properties)).filter {
            $0.name != PropertyName.transactionCheckTimes && $0.name != copyProperty
        }
        return message(record, topic: NameRules.halfTopic, queueID: queueID, properties: encode(pairs))
    }

    private static func message(
        _ record: MessageRecord, topic: String, queueID: Int32, properties: ByteBuffer
    ) -> StoreMessage {
        let (born, store) = (record.bornHost, record.storeHost)
        return StoreMessage(
            topic: topic, queueId: queueID, flag: record.flag, sysFlag: record.sysFlag.withoutTransaction,
            bornTimestampMillis: record.bornTimestampMillis,
            bornHost: SocketHost(bytes: born.address, port: born.port),
            storeHost: SocketHost(bytes: store.address, port: store.port), reconsumeTimes: record.reconsumeTimes,
            properties: properties, body: record.body)
    }

    /// Reads what the table wants to know of a record of the half queue, and the offset that an Apache broker says it
    /// replaces.
    static func read(_ record: MessageRecord) -> (half: TransactionTable.Half, prepared: Int64?) {
        var firstStored: Int64?
        var origins: [Int64] = []
        if let text = record.property("TRAN_COPY_OF") {
            let parts = text.split(separator: ":")
            firstStored = parts.first.flatMap { Int64($0) }
            origins = parts.dropFirst().first?.split(separator: ",").compactMap { Int64($0) } ?? []
        } else if record.property("TRANSACTION_CHECK_TIMES") != nil {
            // Apache's brokers go by the producer's clock.
            firstStored = record.bornTimestampMillis
        }
        let half = TransactionTable.Half(
            queueOffset: record.queueOffset, logOffset: record.logOffset, storedMillis: record.storeTimestampMillis,
            firstStoredMillis: firstStored,
            immunityMillis: immunityMillis(record.property("CHECK_IMMUNITY_TIME_IN_SECONDS")),
            checkCount: record.property("TRANSACTION_CHECK_TIMES").flatMap { Int32($0) }.map { max(0, $0) } ?? 0,
            origins: Array(origins.filter { $0 < record.queueOffset }.prefix(TransactionTable.originsMax)))
        return (half, record.property("TRAN_PREPARED_QUEUE_OFFSET").flatMap { Int64($0) })
    }

    /// The age at which a producer wants to be asked; nil when it did not say, or nothing of use.
    static func immunityMillis(_ text: String?) -> Int64? {
        guard let text, let seconds = Int64(text), seconds > 0, seconds <= Int64.max / 1_000_000 else { return nil }
        return seconds * 1_000
    }

    // MARK: Op messages

    /// An op message.
    static func op(_ batch: TransactionTable.OpBatch, host: SocketHost, nowMillis: Int64) -> StoreMessage {
        var body = ByteBuffer()
        for offset in batch.offsets { body.writeString("\(offset),") }
        return StoreMessage(
            topic: NameRules.opHalfTopic, queueId: queueID, bornTimestampMillis: nowMillis, bornHost: host,
            storeHost: host,
            properties: encode([
                (PropertyName.waitStored, "true"), (PropertyName.tags, opTag), (endProperty, batch.end.rawValue),
            ]), body: body)
    }

    /// Reads an op message; brokers of old wrote one offset without a comma.
    static func readOp(_ record: MessageRecord) -> (end: TransactionTable.End, offsets: [Int64]) {
        let text = String(buffer: record.body)
        return (
            record.property("TRAN_END").flatMap(TransactionTable.End.init(rawValue:)) ?? .unknown,
            text.split(separator: ",").compactMap { Int64($0.filter { !$0.isWhitespace }) }
        )
    }
}

/// A question to a producer: how did this transaction end?
package struct TransactionCheck: Sendable {
    /// The half message with its real topic and queue, as a record.
    package var record: ByteBuffer
    /// The real topic.
    package var topic: String
    /// Offset of the half message in the half queue.
    package var queueOffset: Int64
    /// Its offset in the commit log.
    package var logOffset: Int64
    /// The id that the producer gave the message.
    package var messageID: String
    /// The broker's id of the half message.
    package var offsetMessageID: String

    /// Makes the question about a record of the half queue; nil when the record does not say where it belongs.
    init?(_ record: MessageRecord, storeHost: SocketHost) {
        guard let topic = record.property("REAL_TOPIC"),
            let queueID = record.property("REAL_QID").flatMap({ Int32($0) })
        else { return nil }
        self.topic = topic
        self.record = record.encoded(topic: topic, queueID: queueID)
        queueOffset = record.queueOffset
        logOffset = record.logOffset
        messageID = record.property("UNIQ_KEY") ?? ""
        offsetMessageID =
            OffsetMessageId(host: storeHost.bytes, port: storeHost.port, logOffset: record.logOffset).text
    }
}

extension MessageRecord {
    /// The record with another topic and queue, in the form that Apache's brokers send to clients: the topic's length
    /// has one byte.
    func encoded(topic: String, queueID: Int32) -> ByteBuffer {
        let (body, properties) = (body, properties)
        let name = String(decoding: topic.utf8.prefix(Int(UInt8.max)), as: UTF8.self)
        var bytes = ByteBuffer()
        bytes.reserveCapacity(byteCount + name.utf8.count)
        bytes.writeMultipleIntegers(Int32(0), Int32(bitPattern: 0xDAA3_20A7), bodyCheckSum, queueID, flag)
        bytes.writeMultipleIntegers(queueOffset, logOffset, sysFlag.rawValue, bornTimestampMillis)
        bytes.writeBytes(bornHost.address)
        bytes.writeMultipleIntegers(bornHost.port, storeTimestampMillis)
        bytes.writeBytes(storeHost.address)
        bytes.writeMultipleIntegers(
            storeHost.port, reconsumeTimes, preparedTransactionOffset, Int32(body.readableBytes))
        bytes.writeImmutableBuffer(body)
        bytes.writeInteger(UInt8(name.utf8.count))
        bytes.writeString(name)
        bytes.writeInteger(Int16(clamping: properties.readableBytes))
        bytes.writeImmutableBuffer(properties)
        bytes.setInteger(Int32(bytes.readableBytes), at: bytes.readerIndex)
        return bytes
    }
}
