import DeliveryEngine
import Logging
import MessageModel
import NIOCore
import RemotingCodec

extension LedgerJournal {
    // MARK: Thread

    /// Starts the thread that flushes soon after a change and maintains the files.
    func start(_ subscriptions: @escaping @Sendable () -> [Subscription]) -> Bool {
        thread.start { [self] in
            let hasWritten = flush()
            maintain(subscriptions)
            // Right after a flush others gather: one record for many changes.
            if hasWritten { return configuration.journalFlushMillis }
            return pauseUntilListed() ? untilMaintenanceMillis() : configuration.journalFlushMillis
        }
    }

    /// Ends the thread, writes what is left and saves everything.
    func close(_ subscriptions: [Subscription]) {
        thread.stop()
        snapshot(subscriptions)
        saveOffsets(nowMillis: nowMillis())
    }

    private func untilMaintenanceMillis() -> Int64? {
        let now = nowMillis()
        let isDirty = offsets.isDirty
        let atMillis = output.withLockedValue { output -> Int64 in
            var atMillis = Int64.max
            if isDirty { atMillis = min(atMillis, output.offsetsSavedMillis + configuration.offsetSaveIntervalMillis) }
            if output.isBroken || output.isSnapshotAsked {
                atMillis = min(atMillis, output.snapshotRetryAtMillis)
            } else if output.bytesSinceSnapshot > 0 {
                let dueMillis = output.snapshotMillis + configuration.snapshotIntervalMillis
                atMillis = min(atMillis, max(dueMillis, output.snapshotRetryAtMillis))
            }
            if !output.backlog.isEmpty { atMillis = min(atMillis, output.retryAtMillis) }
            return atMillis
        }
        return atMillis == .max ? nil : max(1, atMillis - now)
    }

    /// Takes a snapshot and saves the consumer offsets when it is time.
    func maintain(_ subscriptions: () -> [Subscription]) {
        let now = nowMillis()
        let isDirty = offsets.isDirty
        let (wantsSnapshot, wantsOffsets) = output.withLockedValue { output in
            let isTime =
                output.bytesSinceSnapshot > 0 && now - output.snapshotMillis >= configuration.snapshotIntervalMillis
            let wantsSnapshot =
                isTime || output.isBroken || output.isSnapshotAsked
                || output.bytesSinceSnapshot >= configuration.snapshotBytesMax
            let wantsOffsets = isDirty && now - output.offsetsSavedMillis >= configuration.offsetSaveIntervalMillis
            return (wantsSnapshot && now >= output.snapshotRetryAtMillis, wantsOffsets)
        }
        if wantsSnapshot { snapshot(subscriptions()) }
        if wantsOffsets { saveOffsets(nowMillis: now) }
    }

    /// Writes down what was just forgotten, ledgers and committed offsets. It must be on the disk before the deletion is:
    /// a power failure would have the old ledgers serve the messages of a new topic of that name.
    func persistDeletion() {
        flush()
        if !store.synchronize() { logger.error("the deletion of ack ledgers cannot be flushed") }
        saveOffsets(nowMillis: nowMillis())
    }

    private func saveOffsets(nowMillis: Int64) {
        output.withLockedValue { $0.offsetsSavedMillis = nowMillis }
        do {
            try offsets.save { store.synchronize() }
        } catch {
            logger.error("consumer offsets cannot be saved", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Snapshot

    /// Saves all ledgers. They are copied with their unwritten changes taken, and these are written as the last records
    /// that the snapshot includes; so it is exact, though the subscriptions are locked one after the other.
    @discardableResult
    func snapshot(_ subscriptions: [Subscription]) -> Bool {
        writing.withLock {
            flushUnderLock()
            var image = LedgerImage(limits: configuration.ledger)
            var record = LedgerRecord()
            for subscription in subscriptions {
                var ledgers: [AckLedger?]? = []
                add(take(subscription, ledgers: &ledgers), of: subscription, to: &record)
                for (index, ledger) in (ledgers ?? []).enumerated() {
                    guard let ledger else { continue }
                    image.set(ledger, queueID: Int32(index), of: subscription.key)
                }
            }
            keep(record)
            writeBacklog()
            let now = nowMillis()
            let nextRecord = output.withLockedValue { $0.nextRecord }
            do {
                try files.replace(
                    Self.snapshotName, with: LedgerSnapshot(nextRecord: nextRecord, image: image).encode())
            } catch {
                logger.error("ack ledgers cannot be saved", metadata: ["error": "\(error)"])
                output.withLockedValue { $0.snapshotRetryAtMillis = now + Self.snapshotRetryMillis }
                return false
            }
            output.withLockedValue { output in
                output.bytesSinceSnapshot = 0
                output.coveredRecord = nextRecord
                output.isSnapshotAsked = false
                output.snapshotMillis = now
                // What the store did not take is in the snapshot now.
                output.backlog = []
                output.backlogBytes = 0
                output.isBroken = false
            }
            return true
        }
    }

    private static let snapshotRetryMillis: Int64 = 5_000

    // MARK: Recovery

    /// The ledgers as the last process left them, and whether a snapshot must be taken before anything is written.
    func recover() throws(BrokerError) -> (image: LedgerImage, needsSnapshot: Bool) {
        let bounds = store.bounds(topic: Self.topic, queueID: 0)
        var image = LedgerImage(limits: configuration.ledger)
        var next = max(0, bounds.min)
        var needsSnapshot = false
        if let snapshot = try loadSnapshot() {
            image = snapshot.image
            next = max(next, snapshot.nextRecord)
            // The log lost its tail: new records will take the places of lost ones, which the snapshot passes over.
            needsSnapshot = snapshot.nextRecord > bounds.max
        } else if bounds.min > 0 {
            logger.error(
                "no snapshot of the ack ledgers and their first records are gone: committed offsets are used",
                metadata: ["records": "\(bounds.min)-\(bounds.max)"])
            next = bounds.max
            // What is written from now on lies behind the gap too: the next start must find a snapshot before it.
            needsSnapshot = true
        }
        let first = next
        let bytes = try replay(from: next, to: bounds.max, on: &image)
        output.withLockedValue { output in
            output.nextRecord = bounds.max
            output.coveredRecord = first
            output.bytesSinceSnapshot = bytes
        }
        return (image, needsSnapshot)
    }

    private func loadSnapshot() throws(BrokerError) -> LedgerSnapshot? {
        for name in [Self.snapshotName, Self.snapshotName + ".bak"] {
            guard let bytes = try files.read(name), !bytes.isEmpty else { continue }
            do {
                return try LedgerSnapshot(bytes: bytes, limits: configuration.ledger)
            } catch {
                logger.error("snapshot of ack ledgers is damaged", metadata: ["file": "\(name)", "error": "\(error)"])
            }
        }
        return nil
    }

    /// Repeats the records in the range; returns their bytes. A disk that cannot give them ends the start: without them
    /// acknowledged messages would come back.
    private func replay(from: Int64, to end: Int64, on image: inout LedgerImage) throws(BrokerError) -> Int {
        var next = from
        var bytes = 0
        while next < end {
            var buffer = ByteBuffer()
            let read = store.readRecords(
                topic: Self.topic, queueID: 0, from: next, maxCount: Self.replayCount, maxBytes: Self.replayBytes,
                into: &buffer, matching: nil)
            guard read.nextOffset > next else {
                throw BrokerError(
                    .store,
                    "records \(next) to \(end) of the ack ledgers (topic \(Self.topic)) cannot be read: start again, "
                        + "and restore the disk if it stays like that")
            }
            for record in read.records {
                guard let view = MessageRecord(buffer, range: record.range) else { continue }
                bytes += view.body.readableBytes
                do {
                    try image.replay(record: Array(view.body.readableBytesView))
                } catch {
                    logger.error(
                        "a record of ack ledgers is damaged",
                        metadata: ["offset": "\(record.queueOffset)", "error": "\(error)"])
                }
            }
            next = read.nextOffset
        }
        return bytes
    }

    private static let replayCount = 64
    private static let replayBytes = 8 << 20
}
