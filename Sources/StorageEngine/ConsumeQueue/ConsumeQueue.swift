import NIOConcurrencyHelpers

/// The units of one queue of a topic, in files of a fixed size that are mapped when used and let go when idle.
///
/// Written by one thread only (dispatch, or recovery before it); read by any.
// `nextOffset` belongs to the commit log's append lock; everything else mutable to `lock`.
final class ConsumeQueue: @unchecked Sendable {
    let topic: String
    let queueId: Int32
    /// The queue offset of the next appended message. Under the commit log's append lock.
    var nextOffset: Int64 = 0
    /// The topic was deleted: it takes no more messages. Under the commit log's append lock.
    var isDetached = false

    private let sharing: QueueSharing
    private let root: String
    private let lock = NIOLock()
    private var minOffset: Int64 = 0
    private var maxOffset: Int64 = 0
    /// Numbers (start byte / file size) of the files there are.
    private var numbers: ClosedRange<Int64>?
    private var regions: [Int64: any MappedRegion] = [:]
    /// The mapping whose pages come with those around them: somebody reads through it far from its end.
    private var streamed: Int64?
    private var dirty: Set<Int64> = []
    private var lastUseMillis: Int64 = 0
    /// Read or written since it was last asked to let go.
    private var isUsed = false
    private var isRemoved = false
    /// A file was created: its name is not on disk yet.
    private var hasNewFiles = false

    /// A queue whose files lie below `root`, by topic and number.
    init(topic: String, queueId: Int32, root: String, sharing: QueueSharing) {
        self.topic = topic
        self.queueId = queueId
        self.root = root
        self.sharing = sharing
    }

    private var files: any FileSystem { sharing.files }
    private var fileBytes: Int { sharing.fileBytes }
    private var directory: String { "\(root)/\(topic)/\(queueId)" }

    /// Offsets that can be read: the first, and the one after the last.
    var bounds: (min: Int64, max: Int64) { lock.withLock { (minOffset, maxOffset) } }

    private var unitsPerFile: Int64 { Int64(fileBytes / QueueUnit.size) }

    // MARK: Opening

    /// Finds the units that are there.
    func load() throws(StoreError) {
        let entries: [DirectoryEntry]
        do throws(FileSystemError) {
            entries = try files.list(directory)
        } catch {
            if error.kind == .notFound { return }
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
        found.sort()
        guard let last = found.last else { return }
        // A gap cuts off what lies before it.
        var first = last
        for number in found.dropLast().reversed() where number == first - 1 { first = number }
        numbers = first...last
        minOffset = first * unitsPerFile
        maxOffset = try writtenEnd(from: first, to: last)
        nextOffset = maxOffset
    }

    /// The offset after the last written unit: units are dense, so that halving finds it.
    private func writtenEnd(from first: Int64, to last: Int64) throws(StoreError) -> Int64 {
        var low = first * unitsPerFile
        var high = (last + 1) * unitsPerFile
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
        try read(from: offset, count: 1) { unit = $0[0] }
        return unit
    }

    /// Hands out up to `count` units that lie in one file. Does nothing when the file is missing.
    func read(from offset: Int64, count: Int, _ body: (ArraySlice<QueueUnit>) -> Void) throws(StoreError) {
        guard count > 0, let region = try region(number: offset / unitsPerFile) else { return }
        if count > 1 { noteReading(region, at: offset) }
        let index = Int(offset % unitsPerFile)
        let taken = min(count, Int(unitsPerFile) - index)
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

    /// Has a reader far behind the end fetch many pages at once.
    private func noteReading(_ region: any MappedRegion, at offset: Int64) {
        let isNew = lock.withLock {
            let number = offset / unitsPerFile
            guard maxOffset - offset >= Self.streamedUnits, streamed != number else { return false }
            streamed = number
            return true
        }
        if isNew { region.setReadAhead(true) }
    }

    /// Units behind the end from which on a reader is one that catches up: 80 KB of them.
    private static let streamedUnits: Int64 = 4_096

    /// Log offset of the newest message; -1 when there is none.
    func newestLogOffset() throws(StoreError) -> Int64 {
        let (low, high) = bounds
        guard high > low, let unit = try read(at: high - 1), unit.isMessage else { return -1 }
        return unit.logOffset
    }

    // MARK: Writing (one thread)

    /// Writes the unit of an offset; a gap before it is filled with units that are no messages. Not readable before
    /// `publish`.
    func write(_ unit: QueueUnit, at offset: Int64) throws(StoreError) {
        try unlessRemoved { () throws(StoreError) in try place(unit, at: offset) }
    }

    private func place(_ unit: QueueUnit, at offset: Int64) throws(StoreError) {
        let number = offset / unitsPerFile
        guard let region = try writableRegion(number: number) else { return }
        let index = Int(offset % unitsPerFile)
        let end = lock.withLock { maxOffset }
        if end < offset {
            let start = max(end, number * unitsPerFile)
            for gap in start..<offset {
                try store(.preFill, in: region, number: number, index: Int(gap % unitsPerFile))
            }
        }
        try store(unit, in: region, number: number, index: index)
        lock.withLock { noteChange(number) }
    }

    /// Under `lock`.
    private func noteChange(_ number: Int64) {
        if dirty.isEmpty { sharing.noteChanged(self) }
        dirty.insert(number)
    }

    /// Makes everything before an offset readable.
    func publish(max offset: Int64, nowMillis: Int64) {
        lock.withLock {
            if maxOffset == 0, minOffset == 0, offset > 1, let numbers {
                // First units of a queue whose history is gone.
                minOffset = max(minOffset, numbers.lowerBound * unitsPerFile)
            }
            maxOffset = max(maxOffset, offset)
            lastUseMillis = nowMillis
        }
    }

    private func store(
        _ unit: QueueUnit, in region: any MappedRegion, number: Int64, index: Int
    ) throws(StoreError) {
        guard let failure = copy(unit, to: region, index: index) else { return }
        // Queue files are sparse, so that a full disk shows at the store to a page. Room reserved for the page tells it
        // from a broken disk, and makes the second try succeed.
        try StoreError.wrap { () throws(FileSystemError) in
            guard failure.kind == .inputOutput else { throw failure }
            try files.openFile(path(number), mode: .existing).reserve(
                from: index * QueueUnit.size, count: QueueUnit.size)
        }
        if let failure = copy(unit, to: region, index: index) { throw StoreError(failure) }
    }

    private func copy(_ unit: QueueUnit, to region: any MappedRegion, index: Int) -> FileSystemError? {
        withUnsafeTemporaryAllocation(byteCount: QueueUnit.size, alignment: 8) { buffer in
            guard let base = buffer.baseAddress else { return nil }
            unit.write(to: base)
            do throws(FileSystemError) {
                try region.copyIn(UnsafeRawBufferPointer(buffer), at: index * QueueUnit.size)
                return nil
            } catch {
                return error
            }
        }
    }

    // MARK: Files

    private func path(_ number: Int64) -> String {
        directory + "/" + SegmentName.name(of: number * Int64(fileBytes))
    }

    private func region(number: Int64) throws(StoreError) -> (any MappedRegion)? {
        let known: (region: (any MappedRegion)?, exists: Bool) = lock.withLock {
            isUsed = true
            return (regions[number], numbers?.contains(number) ?? false)
        }
        if let region = known.region { return region }
        guard known.exists else { return nil }
        return try open(number, mode: .existing)
    }

    /// Nil when the queue is removed.
    private func writableRegion(number: Int64) throws(StoreError) -> (any MappedRegion)? {
        if let region = try region(number: number) { return region }
        sharing.creating.lock()
        defer { sharing.creating.unlock() }
        if lock.withLock({ isRemoved }) { return nil }
        try StoreError.wrap { () throws(FileSystemError) in try files.makeDirectories(directory) }
        let region = try open(number, mode: .create(size: fileBytes, reserve: false))
        lock.withLock {
            numbers = numbers.map { min($0.lowerBound, number)...max($0.upperBound, number) } ?? number...number
            hasNewFiles = true
        }
        return region
    }

    private func open(_ number: Int64, mode: FileOpenMode) throws(StoreError) -> any MappedRegion {
        let region = try StoreError.wrap { () throws(FileSystemError) in
            try files.openFile(path(number), mode: mode).map()
        }
        // Files are sparse and mostly holes: reading around a touched page would fill megabytes with zeros, for each
        // first message of a queue and each step of the search for its end.
        region.setReadAhead(false)
        let (kept, victims) = lock.withLock {
            // Two readers may have opened it at once: all use the first.
            let kept = regions[number] ?? region
            if regions.count >= Self.regionsMax { regions = regions.filter { $0.key == numbers?.upperBound } }
            regions[number] = kept
            if kept === region, streamed == number { streamed = nil }
            return (kept, sharing.noteMapped(self))
        }
        for victim in victims { victim.letGo() }
        return kept
    }

    /// Files of one queue that are mapped at a time: a reader far behind goes through one after the other.
    private static let regionsMax = 4

    /// Makes the written units durable; returns the directories that have to be flushed for new files to last.
    func synchronize() throws(StoreError) -> [String] {
        let (work, isNew) = takeChanges()
        // A mapping may have been let go since the write: the file is what counts.
        do throws(StoreError) {
            try unlessRemoved { () throws(StoreError) in
                for number in work.sorted() {
                    guard let region = try region(number: number) else { continue }
                    try StoreError.wrap { () throws(FileSystemError) in
                        try region.synchronize(from: 0, count: region.count)
                    }
                }
            }
        } catch {
            // A flush that failed is final, whatever the reason.
            throw StoreError(.io, error.message)
        }
        guard isNew else { return [] }
        var directories: [String] = []
        var path = directory[...]
        for _ in 0..<4 {
            directories.append(String(path))
            guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { break }
            path = path[..<slash]
        }
        return directories
    }

    /// Forgets what has to be flushed: the whole partition is flushed next.
    func forgetChanges() { _ = takeChanges() }

    private func takeChanges() -> (numbers: Set<Int64>, isNew: Bool) {
        lock.withLock {
            defer {
                dirty.removeAll()
                hasNewFiles = false
            }
            return (dirty, hasNewFiles)
        }
    }

    /// Lets go of the mappings when nobody read or wrote for a while.
    func closeIfIdle(before deadlineMillis: Int64, nowMillis: Int64) {
        lock.withLock {
            if isUsed {
                isUsed = false
                lastUseMillis = max(lastUseMillis, nowMillis)
            }
            if lastUseMillis < deadlineMillis { unmap() }
        }
    }

    /// Lets go of the mappings: other queues need them more.
    func letGo() { lock.withLock { unmap() } }

    /// Under `lock`. Readers that hold a mapping keep it.
    private func unmap() {
        regions.removeAll()
        streamed = nil
        sharing.noteUnmapped(self)
    }

    /// Drops the units of records at or behind a log offset; recovery found the log ends there.
    func truncate(toLogOffset end: Int64) throws(StoreError) {
        var (low, offset) = bounds
        let written = offset
        low = max(low, 0)
        while offset > low, let unit = try read(at: offset - 1),
            !unit.isWritten || (unit.isMessage && unit.logOffset >= end)
        {
            offset -= 1
        }
        if offset == written { return }
        let empty = QueueUnit(logOffset: 0, recordSize: 0, tagsCode: 0)
        for index in offset..<written {
            if let region = try region(number: index / unitsPerFile) {
                try store(empty, in: region, number: index / unitsPerFile, index: Int(index % unitsPerFile))
            }
        }
        lock.withLock {
            maxOffset = offset
            for number in offset / unitsPerFile...written / unitsPerFile { noteChange(number) }
        }
        nextOffset = offset
    }

    /// Makes units of records in damaged ranges of the log into units that are no messages, so that nobody is handed what
    /// is left of these; looks at units of the log from an offset on.
    func blank(_ damaged: [Range<Int64>], from start: Int64) throws(StoreError) {
        let (low, high) = bounds
        var offset = high
        while offset > low, let unit = try read(at: offset - 1), !unit.isMessage || unit.logOffset >= start {
            offset -= 1
            guard unit.isMessage, damaged.contains(where: { $0.contains(unit.logOffset) }) else { continue }
            try write(.preFill, at: offset)
        }
    }

    /// Moves the first readable offset to the first record the log still has, and removes files wholly before it.
    func raiseMin(toLogOffset start: Int64) throws(StoreError) {
        try unlessRemoved { () throws(StoreError) in try dropBefore(logOffset: start) }
    }

    private func dropBefore(logOffset start: Int64) throws(StoreError) {
        var (low, high) = bounds
        let end = high
        while low < high {
            let middle = (low + high) / 2
            // Units that are no messages say nothing: damage of the log leaves some in the middle.
            guard let (offset, unit) = try message(from: middle, to: high) else {
                high = middle
                continue
            }
            if unit.logOffset < start { low = offset + 1 } else { high = middle }
        }
        low = try message(from: low, to: end)?.offset ?? low
        let first = low
        let stale: [Int64] = lock.withLock {
            minOffset = max(minOffset, min(first, end))
            guard let held = numbers else { return [] }
            let keep = min(max(held.lowerBound, minOffset / unitsPerFile), held.upperBound)
            guard keep > held.lowerBound else { return [] }
            numbers = keep...held.upperBound
            let stale = Array(held.lowerBound..<keep)
            for number in stale { regions[number] = nil }
            return stale
        }
        for number in stale {
            try StoreError.wrap { () throws(FileSystemError) in try files.remove(path(number)) }
        }
    }

    /// The first unit of a message in a range of offsets.
    private func message(from: Int64, to end: Int64) throws(StoreError) -> (offset: Int64, unit: QueueUnit)? {
        var offset = from
        while offset < end {
            guard let unit = try read(at: offset) else { return nil }
            if unit.isMessage { return (offset, unit) }
            offset += 1
        }
        return nil
    }

    /// Has the next flush see to the names of the queue's files, which a killed process may have made.
    func adoptNames() {
        lock.withLock { hasNewFiles = true }
    }

    /// Lets go of all files, which are removed next; units still to come are dropped.
    func forgetFiles() {
        lock.withLock {
            isRemoved = true
            unmap()
            dirty.removeAll()
            numbers = nil
        }
    }

    /// Runs file operations; their failure means nothing when the files were removed with the topic meanwhile.
    private func unlessRemoved(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        do throws(StoreError) {
            try body()
        } catch {
            guard lock.withLock({ isRemoved }) else { throw error }
        }
    }

    /// Makes everything behind the last unit read as zeros: a power failure may have left units there that a later
    /// search for the end would take for the queue's.
    func eraseTail() throws(StoreError) {
        let (end, held) = lock.withLock { (maxOffset, numbers) }
        guard let held else { return }
        for number in held where (number + 1) * unitsPerFile > end {
            let index = Int(max(0, end - number * unitsPerFile))
            let wasEmpty = try StoreError.wrap { () throws(FileSystemError) in
                let file = try files.openFile(path(number), mode: .existing)
                if try file.isZero(from: index * QueueUnit.size) { return true }
                try file.zero(from: index * QueueUnit.size, count: fileBytes - index * QueueUnit.size)
                return false
            }
            if !wasEmpty { lock.withLock { noteChange(number) } }
        }
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
