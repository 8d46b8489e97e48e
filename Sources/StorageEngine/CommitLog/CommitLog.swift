import NIOCore

/// The log: where the next record goes, what waits to be flushed and dispatched.
///
/// One lock orders appends; under it a record gets its log offset, its queue offset and its place in the dispatch
/// order, and is copied into the file. It knows no threads: the store's own wait on `state`.
final class CommitLog: Sendable {
    /// A record on its way to its consume queue.
    struct Pending {
        let queue: ConsumeQueue
        let message: DispatchedMessage
        let isQueued: Bool
        let end: Int64
    }

    struct State {
        /// End of the log.
        var writeOffset: Int64 = 0
        /// Everything before is durable.
        var flushedOffset: Int64 = 0
        /// Store time of the newest record.
        var newestTimestampMillis: Int64 = 0
        var segment: LogSegment?
        /// Appended, not yet taken by the dispatcher; ascending.
        var pending: [Pending] = []
        /// The dispatcher sleeps until it is signalled.
        var dispatcherIsParked = false
        var flusherIsParked = false
        /// Why nothing is written any more.
        var refusal: StoreError?
        /// The disk is too full for new records.
        var diskIsFull = false
        var isClosed = false
    }

    let segments: LogSegments
    let state = Guarded(State())
    private let backlogMax: Int

    init(segments: LogSegments, backlogMax: Int) {
        self.segments = segments
        self.backlogMax = backlogMax
    }

    /// Starts at the end that recovery found.
    func start(at offset: Int64, newestTimestampMillis: Int64) {
        state.withLock { state in
            state.writeOffset = offset
            state.flushedOffset = offset
            state.newestTimestampMillis = newestTimestampMillis
            state.segment = segments.segment(at: offset)
        }
    }

    /// Appends records of one queue one after the other, all or none.
    func append(
        _ records: inout [EncodedRecord], topic: String, queue: ConsumeQueue, nowMillis: Int64
    ) throws(StoreError) -> AppendReceipt {
        var total = 0
        for record in records { total += record.size }
        guard total + RecordLayout.blankBytes <= segments.fileBytes else {
            throw StoreError(.messageTooLarge, "\(total) bytes do not fit in a commit log file")
        }
        let isParked: (Bool, Bool)
        let receipt: AppendReceipt
        (receipt, isParked) = try state.withLock { state throws(StoreError) -> (AppendReceipt, (Bool, Bool)) in
            try checkWritable(&state)
            if queue.isDetached { throw StoreError(.notWritable, "topic \(topic) was deleted meanwhile") }
            let segment = try room(for: total, &state)
            let receipt = try place(
                &records, topic: topic, queue: queue, in: segment, nowMillis: max(nowMillis, 0), &state)
            let isParked = (state.dispatcherIsParked, state.flusherIsParked)
            state.dispatcherIsParked = false
            state.flusherIsParked = false
            return (receipt, isParked)
        }
        if isParked.0 || isParked.1 { state.signal() }
        return receipt
    }

    private func checkWritable(_ state: inout State) throws(StoreError) {
        if let refusal = state.refusal { throw refusal }
        if state.isClosed { throw StoreError(.shutdown, "the store is closed") }
        if state.diskIsFull { throw StoreError(.diskFull, "the disk of the commit log is too full to write") }
        if state.pending.count >= backlogMax {
            throw StoreError(.busy, "\(state.pending.count) messages wait to be dispatched")
        }
    }

    /// The segment for so many bytes: the current one, or a new one after a blank.
    private func room(for bytes: Int, _ state: inout State) throws(StoreError) -> LogSegment {
        if let segment = state.segment, state.writeOffset < segment.end {
            let left = Int(segment.end - state.writeOffset)
            if bytes + RecordLayout.blankBytes <= left { return segment }
            // The next file first: when there is no room for it, nothing has changed.
            let next = try newSegment(at: segment.end)
            var blank = ByteBuffer()
            blank.writeMultipleIntegers(Int32(left), RecordLayout.magicBlank)
            if left >= RecordLayout.blankBytes { try copy(blank, to: segment, at: state.writeOffset, &state) }
            state.writeOffset = segment.end
            state.segment = next
            return next
        }
        let next: LogSegment
        if let existing = segments.segment(at: state.writeOffset) {
            next = existing
        } else {
            next = try newSegment(at: state.writeOffset)
        }
        state.segment = next
        return next
    }

    private func newSegment(at offset: Int64) throws(StoreError) -> LogSegment {
        do throws(FileSystemError) {
            return try segments.add(at: offset)
        } catch {
            throw StoreError(error)
        }
    }

    private func place(
        _ records: inout [EncodedRecord], topic: String, queue: ConsumeQueue, in segment: LogSegment, nowMillis: Int64,
        _ state: inout State
    ) throws(StoreError) -> AppendReceipt {
        var receipt = AppendReceipt(
            logOffset: state.writeOffset, queueOffset: queue.nextOffset, size: 0, count: Int32(records.count),
            storeTimestampMillis: nowMillis, logOffsets: [])
        var offset = state.writeOffset
        var queueOffset = queue.nextOffset
        let pendingBefore = state.pending.count
        for index in records.indices {
            let taken = records[index].takesQueueOffset
            records[index].place(
                queueOffset: taken ? queueOffset : 0, logOffset: offset, storeTimestampMillis: nowMillis)
            do throws(StoreError) {
                try copy(records[index].bytes, to: segment, at: offset, &state)
            } catch {
                state.pending.removeSubrange(pendingBefore...)
                throw error
            }
            let size = records[index].size
            state.pending.append(
                Pending(
                    queue: queue,
                    message: DispatchedMessage(
                        topic: topic, queueId: queue.queueId, queueOffset: taken ? queueOffset : 0, logOffset: offset,
                        size: Int32(size), tagsCode: records[index].tagsCode, storeTimestampMillis: nowMillis),
                    isQueued: taken, end: offset + Int64(size)))
            if records.count > 1 { receipt.logOffsets.append(offset) }
            if taken { queueOffset += 1 }
            offset += Int64(size)
        }
        receipt.size = Int32(offset - state.writeOffset)
        queue.nextOffset = queueOffset
        state.writeOffset = offset
        state.newestTimestampMillis = nowMillis
        return receipt
    }

    /// A store that fails may have left half a record: nothing may follow it.
    private func copy(
        _ bytes: ByteBuffer, to segment: LogSegment, at offset: Int64, _ state: inout State
    ) throws(StoreError) {
        let failure: FileSystemError? = bytes.withUnsafeReadableBytes { bytes in
            do throws(FileSystemError) {
                try segment.region.copyIn(bytes, at: Int(offset - segment.base))
                return nil
            } catch {
                return error
            }
        }
        guard let failure else { return }
        let refusal = StoreError(.fenced, "writing \(segment.path) failed (\(failure)): the broker takes no messages")
        state.refusal = refusal
        throw refusal
    }

    /// Ends writing for good; every later append gets this error.
    func fence(_ refusal: StoreError) {
        state.withLock { state in
            if state.refusal == nil { state.refusal = refusal }
        }
        state.signal()
    }
}
