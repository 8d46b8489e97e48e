/// The key index: finds messages by key and time. Derived from the log, in Apache's index files (`store.md` §6).
///
/// It follows the consume queues with a cursor of its own, on a thread of its own, and an index that lags (after a crash,
/// or when it was switched off) catches up by the same turns. So it delays neither appends nor deliveries nor the start:
/// a page of it that must come from a busy disk takes up to a second. A failure to write it stops it for a while and never
/// the store.
final class KeyIndex: Sendable {
    struct State {
        /// In the order of their names; only the last is written.
        var files: [IndexFile] = []
        /// Every record before this log offset is in the index.
        var cursor: Int64 = 0
        /// Up to this log offset records are in the consume queues.
        var target: Int64 = 0
        /// Why nothing is added at the moment.
        var failure: StoreError?
        /// When to try again.
        var retryAtMillis: Int64 = 0
        var lastCheckpointMillis: Int64 = 0
        /// What the last successful checkpoint said.
        var note: IndexNote?
        /// The thread waits for a signal.
        var isParked = false
        /// No more records come.
        var isClosed = false

        func hasWork(nowMillis: Int64) -> Bool {
            cursor < target && (failure == nil || nowMillis >= retryAtMillis)
        }
    }

    let state = Guarded(State())
    let layout: IndexLayout
    let files: any FileSystem
    let directory: String
    let segments: LogSegments
    let clock: any StoreClock
    private let notices: StoreNotices
    // The keys of the record at the cursor; held by the one who takes turns.
    private let keys = Guarded(RecordKeys())

    /// Records in one turn: about a millisecond.
    private static let recordsPerTurn = 1_024
    /// When all is indexed the thread naps this long before it parks, so that a stream of messages need not wake it one by
    /// one.
    private static let napNanos = 2_000_000
    /// Turns at the end: less than a second. What would take longer is left to the next start.
    private static let lastTurnsMax = 500
    /// Keys that are written at a time.
    private static let keysPerWrite = 64
    private static let retryMillis: Int64 = 10_000
    /// Time between two fsyncs; a crash costs reading what was written since.
    private static let checkpointMillis: Int64 = 30_000

    /// The index of a store; nil when it is switched off.
    init?(
        files: any FileSystem, configuration: StoreConfiguration, segments: LogSegments, clock: any StoreClock,
        notices: StoreNotices
    ) {
        guard configuration.isIndexEnabled else { return nil }
        self.files = files
        directory = configuration.indexDirectory
        layout = IndexLayout(slotCount: configuration.indexSlotCount, entryCount: configuration.indexEntryCount)
        self.segments = segments
        self.clock = clock
        self.notices = notices
    }

    /// Appended bytes that are not in the index yet.
    var behindBytes: Int64 { state.withLock { max(0, $0.target - $0.cursor) } }

    /// Why the index does not grow; nil when all is well.
    var failure: StoreError? { state.withLock { $0.failure } }

    /// Tells how far the consume queues are.
    func advanceTarget(to offset: Int64) {
        let wakes = state.withLock { state in
            state.target = max(state.target, offset)
            // One that has failed looks again when it is time to.
            defer { state.isParked = false }
            return state.isParked && state.failure == nil
        }
        if wakes { state.signal() }
    }

    // MARK: Turns (index thread)

    /// Follows the consume queues until `close`, then indexes what is left.
    func run() {
        while waitForWork() {
            while !state.withLock({ $0.isClosed }), turn() {}
            WorkerThread.nap(nanos: Self.napNanos)
        }
        var turns = 0
        while turns < Self.lastTurnsMax, turn() { turns += 1 }
    }

    /// Ends `run`: no more records come.
    func close() {
        state.withLock { $0.isClosed = true }
        state.signal()
    }

    /// True when there may be something to do, false at the end.
    private func waitForWork() -> Bool {
        state.wait(timeoutMillis: Self.retryMillis) { state -> Bool? in
            if state.isClosed { return false }
            if state.hasWork(nowMillis: clock.nowMillis) { return true }
            state.isParked = true
            return nil
        } ?? true
    }

    /// Indexes some of what is missing; false when there is nothing to do.
    @discardableResult
    func turn() -> Bool {
        guard state.withLock({ $0.hasWork(nowMillis: clock.nowMillis) }) else { return false }
        do throws(StoreError) {
            try keys.withLock { keys throws(StoreError) in try indexSome(&keys) }
            state.withLock { $0.failure = nil }
        } catch {
            stop(error)
        }
        return true
    }

    /// Leaves the index alone for a while.
    private func stop(_ error: StoreError) {
        let retryAt = clock.nowMillis + Self.retryMillis
        let isNew = state.withLock { state in
            defer {
                state.failure = error
                state.retryAtMillis = retryAt
            }
            return state.failure == nil
        }
        if isNew { notices.post(.indexFailing(error)) }
    }

    private func indexSome(_ keys: inout RecordKeys) throws(StoreError) {
        var (cursor, target) = state.withLock { ($0.cursor, $0.target) }
        var found: [IndexedKey] = []
        found.reserveCapacity(Self.keysPerWrite + 1)
        var recordsLeft = Self.recordsPerTurn
        while cursor < target, recordsLeft > 0 {
            found.removeAll(keepingCapacity: true)
            while cursor < target, recordsLeft > 0, found.count < Self.keysPerWrite {
                cursor = try read(at: cursor, target: target, &keys, into: &found)
                recordsLeft -= 1
            }
            try put(found[...])
            state.withLock { [cursor] in $0.cursor = cursor }
        }
    }

    /// Adds the keys of the record at a log offset to `found`; returns where the next record is.
    private func read(
        at cursor: Int64, target: Int64, _ keys: inout RecordKeys, into found: inout [IndexedKey]
    ) throws(StoreError) -> Int64 {
        guard let segment = segments.segment(at: cursor) else {
            // Deleted meanwhile.
            let oldest = segments.minOffset
            return cursor < oldest && oldest < target ? oldest : target
        }
        let reading = try StoreError.wrap { () throws(FileSystemError) in try keys.read(segment, at: cursor) }
        switch reading {
        case .record(let size, let storeTimestampMillis):
            for hash in keys.hashes {
                found.append(
                    IndexedKey(hash: hash, logOffset: cursor, storeTimestampMillis: storeTimestampMillis))
            }
            return cursor + Int64(size)
        case .blank: return segment.end
        case .invalid(let size): return try afterDamage(at: cursor, size: size, in: segment, target: target)
        }
    }

    /// Recovery has reported it: goes on behind the damaged record when the next one is readable, else with the next
    /// file.
    private func afterDamage(
        at offset: Int64, size: Int?, in segment: LogSegment, target: Int64
    ) throws(StoreError) -> Int64 {
        if let size {
            var next = RecordKeys()
            let reading = try StoreError.wrap { () throws(FileSystemError) in
                try next.read(segment, at: offset + Int64(size))
            }
            if case .record = reading { return offset + Int64(size) }
        }
        return min(segment.end, target)
    }

    private func put(_ keys: ArraySlice<IndexedKey>) throws(StoreError) {
        if keys.isEmpty { return }
        var file = state.withLock { $0.files.last }
        var rest = keys
        while true {
            if let file {
                let count = try StoreError.wrap { () throws(FileSystemError) in try file.put(rest) }
                rest = rest.dropFirst(count)
            }
            if rest.isEmpty { return }
            file = try roll(after: file)
        }
    }

    private func roll(after last: IndexFile?) throws(StoreError) -> IndexFile {
        let name = IndexFileName.name(nowMillis: clock.nowMillis, after: last?.name)
        let file = try StoreError.wrap { () throws(FileSystemError) in
            try files.makeDirectories(directory)
            do throws(FileSystemError) {
                return try IndexFile(
                    files: files, directory: directory, name: name, layout: layout, after: last?.header)
            } catch {
                // A half made file would be refused at the next start.
                try? files.remove(directory + "/" + name)
                throw error
            }
        }
        state.withLock { $0.files.append(file) }
        return file
    }

    // MARK: Checkpoint and retention (housekeeping thread)

    /// Makes the index durable when it is time to, or `always`, and says up to where it is. Nil when the last word
    /// stands.
    func checkpoint(always: Bool) -> IndexNote? {
        let now = clock.nowMillis
        let (all, cursor, last, before) = state.withLock { state in
            (state.files, state.cursor, state.lastCheckpointMillis, state.note)
        }
        guard always || now - last >= Self.checkpointMillis else { return before }
        state.withLock { $0.lastCheckpointMillis = now }
        if before?.logOffset == cursor { return before }
        var note = IndexNote(logOffset: cursor)
        do throws(FileSystemError) {
            for file in all {
                guard let header = try file.synchronize() else { return before }
                note.fileName = Int64(file.name) ?? 0
                note.nextEntry = header.nextEntry
                note.endTimestampMillis = header.endTimestampMillis
            }
            if !all.isEmpty { try files.synchronizeDirectory(directory) }
        } catch {
            // Entries are made again from the log at the next start.
            stop(StoreError(error))
            return before
        }
        let saved = note
        state.withLock { $0.note = saved }
        return saved
    }

    /// Removes files of which no message is left in the log; the newest stays.
    func removeFiles(before logOffset: Int64) throws(StoreError) {
        let stale = state.withLock { state in
            let keep = state.files.dropLast().firstIndex { $0.header.endLogOffset >= logOffset }
            let count = keep ?? max(0, state.files.count - 1)
            defer { state.files.removeFirst(count) }
            return Array(state.files[..<count])
        }
        for file in stale {
            try StoreError.wrap { () throws(FileSystemError) in try files.remove(file.path) }
        }
    }

    /// Lets go of mappings that are used for look-ups only.
    func unmapIdle() {
        for file in state.withLock({ $0.files }).dropLast() { file.unmap() }
    }
}
