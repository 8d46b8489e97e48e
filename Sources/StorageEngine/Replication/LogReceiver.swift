import MessageModel
import NIOConcurrencyHelpers
import NIOCore

/// Takes over the log of a master, byte for byte, and has what it holds dispatched to queues and index.
///
/// Bytes come in pieces that end anywhere: a record is dispatched when its last byte is there. What a master deletes is not
/// in its log; its table of deleted topics comes besides, and is needed before messages of a topic's next life.
package final class LogReceiver: Sendable {
    private struct State {
        /// Records before are dispatched.
        var scannedOffset: Int64
        /// Where no record could be read, the next is not looked for before the log reaches this offset.
        var searchFrom: Int64 = 0
        /// End of the last record that went to dispatch.
        var dispatchedEnd: Int64 = 0
        /// The record that goes back in its queue, where the scan ended.
        var goneBackAt: Int64?
        /// The one that still does though the table of deleted topics has come since.
        var toleratedOffset: Int64?
    }

    private let store: MessageStore
    private let state: NIOLockedValueBox<State>
    // Held while bytes or deletions come in, so that each sees the queues as the other left them.
    private let working = NIOLock()
    /// Between two searches for a good record behind damage.
    private static let searchBytes: Int64 = 1 << 20
    private static let dispatchWaitMillis: Int64 = 10_000

    /// A receiver for an open store that nobody else appends to.
    package init(store: MessageStore) {
        self.store = store
        state = NIOLockedValueBox(State(scannedOffset: store.maxLogOffset))
    }

    /// Appends bytes of the master's log that lie in one file there, the next ones of this log. Waits for the disk.
    package func receive(_ bytes: ByteBuffer, at offset: Int64) throws(StoreError) {
        working.lock()
        defer { working.unlock() }
        let isFirst = store.segments.all.isEmpty
        try store.log.appendReplicated(bytes, at: offset, nowMillis: store.clock.nowMillis)
        if isFirst { state.withLockedValue { $0.scannedOffset = offset } }
        try scan(to: offset + Int64(bytes.readableBytes))
    }

    /// Takes over the master's table of deleted topics, in the form of its file: before the records that come behind the ends
    /// that it names. Waits for the disk.
    package func adoptDeletedTopics(_ bytes: [UInt8]) throws(StoreError) {
        guard let table = Tombstones.decode(bytes) else {
            throw StoreError(.refused, "the master's table of deleted topics is damaged")
        }
        working.lock()
        defer { working.unlock() }
        let (scannedOffset, dispatchedEnd) = state.withLockedValue { state in
            state.toleratedOffset = state.goneBackAt
            return (state.scannedOffset, state.dispatchedEnd)
        }
        let queues = store.queues
        let ended = table.filter { $0.value > queues.tombstones.end(of: $0.key) }
        if ended.contains(where: { $0.value < scannedOffset && !queues.queueIds(topic: $0.key).isEmpty }) {
            // Which queues are of a former life shows by what is in them.
            try store.synchronize()
            guard store.waitUntilDispatched(dispatchedEnd, timeoutMillis: Self.dispatchWaitMillis) else {
                throw StoreError(.busy, "messages wait to be dispatched")
            }
        }
        try queues.tombstones.adopt(ended)
        for (topic, end) in ended.sorted(by: { $0.key < $1.key }) {
            try queues.removeQueues(of: topic, endedBefore: end < scannedOffset ? end : .max)
        }
        // What waited for the table is in the log already.
        try scan(to: store.maxLogOffset)
    }

    // MARK: Records

    private func scan(to end: Int64) throws(StoreError) {
        var offset = state.withLockedValue { $0.scannedOffset }
        var records: [CommitLog.Pending] = []
        var failure: StoreError?
        do throws(StoreError) {
            while offset < end, let segment = store.segments.segment(at: offset) {
                guard let next = try scanRecord(at: offset, in: segment, end: end, &records) else { break }
                offset = next
            }
        } catch {
            failure = error
        }
        // Also after a failure: what has its place in a queue must not be given one again.
        state.withLockedValue { state in
            state.scannedOffset = offset
            if let last = records.last { state.dispatchedEnd = last.end }
        }
        if let last = records.last {
            store.log.dispatchReplicated(records, newestTimestampMillis: last.storeTimestampMillis)
        }
        if let failure { throw failure }
    }

    /// Where the next record begins; nil while this one is not there as a whole.
    private func scanRecord(
        at offset: Int64, in segment: LogSegment, end: Int64, _ records: inout [CommitLog.Pending]
    ) throws(StoreError) -> Int64? {
        // Too near to the end of the file for any record.
        guard segment.end - offset >= Int64(RecordLayout.blankBytes) else { return segment.end }
        guard end - offset >= Int64(RecordLayout.blankBytes) else { return nil }
        let (size, isBlank) = try segment.recordHead(at: offset)
        if isBlank { return segment.end }
        if size > 0, offset + Int64(size) <= segment.end, offset + Int64(size) > end { return nil }
        let (reading, messages) = try segment.readMessages(
            at: offset, checksBody: false, delayLevels: store.configuration.delayLevels)
        switch reading {
        case .record(let header) where header.logOffset == offset:
            let queued = messages.filter(isQueued)
            if try canFollow(queued, at: offset, of: header.size, in: segment) { records += queued.map(pending) }
            return offset + Int64(header.size)
        case .blank: return segment.end
        case .record, .invalid: return try stepOver(offset, end: end)
        }
    }

    /// The next good record behind what cannot be read, which the master could not either.
    private func stepOver(_ offset: Int64, end: Int64) throws(StoreError) -> Int64? {
        guard end >= state.withLockedValue({ $0.searchFrom }) else { return nil }
        if let next = try RecordSearch(segments: store.segments).next(after: offset), next < end { return next }
        state.withLockedValue { $0.searchFrom = end + Self.searchBytes }
        return nil
    }

    /// Whether a message has a place in a queue that is.
    private func isQueued(_ message: DispatchedMessage) -> Bool {
        !store.queues.isBatchTopic(message.topic)
            && !store.queues.tombstones.covers(topic: message.topic, logOffset: message.logOffset)
    }

    /// Whether the messages of a record go into their queues behind what is there.
    ///
    /// They go back when their topic was deleted and made again: an error, until the master's table of deleted topics says so.
    /// When it does not, the record is damaged.
    private func canFollow(
        _ messages: [DispatchedMessage], at offset: Int64, of size: Int, in segment: LogSegment
    ) throws(StoreError) -> Bool {
        let goesBack = messages.contains { message in
            let queue = store.queues.queue(topic: message.topic, queueId: message.queueId)
            return message.queueOffset < store.log.state.withLock { _ in queue.nextOffset }
        }
        guard goesBack else { return true }
        let isTolerated = state.withLockedValue { state in
            state.goneBackAt = offset
            return state.toleratedOffset == offset
        }
        guard isTolerated else {
            throw StoreError(.refused, "the record at \(offset) is of a topic that was deleted before it")
        }
        store.notices.note(
            RecoveryReport.Damage(file: segment.path, logOffset: offset, bytes: Int64(size)))
        return false
    }

    /// A message on its way to its queue.
    private func pending(_ message: DispatchedMessage) -> CommitLog.Pending {
        let queue = store.queues.queue(topic: message.topic, queueId: message.queueId)
        store.log.state.withLock { _ in queue.nextOffset = message.queueOffset + 1 }
        return CommitLog.Pending(
            queue: queue, queueOffset: message.queueOffset, logOffset: message.logOffset, size: message.size,
            tagsCode: message.tagsCode, storeTimestampMillis: message.storeTimestampMillis)
    }
}
