/// The group and topic that a set of ledgers belongs to.
package struct SubscriptionKey: Hashable, Sendable {
    /// The consumer group.
    package var group: String
    /// The topic.
    package var topic: String

    /// A key by its parts.
    package init(group: String, topic: String) {
        self.group = group
        self.topic = topic
    }
}

/// One record of the internal topic: changes of several subscriptions, in the order in which they happened to each.
package struct LedgerRecord: Sendable {
    private static let version: UInt8 = 1
    /// The encoded record.
    package private(set) var bytes: [UInt8] = [Self.version]

    /// An empty record.
    package init() {}

    /// Whether it holds no change.
    package var isEmpty: Bool { bytes.count == 1 }

    /// Adds the changes of one subscription, encoded by ``LedgerChange/encode(queueID:into:)``.
    package mutating func append(_ key: SubscriptionKey, changes: [UInt8]) {
        LedgerWriter.text(key.group, to: &bytes)
        LedgerWriter.text(key.topic, to: &bytes)
        LedgerWriter.unsigned(UInt64(changes.count) + 1, to: &bytes)
        bytes.append(contentsOf: changes)
    }

    /// Records that a subscription's ledgers are gone.
    package mutating func appendRemoval(of key: SubscriptionKey) {
        LedgerWriter.text(key.group, to: &bytes)
        LedgerWriter.text(key.topic, to: &bytes)
        LedgerWriter.unsigned(0, to: &bytes)
    }

    static func replay(_ bytes: ArraySlice<UInt8>, on image: inout LedgerImage) throws(LedgerCodingError) {
        var reader = LedgerReader(bytes)
        let version = try reader.byte()
        guard version == Self.version else {
            throw LedgerCodingError(.unknownVersion, "record version \(version)")
        }
        while !reader.isAtEnd {
            let group = try reader.text()
            let topic = try reader.text()
            let key = SubscriptionKey(group: group, topic: topic)
            let length = try reader.unsigned()
            guard length > 0 else {
                image.remove(key)
                continue
            }
            guard length - 1 <= UInt64(reader.remaining) else {
                throw LedgerCodingError(.truncated, "changes run past the record")
            }
            var changes = LedgerReader(try reader.take(Int(length - 1)))
            while !changes.isAtEnd {
                let (queueID, change) = try LedgerChange.decode(from: &changes)
                image.apply(change, queueID: queueID, of: key)
            }
        }
    }
}

/// All ledgers of a broker as plain data: what a snapshot holds and a recovery rebuilds.
package struct LedgerImage: Sendable {
    /// The ledgers by subscription and queue.
    package private(set) var ledgers: [SubscriptionKey: [Int32: AckLedger]] = [:]

    /// The ledgers by topic and group, in order.
    package var ordered: [(key: SubscriptionKey, value: [Int32: AckLedger])] {
        ledgers.sorted { ($0.key.topic, $0.key.group) < ($1.key.topic, $1.key.group) }
    }
    private let limits: AckLedger.Limits

    /// No ledgers.
    package init(limits: AckLedger.Limits = AckLedger.Limits()) {
        self.limits = limits
    }

    /// Puts in a ledger.
    package mutating func set(_ ledger: AckLedger, queueID: Int32, of key: SubscriptionKey) {
        ledgers[key, default: [:]][queueID] = ledger
    }

    mutating func remove(_ key: SubscriptionKey) {
        ledgers[key] = nil
    }

    mutating func apply(_ change: LedgerChange, queueID: Int32, of key: SubscriptionKey) {
        if case .start(let offset) = change, ledgers[key]?[queueID] == nil {
            set(AckLedger(startOffset: offset, limits: limits), queueID: queueID, of: key)
            return
        }
        // A change of a ledger whose start was lost has no ground to stand on: the committed offset will do.
        ledgers[key]?[queueID]?.apply(change)
    }

    /// Repeats the changes of one record of the internal topic.
    package mutating func replay(record bytes: [UInt8]) throws(LedgerCodingError) {
        try LedgerRecord.replay(bytes[...], on: &self)
    }
}

/// A file with all ledgers as they were when the internal topic had `nextRecord` records.
package struct LedgerSnapshot: Sendable {
    private static let magic: [UInt8] = Array("RMQLEDG2".utf8)
    /// Without message groups, and with one client attempt for each queue.
    private static let magicV1: [UInt8] = Array("RMQLEDG1".utf8)
    /// Queue offset of the first record of the internal topic that the snapshot does not include.
    package var nextRecord: Int64
    /// The ledgers.
    package var image: LedgerImage

    /// A snapshot by its parts.
    package init(nextRecord: Int64, image: LedgerImage) {
        self.nextRecord = nextRecord
        self.image = image
    }

    /// The bytes of the file.
    package func encode() -> [UInt8] {
        var bytes = Self.magic
        LedgerWriter.signed(nextRecord, to: &bytes)
        LedgerWriter.unsigned(UInt64(image.ledgers.count), to: &bytes)
        // In order, so that equal images have equal bytes.
        for (key, queues) in image.ordered {
            LedgerWriter.text(key.group, to: &bytes)
            LedgerWriter.text(key.topic, to: &bytes)
            LedgerWriter.unsigned(UInt64(queues.count), to: &bytes)
            for (queueID, ledger) in queues.sorted(by: { $0.key < $1.key }) {
                LedgerWriter.signed(Int64(queueID), to: &bytes)
                ledger.encode(into: &bytes)
            }
        }
        let checksum = CRC32.checksum(bytes)
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: checksum >> shift))
        }
        return bytes
    }

    /// Reads a file.
    package init(bytes: [UInt8], limits: AckLedger.Limits = AckLedger.Limits()) throws(LedgerCodingError) {
        let isV1 = bytes.starts(with: Self.magicV1)
        guard bytes.count >= Self.magic.count + 4, isV1 || bytes.starts(with: Self.magic) else {
            throw LedgerCodingError(.unknownVersion, "not a ledger snapshot")
        }
        let body = bytes.dropLast(4)
        let stored = bytes.suffix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard CRC32.checksum(body) == stored else { throw LedgerCodingError(.checksum, "the snapshot is damaged") }
        var reader = LedgerReader(body.dropFirst(Self.magic.count))
        nextRecord = try reader.offset()
        image = LedgerImage(limits: limits)
        for _ in 0..<(try reader.count()) {
            let group = try reader.text()
            let topic = try reader.text()
            for _ in 0..<(try reader.count()) {
                let queueID = try reader.int32()
                let ledger = try AckLedger(from: &reader, isV1: isV1, limits: limits)
                image.set(ledger, queueID: queueID, of: SubscriptionKey(group: group, topic: topic))
            }
        }
    }
}

extension AckLedger {
    func encode(into bytes: inout [UInt8]) {
        LedgerWriter.signed(nextOffset, to: &bytes)
        let live = self.live
        LedgerWriter.unsigned(UInt64(live.count), to: &bytes)
        var previousOffset: Int64 = 0
        var previousPop: Int64 = 0
        for entry in live {
            LedgerWriter.signed(entry.offset - previousOffset, to: &bytes)
            LedgerWriter.signed(Int64(entry.attempt), to: &bytes)
            LedgerWriter.signed(entry.firstPopMillis - previousPop, to: &bytes)
            LedgerWriter.signed(entry.visibleAtMillis - entry.firstPopMillis, to: &bytes)
            LedgerWriter.unsigned(entry.orderKey, to: &bytes)
            LedgerWriter.unsigned(entry.attemptKey, to: &bytes)
            previousOffset = entry.offset
            previousPop = entry.firstPopMillis
        }
    }

    init(from reader: inout LedgerReader, isV1: Bool, limits: Limits) throws(LedgerCodingError) {
        self.init(startOffset: try reader.offset(), limits: limits)
        let attemptID = isV1 ? try reader.text() : ""
        var offset: Int64 = 0
        var popMillis: Int64 = 0
        var last = Int64.min
        for _ in 0..<(try reader.count()) {
            offset = try reader.offset(after: offset)
            let attempt = try reader.int32()
            popMillis = try reader.offset(after: popMillis)
            let visibleAtMillis = try reader.offset(after: popMillis)
            guard offset > last, offset < nextOffset, attempt >= (isV1 ? 1 : 0) else {
                throw LedgerCodingError(.malformed, "an entry out of order")
            }
            var entry = Entry(
                offset: offset, firstPopMillis: popMillis, visibleAtMillis: visibleAtMillis, attempt: attempt)
            if !isV1 {
                entry.orderKey = try reader.unsigned()
                entry.attemptKey = try reader.unsigned()
            }
            append(entry)
            last = offset
        }
        if isV1 { setAttemptOfAll(Self.attemptKey(attemptID)) }
    }
}
