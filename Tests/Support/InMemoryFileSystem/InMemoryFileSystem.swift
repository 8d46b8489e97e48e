import NIOConcurrencyHelpers
import StorageEngine

/// A disk in memory with the faults of a real one: failing operations, no room, and the loss of power, after which only
/// what was flushed is certain to be there.
///
/// Only flushes of files make their bytes and length certain, and only flushes of directories their names. Everything
/// else may be lost, page by page, torn at sectors, by choices of a seeded generator. Changes of the names in one
/// directory reach the disk in their order, as on a journaled file system; nothing else does.
package final class InMemoryFileSystem: FileSystem {
    struct State {
        var root = DirectoryNode()
        var faults: [DiskFault] = []
        var capacityBytes: Int64
        /// Taken by others.
        var occupiedBytes: Int64 = 0
        var usedPages = 0
        /// Numbers given to files, and runs of the machine.
        var fileCount: UInt64 = 0
        var bootCount = 0
        var locked: Set<String> = []
        /// The disk of the next machine, once power was lost in the middle of an operation.
        var remains: DirectoryNode?
        var random: SeededGenerator
        /// Whether a range of a mapped file lacks a page in memory.
        var isEvicted: @Sendable (_ path: String, _ range: Range<Int>) -> Bool = { _, _ in false }
        var operations = 0
        var injected = 0
    }

    let state: NIOLockedValueBox<State>
    let nowMillis: @Sendable () -> Int64

    /// Says from now on that nothing that is mapped is in memory, or that all is again.
    package func setEvicted(_ isEvicted: Bool = true) { setEvicted { _, _ in isEvicted } }

    /// Says from now on which ranges of mapped files are not, or not all, in memory.
    package func setEvicted(_ isEvicted: @escaping @Sendable (_ path: String, _ range: Range<Int>) -> Bool) {
        state.withLockedValue { $0.isEvicted = isEvicted }
    }

    /// An empty disk of a size. `seed` decides what a loss of power leaves.
    package init(
        capacityBytes: Int64 = 1 << 30, seed: UInt64 = 0, nowMillis: @escaping @Sendable () -> Int64 = { 0 }
    ) {
        state = NIOLockedValueBox(State(capacityBytes: capacityBytes, random: SeededGenerator(seed: seed)))
        self.nowMillis = nowMillis
    }

    init(_ state: State, nowMillis: @escaping @Sendable () -> Int64) {
        self.state = NIOLockedValueBox(state)
        self.nowMillis = nowMillis
    }

    // MARK: Faults

    /// Has a fault in store.
    package func inject(_ fault: DiskFault) { state.withLockedValue { $0.faults.append(fault) } }
    /// Takes back what is in store.
    package func heal() { state.withLockedValue { $0.faults = [] } }
    /// Faults that happened.
    package var injectedCount: Int { state.withLockedValue { $0.injected } }
    /// Bytes that somebody else has on the disk.
    package func occupy(bytes: Int64) { state.withLockedValue { $0.occupiedBytes = bytes } }
    /// Whether a fault took the power: nothing works any more.
    package var hasLostPower: Bool { state.withLockedValue { $0.remains != nil } }

    // MARK: FileSystem

    package func makeDirectories(_ path: String) throws(FileSystemError) {
        try run(.rename, "mkdir", path) { state throws(FileSystemError) in
            var directory = state.root
            for name in Self.parts(path) {
                switch directory.entries[name] {
                case .directory(let next): directory = next
                case .file: throw FileSystemError(kind: .other, operation: "mkdir", path: path, errorNumber: 17)
                case nil:
                    let next = DirectoryNode()
                    directory.change([(name, .directory(next))])
                    directory = next
                }
            }
        }
    }

    package func list(_ path: String) throws(FileSystemError) -> [DirectoryEntry] {
        try run(.list, "list", path) { state throws(FileSystemError) in
            let directory = try Self.directory(path, state)
            return directory.entries.map { name, entry in
                switch entry {
                case .file(let file):
                    DirectoryEntry(
                        name: name, isDirectory: false, size: file.size, modifiedMillis: file.modifiedMillis)
                case .directory: DirectoryEntry(name: name, isDirectory: true, size: 0, modifiedMillis: 0)
                }
            }.sorted { $0.name < $1.name }
        }
    }

    package func exists(_ path: String) -> Bool {
        state.withLockedValue { Self.entry(path, $0) != nil }
    }

    package func stamp(of path: String) -> FileStamp? {
        state.withLockedValue { state in
            guard case .file(let node)? = Self.entry(path, state) else { return nil }
            return FileStamp(modifiedNanos: node.modifiedMillis * 1_000_000, number: node.number, device: 1)
        }
    }

    package var bootIdentity: String { state.withLockedValue { "run \($0.bootCount)" } }

    package func openFile(_ path: String, mode: FileOpenMode) throws(FileSystemError) -> any StoreFile {
        let known: FileNode? = state.withLockedValue { state in
            if case .file(let node)? = Self.entry(path, state) { return node }
            return nil
        }
        switch mode {
        case .existing:
            guard let known else { throw Self.notFound("open", path) }
            return InMemoryFile(path: path, node: known, files: self)
        case .create(let size, let reserve):
            if let known, try run(.read, "fstat", path, { _ in known.size >= size }) {
                return InMemoryFile(path: path, node: known, files: self)
            }
            return try create(path, size: size, reserve: reserve)
        }
    }

    private func create(_ path: String, size: Int, reserve: Bool) throws(FileSystemError) -> any StoreFile {
        let now = nowMillis()
        return try run(.create, "create", path) { state throws(FileSystemError) in
            let (directory, name) = try Self.parent(path, state)
            let node: FileNode
            if case .file(let existing)? = directory.entries[name] {
                node = existing
            } else {
                node = FileNode()
                state.fileCount += 1
                node.number = state.fileCount
                directory.change([(name, .file(node))])
            }
            node.modifiedMillis = now
            if reserve { try Self.takeRoom(node, 0, size, "fallocate", path, &state) }
            node.resize(to: max(node.size, size))
            if reserve { node.allocate(to: size) }
            node.growsInSteps = reserve
            return InMemoryFile(path: path, node: node, files: self)
        }
    }

    package func remove(_ path: String) throws(FileSystemError) {
        try run(.rename, "unlink", path) { state throws(FileSystemError) in
            let (directory, name) = try Self.parent(path, state)
            guard case .file? = directory.entries[name] else { throw Self.notFound("unlink", path) }
            directory.change([(name, nil)])
            state.usedPages = Self.usedPages(state.root)
        }
    }

    package func link(_ source: String, to target: String) throws(FileSystemError) {
        try run(.rename, "link", source) { state throws(FileSystemError) in
            let (directory, name) = try Self.parent(target, state)
            guard case .file(let node)? = Self.entry(source, state) else { throw Self.notFound("link", source) }
            guard directory.entries[name] == nil else {
                throw FileSystemError(kind: .other, operation: "link", path: target, errorNumber: 17)
            }
            directory.change([(name, .file(node))])
        }
    }

    package func removeTree(_ path: String) throws(FileSystemError) {
        try run(.rename, "rmdir", path) { state throws(FileSystemError) in
            guard Self.entry(path, state) != nil else { return }
            let (directory, name) = try Self.parent(path, state)
            directory.change([(name, nil)])
            state.usedPages = Self.usedPages(state.root)
        }
    }

    package func rename(_ source: String, to target: String) throws(FileSystemError) {
        try run(.rename, "rename", source) { state throws(FileSystemError) in
            let (from, old) = try Self.parent(source, state)
            let (to, new) = try Self.parent(target, state)
            guard let entry = from.entries[old] else { throw Self.notFound("rename", source) }
            if from === to {
                from.change([(old, nil), (new, entry)])
            } else {
                to.change([(new, entry)])
                from.change([(old, nil)])
            }
            state.usedPages = Self.usedPages(state.root)
        }
    }

    package func synchronizeDirectory(_ path: String) throws(FileSystemError) {
        try run(.synchronizeDirectory, "fsync", path) { state throws(FileSystemError) in
            try Self.directory(path, state).flush()
        }
    }

    package func lock(_ path: String) throws(FileSystemError) -> any FileLock {
        _ = try openFile(path, mode: .create(size: 0, reserve: false))
        let isFree = state.withLockedValue { $0.locked.insert(path).inserted }
        guard isFree else { throw FileSystemError(kind: .locked, operation: "lock", path: path, errorNumber: 11) }
        return InMemoryLock(path: path, files: self)
    }

    package func space(at path: String) throws(FileSystemError) -> DiskSpace {
        try run(.read, "statvfs", path) { state in
            DiskSpace(totalBytes: state.capacityBytes, availableBytes: Self.freeBytes(state))
        }
    }
}

private final class InMemoryLock: FileLock {
    private let path: String
    private let files: InMemoryFileSystem

    init(path: String, files: InMemoryFileSystem) {
        self.path = path
        self.files = files
    }

    deinit {
        files.state.withLockedValue { _ = $0.locked.remove(path) }
    }
}
