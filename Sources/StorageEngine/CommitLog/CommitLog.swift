import NIOCore

/// The log: where the next record goes, what waits to be flushed and dispatched.
///
/// One lock orders appends; under it a record gets its log offset, its queue offset and its place in the dispatch
/// order, and is copied into the file. It knows no threads: the store's own wait on `state`, each on its condition.
final class CommitLog: Sendable {
    /// The conditions of `state`, one for each kind of waiter.
    enum Condition {
        static let dispatcher = 0
        static let flusher = 1
        static let preparer = 2
        /// Appends that have come to what the preparer writes.
        static let appender = 3
        /// Who sends the log to replicas.
        static let replication = 4
        static let count = 5
    }

    /// A record on its way to its consume queue.
    struct Pending {
        let queue: ConsumeQueue
        /// Nil when it takes no place in the queue.
        let queueOffset: Int64?
        let logOffset: Int64
        let size: Int32
        let tagsCode: Int64
        let storeTimestampMillis: Int64

        var end: Int64 { logOffset + Int64(size) }
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
        var preparerIsParked = false
        /// Pages before are faulted in for writing, or are behind the writer.
        var preparedOffset: Int64 = 0
        /// How far ahead of the writer they shall be: the preparer is woken when a step is missing.
        var windowBytes = LogPreparer.windowBytes
        /// End of what there is to prepare: of the next file, once that is made.
        var preparableEnd: Int64 = 0
        /// The preparer writes zeros here at the moment: no record may be put there.
        var claimed: Range<Int64>?
        /// Why nothing is written any more.
        var refusal: StoreError?
        var refusalIsTold = false
        /// The disk is too full for new records: the sentence that says so.
        var diskRefusal: StoreError?
        /// The disk has no room for the queues of what is in the log already.
        var dispatchRefusal: StoreError?
        /// The disk is nearly full: producers are slowed down.
        var isSlow = false
        /// Behind it the blocks of the current file are not reserved; nil when all are.
        var unreservedOffset: Int64?
        /// When the next file could not be made, and why.
        var nextFileFailure: (error: StoreError, millis: Int64)?
        var isClosed = false
        var replicationIsParked = false
        /// Who sends the log to replicas has something to look at, though it did not grow.
        var replicationIsAsked = false
        /// Everything before is on as many replicas as it must be; nil when none has to have it.
        var replicatedOffset: Int64?

        /// End of what may be sent to replicas: what a power failure cannot take back, where that is promised.
        func sendableEnd(isSynchronous: Bool) -> Int64 { isSynchronous ? flushedOffset : writeOffset }

        /// End of what may be read.
        func readableEnd(isSynchronous: Bool) -> Int64 {
            let end = sendableEnd(isSynchronous: isSynchronous)
            return min(end, replicatedOffset ?? end)
        }

        /// Whether the dispatcher sleeps and must be signalled, as there may be something to dispatch.
        mutating func takeDispatcherWake() -> Bool {
            defer { dispatcherIsParked = false }
            return dispatcherIsParked
        }

        /// The same of who sends the log to replicas.
        mutating func takeReplicationWake() -> Bool {
            defer { replicationIsParked = false }
            return replicationIsParked
        }

        /// The writer has come a step nearer to the end of what is prepared, and there is more to prepare.
        var needsPreparer: Bool {
            guard let segment else { return false }
            return preparedOffset < max(segment.end, preparableEnd)
                && preparedOffset - writeOffset <= windowBytes - LogPreparer.stepBytes
        }

        /// Whether so many bytes might, in this file or in the next, come to what is claimed: that lies ahead of the writer.
        func reachesClaim(_ bytes: Int) -> Bool {
            guard let claimed else { return false }
            let needed = Int64(bytes + RecordLayout.blankBytes)
            var end = writeOffset + needed
            if let segment, end > segment.end { end = segment.end + needed }
            return end > claimed.lowerBound
        }
    }

    let segments: LogSegments
    let state = Guarded(State(), conditionCount: Condition.count)
    private let backlogMax: Int
    let isSynchronous: Bool
    private let notices: StoreNotices
    /// A file that could not be made is tried again by appends after this time.
    private static let nextFileRetryMillis: Int64 = 1_000

    init(segments: LogSegments, backlogMax: Int, isSynchronous: Bool, notices: StoreNotices) {
        self.segments = segments
        self.backlogMax = backlogMax
        self.isSynchronous = isSynchronous
        self.notices = notices
    }

    /// Records become readable before they are on the disk; else the flusher wakes the dispatcher.
    private var dispatchesAtOnce: Bool { !isSynchronous }

    /// Whether producers are slowed down, as the disk is nearly full.
    var isSlow: Bool { state.withLock { $0.isSlow } }

    /// Starts at the end that recovery found.
    func start(at offset: Int64, newestTimestampMillis: Int64, unreservedOffset: Int64?) {
        state.withLock { state in
            state.unreservedOffset = unreservedOffset
            state.writeOffset = offset
            state.flushedOffset = offset
            state.preparedOffset = offset
            state.newestTimestampMillis = newestTimestampMillis
            state.segment = segments.segment(at: offset)
        }
    }

    /// Appends records of one queue one after the other, all or none.
    ///
    /// `light` is the light queue that a single record goes to besides.
    func append(
        _ records: inout some MutableCollection<EncodedRecord>, topic: String, queue: ConsumeQueue,
        light: ConsumeQueue? = nil, nowMillis: Int64
    ) throws(StoreError) -> AppendReceipt {
        var total = 0
        for record in records { total += record.sizeMax }
        guard total + RecordLayout.blankBytes <= segments.fileBytes else {
            throw StoreError(.messageTooLarge, "\(total) bytes do not fit in a commit log file")
        }
        while true {
            if let receipt = try attempt(
                &records, total: total, topic: topic, queue: queue, light: light, nowMillis: nowMillis)
            {
                return receipt
            }
            _ = state.wait(on: Condition.appender) { $0.reachesClaim(total) ? nil : () }
        }
    }

    /// Nil when it would have to wait for the preparer.
    private func attempt(
        _ records: inout some MutableCollection<EncodedRecord>, total: Int, topic: String, queue: ConsumeQueue,
        light: ConsumeQueue?, nowMillis: Int64
    ) throws(StoreError) -> AppendReceipt? {
        var wakes = Wakes()
        let receipt: AppendReceipt?
        do throws(StoreError) {
            receipt = try state.withLock { state throws(StoreError) in
                try checkWritable(&state)
                if state.reachesClaim(total) { return nil }
                if queue.isDetached { throw StoreError(.notWritable, "topic \(topic) was deleted meanwhile") }
                if light?.isDetached == true {
                    throw StoreError(.notWritable, "the lite topic of \(topic) was deleted meanwhile")
                }
                let segment = try room(for: total, nowMillis: nowMillis, &state)
                let receipt = try place(
                    &records, queue: queue, light: light, in: segment, nowMillis: max(nowMillis, 0), &state)
                wakes = wakesDue(&state)
                return receipt
            }
        } catch {
            if error.code == .fenced { tellRefusal() }
            throw error
        }
        wake(wakes)
        return receipt
    }

    /// Who has to be woken after an append.
    struct Wakes {
        var dispatcher = false
        var preparer = false
        var replication = false
    }

    func wakesDue(_ state: inout State) -> Wakes {
        var wakes = Wakes()
        if state.dispatcherIsParked, dispatchesAtOnce {
            state.dispatcherIsParked = false
            wakes.dispatcher = true
        }
        if state.preparerIsParked, state.needsPreparer {
            state.preparerIsParked = false
            wakes.preparer = true
        }
        if state.replicationIsParked, dispatchesAtOnce { wakes.replication = state.takeReplicationWake() }
        return wakes
    }

    func wake(_ wakes: Wakes) {
        if wakes.dispatcher { state.signal(Condition.dispatcher) }
        if wakes.preparer { state.signal(Condition.preparer) }
        if wakes.replication { state.signal(Condition.replication) }
    }

    func checkWritable(_ state: inout State) throws(StoreError) {
        if let refusal = state.refusal { throw refusal }
        if state.isClosed { throw StoreError(.shutdown, "the store is closed") }
        if let refusal = state.diskRefusal ?? state.dispatchRefusal { throw refusal }
        if state.pending.count >= backlogMax {
            throw StoreError(.busy, "\(state.pending.count) messages wait to be dispatched")
        }
    }

    /// The segment for so many bytes: the current one, or a new one after a blank.
    private func room(for bytes: Int, nowMillis: Int64, _ state: inout State) throws(StoreError) -> LogSegment {
        if let segment = state.segment, state.writeOffset < segment.end {
            let left = Int(segment.end - state.writeOffset)
            if bytes + RecordLayout.blankBytes <= left {
                try checkReserved(segment, to: state.writeOffset + Int64(bytes + RecordLayout.blankBytes), state)
                return segment
            }
            // The next file first: when there is no room for it, nothing has changed.
            let next = try newSegment(at: segment.end, nowMillis: nowMillis, &state)
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
            next = try newSegment(at: state.writeOffset, nowMillis: nowMillis, &state)
        }
        state.segment = next
        return next
    }

    /// A start on a full disk may have left the rest of the file without blocks: a store there would end the process.
    func checkReserved(_ segment: LogSegment, to end: Int64, _ state: State) throws(StoreError) {
        guard let limit = state.unreservedOffset, end > limit else { return }
        throw StoreError(.diskFull, "the disk has no room for the rest of \(segment.path): free some")
    }

    /// Made by the preparer before, as a rule. After a failure not each append tries again.
    func newSegment(at offset: Int64, nowMillis: Int64, _ state: inout State) throws(StoreError) -> LogSegment {
        if let failure = state.nextFileFailure, !segments.isPrepared(at: offset),
            (0..<Self.nextFileRetryMillis).contains(nowMillis - failure.millis)
        {
            throw failure.error
        }
        do throws(FileSystemError) {
            let segment = try segments.add(at: offset)
            state.nextFileFailure = nil
            state.unreservedOffset = nil
            return segment
        } catch {
            var failure = StoreError(error)
            if failure.code == .diskFull {
                failure.message = "the disk has no room for the next file of the commit log (\(error)): free some"
            }
            state.nextFileFailure = (failure, nowMillis)
            throw failure
        }
    }

    private func place(
        _ records: inout some MutableCollection<EncodedRecord>, queue: ConsumeQueue, light: ConsumeQueue?,
        in segment: LogSegment, nowMillis: Int64, _ state: inout State
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
            if let light { records[index].placeInLightQueue(at: light.nextOffset) }
            do throws(StoreError) {
                try copy(records[index].bytes, to: segment, at: offset, &state)
            } catch {
                state.pending.removeSubrange(pendingBefore...)
                throw error
            }
            let slot = (offset: offset, size: Int32(records[index].size), tagsCode: records[index].tagsCode)
            addPending(slot, for: queue, at: taken ? queueOffset : nil, nowMillis: nowMillis, &state)
            if let light {
                addPending(slot, for: light, at: light.nextOffset, nowMillis: nowMillis, &state)
                light.nextOffset += 1
            }
            if records.count > 1 { receipt.logOffsets.append(offset) }
            if taken { queueOffset += 1 }
            offset += Int64(slot.size)
        }
        receipt.size = Int32(offset - state.writeOffset)
        queue.nextOffset = queueOffset
        state.writeOffset = offset
        state.newestTimestampMillis = nowMillis
        return receipt
    }

    /// Has a record dispatched; `queueOffset` is nil when it takes no place in the queue.
    private func addPending(
        _ record: (offset: Int64, size: Int32, tagsCode: Int64), for queue: ConsumeQueue, at queueOffset: Int64?,
        nowMillis: Int64, _ state: inout State
    ) {
        state.pending.append(
            Pending(
                queue: queue, queueOffset: queueOffset, logOffset: record.offset, size: record.size,
                tagsCode: record.tagsCode, storeTimestampMillis: nowMillis))
    }

    /// A store that fails may have left half a record: nothing may follow it.
    func copy(
        _ bytes: ByteBuffer, to segment: LogSegment, at offset: Int64, _ state: inout State
    ) throws(StoreError) {
        let failure: FileSystemError? = bytes.withUnsafeReadableBytes { bytes in
            do throws(FileSystemError) {
                try segment.copyIn(bytes, at: Int(offset - segment.base))
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

    /// Lets the preparer write zeros to a stretch, until `releaseClaim`; false when the writer is nearer than `margin`.
    func claim(_ stretch: Range<Int64>, margin: Int64) -> Bool {
        state.withLock { state in
            guard state.claimed == nil, state.writeOffset + margin <= stretch.lowerBound else { return false }
            state.claimed = stretch
            return true
        }
    }

    /// Ends what `claim` began.
    func releaseClaim() {
        state.withLock { $0.claimed = nil }
        state.signal(Condition.appender)
    }

    /// Ends writing for good; every later append gets this error.
    func fence(_ refusal: StoreError) {
        state.withLock { state in
            if state.refusal == nil { state.refusal = refusal }
        }
        state.signalAll()
        tellRefusal()
    }

    /// Tells the operator, once.
    private func tellRefusal() {
        let refusal = state.withLock { state -> StoreError? in
            guard let refusal = state.refusal, !state.refusalIsTold else { return nil }
            state.refusalIsTold = true
            return refusal
        }
        if let refusal { notices.post(.fenced(refusal)) }
    }
}
