import NIOConcurrencyHelpers

/// The units of one queue of a topic, in files of a fixed size.
///
/// New units stay in memory until there are many, until the queue's turn comes (each second some thousands have one), or
/// until all queues have too many of them: with 80,000 queues hardly a message meets a queue whose file is open. A killed
/// process loses them, and recovery reads them from the log again: a checkpoint says from where. Readers find them in
/// memory; files are mapped for readers of older units and let go when idle.
///
/// Written by one thread only (dispatch, or recovery before it), written out by that and by housekeeping; read by any.
// `nextOffset` and `isDetached` belong to the commit log's append lock; everything else is immutable or in `state`.
final class ConsumeQueue: @unchecked Sendable {
    /// What each added unit changes comes first: with many queues, each line of it comes from memory.
    struct State {
        var tail = QueueTail()
        var minOffset: Int64 = 0
        var maxOffset: Int64 = 0
        var lastUseMillis: Int64 = 0
        var isRemoved = false
        /// The next checkpoint looks at it.
        var isChanged = false
        /// Its turn to write units out will come.
        var isBuffered = false
        /// Read or written since it was last asked to let go.
        var isUsed = false
        /// A file was created: its name is not on disk yet.
        var hasNewFiles = false
        /// A file was not found where it was made: the next start builds the queue again.
        var isLost = false
        /// Log offsets of the last and the first message; nil when not known.
        var newestLogOffset: Int64?
        var oldestLogOffset: Int64?
        /// Numbers (start byte / file size) of the files there are.
        var numbers: ClosedRange<Int64>?
        var regions: [Int64: any MappedRegion] = [:]
        /// The mapping whose pages come with those around them: somebody reads through it far from its end.
        var streamed: Int64?
        /// Units that the system said are in memory.
        var resident = ResidentUnits()
        /// Files with bytes that are not flushed lie in it.
        var dirty: ClosedRange<Int64>?

        func hasFile(_ number: Int64) -> Bool { numbers?.contains(number) ?? false }
    }

    let topic: String
    let queueId: Int32
    /// The queue offset of the next appended message. Under the commit log's append lock.
    var nextOffset: Int64 = 0
    /// The topic was deleted: it takes no more messages. Under the commit log's append lock.
    var isDetached = false

    let sharing: QueueSharing
    let state: NIOLockedValueBox<State>
    private let root: String
    /// Units that one queue keeps in memory.
    private static let tailUnitsMax = 256
    /// Queues that are written out for one added unit when there are too many in memory: more than come anew.
    private static let writesMax = 4

    /// A queue whose files lie below `root`, by topic and number; `bounds` says what is in them when that is known.
    init(topic: String, queueId: Int32, root: String, sharing: QueueSharing, bounds: QueueBounds? = nil) {
        self.topic = topic
        self.queueId = queueId
        self.root = root
        self.sharing = sharing
        var state = State()
        if let bounds {
            state.minOffset = bounds.offsets.lowerBound
            state.maxOffset = bounds.offsets.upperBound
            state.oldestLogOffset = bounds.oldestLogOffset
            state.newestLogOffset = bounds.newestLogOffset
            state.numbers = bounds.numbers
            nextOffset = state.maxOffset
        }
        self.state = NIOLockedValueBox(state)
    }

    var files: any FileSystem { sharing.files }
    var fileBytes: Int { sharing.fileBytes }
    var directory: String { "\(root)/\(topic)/\(queueId)" }
    var unitsPerFile: Int64 { Int64(fileBytes / QueueUnit.size) }

    /// Offsets that can be read: the first, and the one after the last.
    var bounds: (min: Int64, max: Int64) { state.withLockedValue { ($0.minOffset, $0.maxOffset) } }

    // MARK: Opening

    /// Finds the units that are there. `logStart` is where the log begins; nil keeps the newest files whatever is missing.
    ///
    /// A loss of power may leave files with a gap between them. Those behind it do not count, and are returned: the queue
    /// has to be built again from the log, after they are removed. Unless what lies before the gap is left from retention:
    /// that cannot be read any more.
    func load(logStart: Int64?) throws(StoreError) -> [String] {
        let numbers = try fileNumbers()
        var index = 0
        while index < numbers.count {
            var next = index + 1
            while next < numbers.count, numbers[next] == numbers[next - 1] + 1 { next += 1 }
            try open(numbers[index]...numbers[next - 1])
            if next < numbers.count, let logStart, try newestLogOffset() >= logStart {
                return numbers[next...].map(path)
            }
            index = next
        }
        return []
    }

    private func open(_ found: ClosedRange<Int64>) throws(StoreError) {
        state.withLockedValue { state in
            state.numbers = found
            state.minOffset = found.lowerBound * unitsPerFile
        }
        let end = try writtenEnd(of: found)
        state.withLockedValue { $0.maxOffset = end }
        nextOffset = end
    }

    /// Numbers of the files in the directory, ascending.
    private func fileNumbers() throws(StoreError) -> [Int64] {
        let entries: [DirectoryEntry]
        do throws(FileSystemError) {
            entries = try files.list(directory)
        } catch {
            if error.kind == .notFound { return [] }
            throw StoreError(error)
        }
        var found: [Int64] = []
        for entry in entries where !entry.isDirectory {
            guard let start = SegmentName.offset(of: entry.name) else { continue }
            let path = directory + "/" + entry.name
            if entry.size != fileBytes {
                if entry.size == 0 {
                    try StoreError.wrap { () throws(FileSystemError) in try files.remove(path) }
                    continue
                }
                throw StoreError(
                    .refused,
                    "\(path) has \(entry.size) bytes where mappedFileSizeConsumeQueue=\(fileBytes) is configured: set "
                        + "the size the store was written with, or remove the consumequeue directory to rebuild it")
            }
            found.append(start / Int64(fileBytes))
        }
        return found.sorted()
    }

    /// The offset after the last written unit: units are dense, so that halving finds it.
    private func writtenEnd(of numbers: ClosedRange<Int64>) throws(StoreError) -> Int64 {
        var low = numbers.lowerBound * unitsPerFile
        var high = (numbers.upperBound + 1) * unitsPerFile
        while low < high {
            let middle = (low + high) / 2
            if try read(at: middle)?.isWritten == true { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: Reading

    /// The unit at an offset, whatever the bounds are; nil when there is no file for it.
    func read(at offset: Int64) throws(StoreError) -> QueueUnit? {
        var unit: QueueUnit?
        try read(from: offset, count: 1) { unit = $0[$0.startIndex] }
        return unit
    }

    /// Hands out up to `count` units that lie in one file, or in memory. Does nothing when the file is missing.
    func read(from offset: Int64, count: Int, _ body: (ArraySlice<QueueUnit>) -> Void) throws(StoreError) {
        guard count > 0 else { return }
        let (kept, fileEnd) = state.withLockedValue { state in
            state.isUsed = true
            return (state.tail.slice(from: offset, count: count), state.tail.isEmpty ? Int64.max : state.tail.start)
        }
        if let kept {
            if !kept.isEmpty { body(kept) }
            return
        }
        guard let region = try region(number: offset / unitsPerFile) else { return }
        if count > 1 { noteReading(region, at: offset) }
        let index = Int(offset % unitsPerFile)
        let taken = Int(min(Int64(count), unitsPerFile - Int64(index), fileEnd - offset))
        var units: [QueueUnit] = []
        units.reserveCapacity(taken)
        let failure: FileSystemError? = withUnsafeTemporaryAllocation(
            byteCount: taken * QueueUnit.size, alignment: 8
        ) { buffer in
            do throws(FileSystemError) {
                try region.copyOut(into: buffer, at: index * QueueUnit.size)
            } catch {
                return error
            }
            guard let base = buffer.baseAddress else { return nil }
            for number in 0..<taken { units.append(QueueUnit(UnsafeRawPointer(base + number * QueueUnit.size))) }
            return nil
        }
        if let failure { throw StoreError(failure) }
        body(units[...])
    }

    /// Whether units can be read without waiting for the disk, as far as they lie in one file.
    func isResident(from offset: Int64, count: Int, nowMillis: Int64) -> Bool {
        let number = offset / unitsPerFile
        let wanted = offset..<min(offset + Int64(count), (number + 1) * unitsPerFile)
        let known: (region: (any MappedRegion)?, isInMemory: Bool, end: Int64) = state.withLockedValue { state in
            let end = state.maxOffset
            if state.tail.slice(from: offset, count: 1) != nil || !state.hasFile(number) { return (nil, true, end) }
            let region = state.regions[number]
            // What was written last, by a queue in use: no need to ask the system.
            let isFresh = end - offset <= Self.freshUnits
            return (region, region != nil && (isFresh || state.resident.covers(wanted, nowMillis)), end)
        }
        if known.isInMemory { return true }
        // Opening its file may read the disk too.
        guard let region = known.region else { return false }
        // Who reads on asks about the next ones soon.
        let ahead =
            offset..<max(wanted.upperBound, min(offset + Self.aheadUnits, (number + 1) * unitsPerFile, known.end))
        guard ahead.count > wanted.count, isResident(ahead, in: region) else { return isResident(wanted, in: region) }
        state.withLockedValue { $0.resident = ResidentUnits(units: ahead, millis: nowMillis) }
        return true
    }

    private func isResident(_ units: Range<Int64>, in region: any MappedRegion) -> Bool {
        region.isResident(
            from: Int(units.lowerBound % unitsPerFile) * QueueUnit.size, count: units.count * QueueUnit.size)
    }

    /// Four pages of units.
    private static let aheadUnits: Int64 = 800
    /// About a page of units.
    private static let freshUnits: Int64 = 200

    /// Has a reader far behind the end fetch many pages at once.
    private func noteReading(_ region: any MappedRegion, at offset: Int64) {
        let isNew = state.withLockedValue { state in
            let number = offset / unitsPerFile
            guard state.maxOffset - offset >= Self.streamedUnits, state.streamed != number else { return false }
            state.streamed = number
            return true
        }
        if isNew { region.setReadAhead(true) }
    }

    /// Units behind the end from which on a reader is one that catches up: 80 KB of them.
    private static let streamedUnits: Int64 = 4_096

    /// Log offset of the newest message; -1 when there is none.
    func newestLogOffset() throws(StoreError) -> Int64 {
        let (low, high, known) = state.withLockedValue { ($0.minOffset, $0.maxOffset, $0.newestLogOffset) }
        if let known { return known }
        var offset = high
        while offset > low, let unit = try read(at: offset - 1) {
            if unit.isMessage { return unit.logOffset }
            // Damage of the log leaves units behind that are no messages.
            offset -= 1
        }
        return -1
    }

    // MARK: Adding (one thread)

    private enum Taking {
        case kept
        /// Kept, and now there are many.
        case full
        case elsewhere
    }

    /// Adds the unit of an offset and makes everything up to it readable. A gap before it is filled with units that are
    /// no messages.
    func add(_ unit: QueueUnit, at offset: Int64, nowMillis: Int64) throws(StoreError) {
        let taking = state.withLockedValue { state -> Taking in
            if state.isRemoved { return .kept }
            let before = state.tail.units.count
            guard state.tail.take(unit, at: offset, end: state.maxOffset) else { return .elsewhere }
            let count = state.tail.units.count
            if count > before { sharing.noteKept(1) }
            publish(unit, at: offset, nowMillis: nowMillis, &state)
            if !state.isBuffered {
                state.isBuffered = true
                sharing.noteBuffered(self, since: unit.logOffset)
            }
            return count < Self.tailUnitsMax ? .kept : .full
        }
        switch taking {
        case .kept: break
        case .full: try writeOut()
        case .elsewhere:
            try writeOut()
            try place(unit, at: offset)
            state.withLockedValue { publish(unit, at: offset, nowMillis: nowMillis, &$0) }
        }
        for _ in 0..<Self.writesMax {
            guard sharing.keepsTooMany, try sharing.writeOldest() else { return }
        }
    }

    private func publish(_ unit: QueueUnit, at offset: Int64, nowMillis: Int64, _ state: inout State) {
        if state.maxOffset == 0, state.minOffset == 0, offset > 0, let numbers = state.numbers {
            // First units of a queue whose history is gone.
            state.minOffset = numbers.lowerBound * unitsPerFile
        }
        if offset >= state.maxOffset {
            state.maxOffset = offset + 1
            if unit.isMessage { state.newestLogOffset = unit.logOffset }
        }
        if offset == state.minOffset, unit.isMessage { state.oldestLogOffset = unit.logOffset }
        state.lastUseMillis = nowMillis
        noteChange(&state)
    }

    /// Under the lock: after the change, so that a checkpoint that looks before it is followed by one that does not.
    func noteChange(_ state: inout State) {
        if state.isChanged { return }
        state.isChanged = true
        sharing.noteChanged(self)
    }

    /// Has the next checkpoint look at it.
    func noteChange() { state.withLockedValue { noteChange(&$0) } }

    /// Its units have been in memory the longest. Under `sharing.creating`.
    func takeTurn() throws(StoreError) {
        // Before they are written: a unit that comes meanwhile asks for another turn.
        state.withLockedValue { $0.isBuffered = false }
        try writeOutAlone()
    }
}

/// Units of a queue that were in memory a moment ago.
struct ResidentUnits {
    var units: Range<Int64> = 0..<0
    var millis: Int64 = 0

    /// Whether that holds for units still.
    func covers(_ wanted: Range<Int64>, _ nowMillis: Int64) -> Bool {
        wanted.lowerBound >= units.lowerBound && wanted.upperBound <= units.upperBound
            && (0..<ResidentStretches.validMillis).contains(nowMillis - millis)
    }
}

extension StoreError {
    /// Runs file operations with their errors as the store's.
    static func wrap<Result>(_ body: () throws(FileSystemError) -> Result) throws(StoreError) -> Result {
        do throws(FileSystemError) {
            return try body()
        } catch {
            throw StoreError(error)
        }
    }
}
