import Glibc

/// A file on the in-memory disk, apart from its names: what programs see, and what is on the disk. Under the lock of
/// its file system.
///
/// A page is dirty from a write to the flush that covers it. When power is lost, each dirty page is as it was at its
/// last flush, or as written, or torn between the two at sectors of 512 bytes.
// The file system's lock protects it.
final class FileNode: @unchecked Sendable {
    static let pageBytes = 4096
    static let sectorBytes = 512

    /// What programs see.
    private(set) var seen: UnsafeMutableRawPointer
    /// What is on the disk.
    private(set) var stored: UnsafeMutableRawPointer
    private(set) var size = 0
    /// The length that is on the disk.
    private(set) var storedSize = 0
    private var capacity = 0
    private var dirty: [Bool] = []
    /// Pages that take room on the disk.
    private var isAllocated: [Bool] = []
    private(set) var allocatedPages = 0
    var modifiedMillis: Int64 = 0
    /// Its number on the disk.
    var number: UInt64 = 0
    /// Its length was changed by a reservation, which goes in steps.
    var growsInSteps = false

    init() {
        seen = .allocate(byteCount: 0, alignment: 8)
        stored = .allocate(byteCount: 0, alignment: 8)
    }

    deinit {
        seen.deallocate()
        stored.deallocate()
    }

    private static func pages(_ bytes: Int) -> Int { (bytes + pageBytes - 1) / pageBytes }

    /// Pages of a range that a write would have to allocate.
    func missingPages(from offset: Int, count: Int) -> Int {
        guard count > 0 else { return 0 }
        return (offset / Self.pageBytes...(offset + count - 1) / Self.pageBytes).count { page in
            page >= isAllocated.count || !isAllocated[page]
        }
    }

    func resize(to bytes: Int) {
        let wanted = Self.pages(bytes) * Self.pageBytes
        if wanted > capacity {
            let (oldSeen, oldStored, old) = (seen, stored, capacity)
            seen = Self.zeros(wanted)
            stored = Self.zeros(wanted)
            seen.copyMemory(from: oldSeen, byteCount: old)
            stored.copyMemory(from: oldStored, byteCount: old)
            oldSeen.deallocate()
            oldStored.deallocate()
            capacity = wanted
            let more = wanted / Self.pageBytes - dirty.count
            dirty += Array(repeating: false, count: more)
            isAllocated += Array(repeating: false, count: more)
        }
        if bytes < size { fill(from: bytes, count: size - bytes) }
        size = bytes
    }

    /// Takes room for all pages of a length.
    func allocate(to bytes: Int) {
        for page in 0..<Self.pages(bytes) where !isAllocated[page] {
            isAllocated[page] = true
            allocatedPages += 1
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        seen.advanced(by: offset).copyMemory(from: base, byteCount: bytes.count)
        touch(from: offset, count: bytes.count, allocates: true)
    }

    /// Makes a range read as zeros.
    func fill(from offset: Int, count: Int) {
        guard count > 0 else { return }
        seen.advanced(by: offset).initializeMemory(as: UInt8.self, repeating: 0, count: count)
        touch(from: offset, count: count, allocates: false)
    }

    private func touch(from offset: Int, count: Int, allocates: Bool) {
        for page in offset / Self.pageBytes...(offset + count - 1) / Self.pageBytes {
            dirty[page] = true
            if allocates, !isAllocated[page] {
                isAllocated[page] = true
                allocatedPages += 1
            }
        }
    }

    /// Puts the pages of a range, and the length, on the disk; without `stores` the pages only count as clean, as they
    /// do after a failed flush.
    func flush(from offset: Int, count: Int, stores: Bool = true) {
        let last = min(offset + count, size)
        if last > offset {
            for page in offset / Self.pageBytes...(last - 1) / Self.pageBytes where dirty[page] {
                dirty[page] = false
                if stores { store(page) }
            }
        }
        if stores { storedSize = size }
    }

    private func store(_ page: Int) {
        let start = page * Self.pageBytes
        (stored + start).copyMemory(from: seen + start, byteCount: Self.pageBytes)
    }

    /// Writes back some dirty pages, as a kernel does at any time.
    func writeBack(using random: inout SeededGenerator) {
        for page in dirty.indices where dirty[page] && random.happens(percent: 50) {
            dirty[page] = false
            store(page)
        }
    }

    /// Whether a range is on the disk as programs see it.
    func isStored(from offset: Int, count: Int) -> Bool {
        offset + count <= storedSize && memcmp(seen + offset, stored + offset, count) == 0
    }

    /// What lies on the disk in a range; shorter past the stored length.
    func storedBytes(from offset: Int, count: Int) -> [UInt8] {
        let end = min(offset + count, storedSize)
        guard end > offset else { return [] }
        return Array(UnsafeRawBufferPointer(start: stored + offset, count: end - offset))
    }

    // MARK: Copies

    /// The file as a process finds it that starts after another was killed: nothing is lost, dirty pages stay dirty.
    func survivor() -> FileNode {
        let copy = FileNode()
        copy.resize(to: capacity)
        copy.seen.copyMemory(from: seen, byteCount: capacity)
        copy.stored.copyMemory(from: stored, byteCount: capacity)
        copy.size = size
        copy.storedSize = storedSize
        copy.dirty = dirty
        copy.isAllocated = isAllocated
        copy.allocatedPages = allocatedPages
        copy.modifiedMillis = modifiedMillis
        copy.number = number
        copy.growsInSteps = growsInSteps
        return copy
    }

    /// The file as a machine finds it after power was lost.
    func remains(using random: inout SeededGenerator) -> FileNode {
        let copy = survivor()
        for page in dirty.indices where dirty[page] {
            switch random.below(4) {
            case 0: copy.store(page)
            case 1: break
            default:
                for start in stride(from: page * Self.pageBytes, to: (page + 1) * Self.pageBytes, by: Self.sectorBytes)
                where random.happens(percent: 50) {
                    (copy.stored + start).copyMemory(from: seen + start, byteCount: Self.sectorBytes)
                }
            }
        }
        if size != storedSize {
            // A length changes in steps of whole pages while blocks are reserved.
            let (low, high) = (min(size, storedSize), max(size, storedSize))
            switch random.below(growsInSteps ? 3 : 2) {
            case 0: copy.storedSize = size
            case 1: break
            default: copy.storedSize = low + random.below((high - low) / Self.pageBytes + 1) * Self.pageBytes
            }
        }
        copy.size = copy.storedSize
        // Past its length a file has no bytes.
        (copy.stored + copy.size).initializeMemory(as: UInt8.self, repeating: 0, count: copy.capacity - copy.size)
        copy.seen.copyMemory(from: copy.stored, byteCount: copy.capacity)
        copy.dirty = Array(repeating: false, count: copy.dirty.count)
        return copy
    }

    private static func zeros(_ count: Int) -> UnsafeMutableRawPointer {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 8)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: count)
        return memory
    }
}

/// A directory on the in-memory disk. Under the lock of its file system.
// The file system's lock protects it.
final class DirectoryNode: @unchecked Sendable {
    enum Entry {
        case file(FileNode)
        case directory(DirectoryNode)
    }

    /// A change of one name that is not on the disk yet; nil removes it. Those of one operation belong together.
    struct Change {
        var names: [(name: String, entry: Entry?)]
    }

    /// What programs see.
    var entries: [String: Entry] = [:]
    /// What is on the disk.
    var stored: [String: Entry] = [:]
    /// Changes since the last flush, in order.
    var changes: [Change] = []

    func change(_ names: [(name: String, entry: Entry?)]) {
        for (name, entry) in names { entries[name] = entry }
        changes.append(Change(names: names))
    }

    func flush() {
        stored = entries
        changes = []
    }

    /// The directory as a machine finds it after power was lost: with the first so many of its changes.
    func remains(using random: inout SeededGenerator) -> [String: Entry] {
        guard !changes.isEmpty else { return stored }
        var result = stored
        for change in changes.prefix(random.below(changes.count + 1)) {
            for (name, entry) in change.names { result[name] = entry }
        }
        return result
    }
}
