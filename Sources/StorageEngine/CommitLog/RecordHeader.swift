import CStorageSupport
import MessageModel

/// The fields of a stored record that dispatch and recovery need, read from its bytes.
struct RecordHeader {
    let size: Int
    let queueId: Int32
    let queueOffset: Int64
    let logOffset: Int64
    let sysFlag: MessageSysFlag
    let storeTimestampMillis: Int64
    let topic: Range<Int>
    let properties: Range<Int>

    /// What lies at a place in the log.
    enum Reading {
        case record(RecordHeader)
        /// The rest of the file is unused.
        case blank
        /// No record; `size` is what its length field says when that is at least possible.
        case invalid(size: Int?)
    }

    /// Reads the record at the start of `bytes`, which reach to the end of the file. `checksBody` compares the CRC.
    static func read(_ bytes: UnsafeRawBufferPointer, checksBody: Bool) -> Reading {
        guard bytes.count >= RecordLayout.blankBytes else { return .invalid(size: nil) }
        let size = Int(bytes.bigEndian(Int32.self, at: 0))
        let magic = bytes.bigEndian(Int32.self, at: 4)
        if magic == RecordLayout.magicBlank { return .blank }
        guard magic == RecordLayout.magicV1 || magic == RecordLayout.magicV2 else { return .invalid(size: nil) }
        let isV2 = magic == RecordLayout.magicV2
        let least = RecordLayout.fixedBytes(bornBytes: 8, storeBytes: 8, isV2: isV2)
        guard size >= least, size <= bytes.count else { return .invalid(size: nil) }
        guard let header = RecordHeader(bytes, size: size, isV2: isV2, checksBody: checksBody) else {
            return .invalid(size: size)
        }
        return .record(header)
    }

    private init?(_ bytes: UnsafeRawBufferPointer, size: Int, isV2: Bool, checksBody: Bool) {
        self.size = size
        queueId = bytes.bigEndian(Int32.self, at: 12)
        queueOffset = bytes.bigEndian(Int64.self, at: RecordLayout.queueOffsetAt)
        logOffset = bytes.bigEndian(Int64.self, at: RecordLayout.logOffsetAt)
        sysFlag = MessageSysFlag(rawValue: bytes.bigEndian(Int32.self, at: 36))
        let born = sysFlag.contains(.bornHostV6) ? 20 : 8
        let store = sysFlag.contains(.storeHostV6) ? 20 : 8
        let storeTimestampAt = RecordLayout.bornHostAt + born
        let bodyLengthAt = storeTimestampAt + 8 + store + 4 + 8
        guard bodyLengthAt + 4 <= size else { return nil }
        storeTimestampMillis = bytes.bigEndian(Int64.self, at: storeTimestampAt)
        let bodyBytes = Int(bytes.bigEndian(Int32.self, at: bodyLengthAt))
        let topicLengthAt = bodyLengthAt + 4 + bodyBytes
        guard bodyBytes >= 0, topicLengthAt + (isV2 ? 2 : 1) <= size else { return nil }
        let topicBytes =
            isV2 ? Int(bytes.bigEndian(UInt16.self, at: topicLengthAt)) : Int(bytes[topicLengthAt])
        let topicAt = topicLengthAt + (isV2 ? 2 : 1)
        guard topicAt + topicBytes + 2 <= size else { return nil }
        topic = topicAt..<topicAt + topicBytes
        let propertyBytes = Int(bytes.bigEndian(UInt16.self, at: topic.upperBound))
        properties = topic.upperBound + 2..<topic.upperBound + 2 + propertyBytes
        guard properties.upperBound == size else { return nil }
        if checksBody,
            [topic, properties].contains(where: { RecordLayout.looksTorn(UnsafeRawBufferPointer(rebasing: bytes[$0])) })
        {
            return nil
        }
        if checksBody, bodyBytes > 0 {
            let body = UnsafeRawBufferPointer(rebasing: bytes[bodyLengthAt + 4..<topicLengthAt])
            let checksum = storage_crc32(0, body.baseAddress, body.count) & 0x7FFF_FFFF
            guard checksum == UInt32(bitPattern: bytes.bigEndian(Int32.self, at: 8)) else { return nil }
        }
    }

    /// Whether the record has a place in its queue.
    var isQueued: Bool {
        switch sysFlag.transactionKind {
        case .none, .commit: true
        case .prepared, .rollback: false
        }
    }

    /// Whether its queue and offset can be; no checksum covers them, and files are named by them.
    var hasPlace: Bool { queueId >= 0 && (0...Self.queueOffsetMax).contains(queueOffset) }
    /// Larger offsets are damage: no place in a file of units that comes from one overflows.
    static let queueOffsetMax = Int64.max / 64

    /// When a message that waits is due; no checksum covers the time when it was stored.
    private func dueMillis(after delayMillis: Int64) -> Int64 {
        let (sum, isOver) = storeTimestampMillis.addingReportingOverflow(delayMillis)
        return isOver ? .max : sum
    }

    /// What dispatch announces for a record at the start of `bytes`.
    func dispatched(
        _ bytes: UnsafeRawBufferPointer, at offset: Int64, delayLevels: DelayLevels
    ) -> DispatchedMessage {
        let name = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[topic]), as: UTF8.self)
        let text = UnsafeRawBufferPointer(rebasing: bytes[properties])
        let delayMillis =
            name == NameRules.scheduleTopic ? TagsCode.delayMillis(properties: text, levels: delayLevels) : nil
        return DispatchedMessage(
            topic: name, queueId: queueId, queueOffset: queueOffset, logOffset: offset, size: Int32(size),
            tagsCode: delayMillis.map(dueMillis) ?? TagsCode.of(properties: text),
            storeTimestampMillis: storeTimestampMillis)
    }

    /// The same for its queue and for its light queues, which most records have none of.
    func dispatchedToAll(
        _ bytes: UnsafeRawBufferPointer, at offset: Int64, delayLevels: DelayLevels
    ) -> [DispatchedMessage] {
        [dispatched(bytes, at: offset, delayLevels: delayLevels)] + dispatchedLight(bytes, at: offset)
    }

    private func dispatchedLight(_ bytes: UnsafeRawBufferPointer, at offset: Int64) -> [DispatchedMessage] {
        let text = UnsafeRawBufferPointer(rebasing: bytes[properties])
        return LightQueueProperties.places(
            topic: UnsafeRawBufferPointer(rebasing: bytes[topic]), properties: text
        ).map { place in
            DispatchedMessage(
                topic: place.queue, queueId: LiteTopicName.queueID, queueOffset: place.offset, logOffset: offset,
                size: Int32(size), tagsCode: TagsCode.of(properties: text), storeTimestampMillis: storeTimestampMillis)
        }
    }
}
