import NIOConcurrencyHelpers

/// One index file: a hash table of keys to log offsets, written at its end only.
///
/// It is a sparse file of its full size. It is mapped when it is used, and only the pages that keys fall on take room.
/// One thread writes; any thread may look up at the same time.
// Everything mutable belongs to `lock`.
final class IndexFile: @unchecked Sendable {
    let name: String
    let path: String
    let layout: IndexLayout

    private let files: any FileSystem
    private let lock = NIOLock()
    private var current: IndexHeader
    private var region: (any MappedRegion)?
    private var isDirty = false
    /// The mapping keeps the slots in memory: keys are put into it.
    private var keepsSlots = false
    /// An fsync failed: what the disk has of it is unknown until the next start.
    private var isUnsafe = false

    /// A file that is there already.
    init(files: any FileSystem, directory: String, name: String, layout: IndexLayout) throws(FileSystemError) {
        self.files = files
        self.name = name
        self.layout = layout
        path = directory + "/" + name
        let head = try files.openFile(path, mode: .existing).bytes(at: 0, count: IndexLayout.headerBytes)
        current = head.withUnsafeBytes { IndexHeader($0) }
    }

    /// A new file behind `last`.
    init(
        files: any FileSystem, directory: String, name: String, layout: IndexLayout, after last: IndexHeader?
    ) throws(FileSystemError) {
        self.files = files
        self.name = name
        self.layout = layout
        path = directory + "/" + name
        current = IndexHeader(
            afterTimestampMillis: last?.endTimestampMillis ?? 0, logOffset: last?.endLogOffset ?? 0)
        region = Self.scattered(try files.openFile(path, mode: .create(size: layout.fileBytes, reserve: false)).map())
    }

    var header: IndexHeader { lock.withLock { current } }

    var isFull: Bool { lock.withLock { Int(current.nextEntry) >= layout.entryCount } }

    // MARK: Writing (one thread)

    /// Adds keys in the order of the log, and returns how many it took: fewer when it is full.
    ///
    /// Keys of records before the last are left out: of messages that are dispatched again after a crash. Those of the
    /// last come again, as with Apache.
    func put(_ keys: ArraySlice<IndexedKey>) throws(FileSystemError) -> Int {
        let region = try mapped()
        keepSlots(of: region)
        // Slots are anywhere in the file: fetched at once, they take little longer than one.
        for key in keys { region.prefetch(at: layout.slotAt(layout.slot(of: key.hash))) }
        lock.lock()
        defer { lock.unlock() }
        var count = 0
        for key in keys {
            if key.logOffset >= current.endLogOffset {
                guard Int(current.nextEntry) < layout.entryCount else { break }
                try add(key, to: region)
            }
            count += 1
        }
        return count
    }

    /// Under the lock.
    private func add(_ key: IndexedKey, to region: any MappedRegion) throws(FileSystemError) {
        let number = current.nextEntry
        let slotAt = layout.slotAt(layout.slot(of: key.hash))
        var previous = try region.integer(at: slotAt)
        if previous <= 0 || previous >= number { previous = 0 }
        let entry = IndexEntry(
            hash: key.hash, logOffset: key.logOffset, seconds: current.seconds(to: key.storeTimestampMillis),
            previous: previous)
        // The entry before the slot that points to it: a reader, or a start after a crash, finds whole entries.
        try region.store(entry, at: layout.entryAt(Int(number)))
        try region.store(number, at: slotAt)
        if number <= 1 {
            current.beginLogOffset = key.logOffset
            current.beginTimestampMillis = key.storeTimestampMillis
        }
        if previous == 0, current.usedSlotCount < .max { current.usedSlotCount += 1 }
        current.nextEntry = number + 1
        current.endLogOffset = key.logOffset
        current.endTimestampMillis = key.storeTimestampMillis
        isDirty = true
    }

    /// Makes everything put before durable and returns the header it is durable with; nil when that is not known any
    /// more, because it failed once.
    func synchronize() throws(FileSystemError) -> IndexHeader? {
        let (header, isNeeded, isUnsafe) = lock.withLock {
            defer { isDirty = false }
            return (current, isDirty, self.isUnsafe)
        }
        if isUnsafe { return nil }
        guard isNeeded else { return header }
        do throws(FileSystemError) {
            let region = try mapped()
            try region.store(header, at: 0)
            try region.synchronize(from: 0, count: region.count)
        } catch {
            lock.withLock { self.isUnsafe = true }
            throw error
        }
        return header
    }

    /// Takes another header, found by a repair.
    func replaceHeader(_ header: IndexHeader) {
        lock.withLock {
            current = header
            isDirty = true
        }
    }

    // MARK: Looking up

    /// The region and the newest entry of the hash's slot, with a header that has it.
    private func chain(of hash: Int32) throws(FileSystemError) -> (
        region: any MappedRegion, newest: Int32, header: IndexHeader
    ) {
        let region = try mapped()
        let slotAt = layout.slotAt(layout.slot(of: hash))
        // Brings the page in, so that the disk is not waited for under the lock that the writer needs.
        _ = try region.integer(at: slotAt)
        lock.lock()
        defer { lock.unlock() }
        return (region, try region.integer(at: slotAt), current)
    }

    /// Hands out the log offsets that a key hash has between two times, newest first, until `body` returns false. Times
    /// of entries are whole seconds: messages of the first and last second may lie outside.
    ///
    /// Looks at `budget` entries at most, and takes off what it looked at.
    func forEachOffset(
        hash: Int32, from begin: Int64, to end: Int64, budget: inout Int, _ body: (Int64) -> Bool
    ) throws(FileSystemError) {
        let (region, newest, header) = try chain(of: hash)
        // An entry's time is up to a second before that of its message.
        let oldest = begin < .min + 999 ? .min : begin - 999
        var number = newest
        // A damaged head may claim more entries than the file has room for.
        let behindLast = min(Int(header.nextEntry), layout.entryCount)
        while number > 0, Int(number) < behindLast, budget > 0 {
            budget -= 1
            let entry = try region.entry(at: layout.entryAt(Int(number)))
            if entry.seconds < 0 { return }
            let time = header.timestampMillis(seconds: entry.seconds)
            if entry.hash == hash, time >= oldest, time <= end, !body(entry.logOffset) { return }
            // The chain goes back in time and in numbers; anything else is damage.
            if time < oldest || entry.previous >= number { return }
            number = entry.previous
        }
    }

    // MARK: The mapping

    private func mapped() throws(FileSystemError) -> any MappedRegion {
        if let region = lock.withLock({ region }) { return region }
        let opened = Self.scattered(try files.openFile(path, mode: .existing).map())
        return lock.withLock {
            let kept = region ?? opened
            region = kept
            return kept
        }
    }

    /// Hashes are scattered all over the file: what lies around one is of no use to the next.
    private static func scattered(_ region: any MappedRegion) -> any MappedRegion {
        region.setReadAhead(false)
        return region
    }

    /// Each key reads a slot. When the memory is full of the log, a slot that has left it is a read of a busy disk, 0.1 to
    /// 1.2 s each, and the index falls behind.
    private func keepSlots(of region: any MappedRegion) {
        let isNew = lock.withLock {
            defer { keepsSlots = true }
            return !keepsSlots
        }
        if isNew { region.keepInMemory(from: 0, count: layout.entryAt(0)) }
    }

    /// Lets the mapping go when nothing waits for a flush; who uses it keeps it as long.
    func unmap() {
        lock.withLock {
            if isDirty { return }
            region = nil
            keepsSlots = false
        }
    }
}

extension MappedRegion {
    fileprivate func integer(at offset: Int) throws(FileSystemError) -> Int32 {
        var value: Int32 = 0
        let failure = withUnsafeMutableBytes(of: &value) { copy(into: $0, at: offset) }
        if let failure { throw failure }
        return Int32(bigEndian: value)
    }

    fileprivate func entry(at offset: Int) throws(FileSystemError) -> IndexEntry {
        var words: (Int64, Int64, Int64) = (0, 0, 0)
        var entry = IndexEntry(hash: 0, logOffset: 0, seconds: 0, previous: 0)
        let failure = withUnsafeMutableBytes(of: &words) { buffer in
            let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[..<IndexLayout.entryBytes])
            let failure = copy(into: bytes, at: offset)
            entry = IndexEntry(UnsafeRawBufferPointer(bytes))
            return failure
        }
        if let failure { throw failure }
        return entry
    }

    private func copy(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> FileSystemError? {
        do throws(FileSystemError) {
            try copyOut(into: buffer, at: offset)
            return nil
        } catch {
            return error
        }
    }

    fileprivate func store(_ value: Int32, at offset: Int) throws(FileSystemError) {
        var value = value.bigEndian
        let failure = withUnsafeBytes(of: &value) { copy(from: $0, at: offset) }
        if let failure { throw failure }
    }

    fileprivate func store(_ entry: IndexEntry, at offset: Int) throws(FileSystemError) {
        let failure = withUnsafeTemporaryAllocation(byteCount: IndexLayout.entryBytes, alignment: 8) { buffer in
            if let base = buffer.baseAddress { entry.write(to: base) }
            return copy(from: UnsafeRawBufferPointer(buffer), at: offset)
        }
        if let failure { throw failure }
    }

    fileprivate func store(_ header: IndexHeader, at offset: Int) throws(FileSystemError) {
        let failure = withUnsafeTemporaryAllocation(byteCount: IndexLayout.headerBytes, alignment: 8) { buffer in
            if let base = buffer.baseAddress { header.write(to: base) }
            return copy(from: UnsafeRawBufferPointer(buffer), at: offset)
        }
        if let failure { throw failure }
    }

    private func copy(from bytes: UnsafeRawBufferPointer, at offset: Int) -> FileSystemError? {
        do throws(FileSystemError) {
            try copyIn(bytes, at: offset)
            return nil
        } catch {
            return error
        }
    }
}
