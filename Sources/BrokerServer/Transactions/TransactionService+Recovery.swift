import DeliveryEngine
import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine

extension TransactionService {
    /// Op messages before the needed ones that are read for how older transactions ended.
    private static let olderOpsMax: Int64 = 1_024

    /// Rebuilds the table from the half queue, the op queue and the end of the log; the store is open, nothing is served
    /// yet.
    package func recover() throws(BrokerError) {
        let store = dependencies.store
        let half = store.bounds(topic: NameRules.halfTopic)
        let op = store.bounds(topic: NameRules.opHalfTopic)
        let mark = try loadMark()
        let halfStart = start(NameRules.halfTopic, half, isKnown: mark != nil)
        let opStart = start(NameRules.opHalfTopic, op, isKnown: mark != nil)
        var recovery = TransactionRecovery(
            limits: limits, halfMin: halfStart, halfMax: half.max, nowMillis: dependencies.nowMillis())
        try read(NameRules.opHalfTopic, from: max(op.min, opStart - Self.olderOpsMax), to: op.max) { record in
            let (end, offsets) = HalfMessage.readOp(record)
            recovery.op(
                at: record.queueOffset, end, offsets: offsets, logOffset: record.logOffset,
                isNeeded: record.queueOffset >= opStart)
        }
        try read(NameRules.halfTopic, from: halfStart, to: half.max) { record in
            let (half, prepared) = HalfMessage.read(record)
            recovery.half(half, prepared: prepared)
        }
        let scanned = try scanLog(&recovery, from: mark ?? 0)
        let table = recovery.finish()
        let count = table.openCount
        state.withLockedValue { state in
            state.table = table
            state.savesLeft = Self.savesPerChange
        }
        // What a power failure took from the end of a queue will be given to other messages.
        dependencies.offsets.commit(
            group: Self.group, topic: NameRules.halfTopic, queueID: HalfMessage.queueID, offset: halfStart)
        dependencies.offsets.commit(
            group: Self.group, topic: NameRules.opHalfTopic, queueID: HalfMessage.queueID, offset: opStart)
        if mark == nil {
            // Else the old ones would be believed again once the log has grown over what it lost: the offsets before the
            // mark, by which they are believed.
            try dependencies.offsets.save()
            try saveMark(0, logEnd: 0)
        }
        logger.info(
            "transactions recovered",
            metadata: [
                "open": "\(count)", "fromHalf": "\(halfStart)", "fromOp": "\(opStart)", "scannedRecords": "\(scanned)",
            ])
    }

    /// The log offset before which no record has to be looked at; 0 where no file says, nil when what the files say is of
    /// a log that has lost its end since.
    private func loadMark() throws(BrokerError) -> Int64? {
        let saved = try markFile.load { json throws(ModelError) in
            let fields = try JSONFields(json, of: Self.markFileName)
            return (try fields.int64("logOffset", default: 0), try fields.int64("logEnd", default: 0))
        }
        guard let (mark, logEnd) = saved else { return 0 }
        return logEnd <= dependencies.store.logBounds.end ? mark : nil
    }

    func saveMark(_ mark: Int64, logEnd: Int64) throws(BrokerError) {
        try markFile.save(["logOffset": .integer(mark), "logEnd": .integer(logEnd)])
    }

    private func start(_ topic: String, _ bounds: (min: Int64, max: Int64), isKnown: Bool) -> Int64 {
        let committed = dependencies.offsets.offset(group: Self.group, topic: topic, queueID: HalfMessage.queueID)
        return isKnown ? min(max(committed ?? bounds.min, bounds.min), bounds.max) : bounds.min
    }

    private func read(
        _ topic: String, from: Int64, to end: Int64, _ body: (MessageRecord) -> Void
    ) throws(BrokerError) {
        var offset = from
        while offset < end {
            let (records, next) = dependencies.store.readQueue(topic: topic, from: offset)
            for record in records where record.queueOffset < end { body(record) }
            // Damage is passed over; what the disk does not give now would be forgotten for good.
            guard next > offset else { throw Self.unreadable("record \(offset) of topic \(topic)") }
            offset = next
        }
    }

    /// Reads the log for records that ended open transactions; their op messages were not written before the stop.
    private func scanLog(_ recovery: inout TransactionRecovery, from mark: Int64) throws(BrokerError) -> Int {
        guard let oldest = recovery.oldestLogOffset else { return 0 }
        var offset = max(oldest, mark, dependencies.store.logBounds.min)
        var count = 0
        while true {
            let found: (record: MessageRecord, next: Int64)?
            do throws(StoreError) {
                found = try dependencies.store.nextRecord(from: offset)
            } catch {
                throw Self.unreadable("the log at \(offset)", error)
            }
            guard let record = found?.record, let next = found?.next else { return count }
            count += 1
            offset = next
            if record.sysFlag.transactionKind == .commit {
                recovery.logRecord(ending: record.preparedTransactionOffset, as: .commit)
            } else if record.preparedTransactionOffset > 0, record.topic == HalfMessage.discardTopic {
                recovery.logRecord(ending: record.preparedTransactionOffset, as: .discard)
            }
        }
    }

    private static func unreadable(_ what: String, _ cause: (any Error)? = nil) -> BrokerError {
        BrokerError(
            .store,
            "\(what) cannot be read, which transactions are recovered from: start again, and restore the disk if it "
                + "stays like that", cause: cause)
    }
}
