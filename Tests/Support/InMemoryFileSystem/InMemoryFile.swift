import NIOConcurrencyHelpers
import StorageEngine

/// An open file of the in-memory disk.
final class InMemoryFile: StoreFile {
    let path: String
    private let node: FileNode
    private let files: InMemoryFileSystem

    init(path: String, node: FileNode, files: InMemoryFileSystem) {
        self.path = path
        self.node = node
        self.files = files
    }

    func size() throws(FileSystemError) -> Int {
        files.state.withLockedValue { _ in node.size }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int {
        try files.run(.read, "pread", path) { _ in
            let count = max(0, min(buffer.count, node.size - offset))
            if count > 0, let base = buffer.baseAddress {
                base.copyMemory(from: node.seen + offset, byteCount: count)
            }
            return count
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileSystemError) {
        let now = files.nowMillis()
        try files.run(.write, "pwrite", path) { state, course throws(FileSystemError) in
            try InMemoryFileSystem.takeRoom(node, offset, bytes.count, "pwrite", path, &state)
            if offset + bytes.count > node.size { node.resize(to: offset + bytes.count) }
            try node.store(bytes, at: offset, course, "pwrite", path)
            node.modifiedMillis = now
        }
    }

    func zero(from offset: Int, count: Int) throws(FileSystemError) {
        try files.run(.write, "punch", path) { _ in
            let end = min(offset + count, node.size)
            if end > offset { node.fill(from: offset, count: end - offset) }
        }
    }

    func reserve(from offset: Int, count: Int) throws(FileSystemError) {
        try files.run(.write, "fallocate", path) { state throws(FileSystemError) in
            try InMemoryFileSystem.takeRoom(node, offset, count, "fallocate", path, &state)
            node.allocate(to: offset + count)
        }
    }

    func truncate(to size: Int) throws(FileSystemError) {
        try files.run(.create, "ftruncate", path) { _ in node.resize(to: size) }
    }

    func synchronize() throws(FileSystemError) {
        try files.run(.synchronize, "fdatasync", path) { _, course throws(FileSystemError) in
            try node.flush(from: 0, count: node.size, course, "fdatasync", path)
        }
    }

    func map() throws(FileSystemError) -> any MappedRegion {
        let count = try size()
        guard count > 0 else {
            throw FileSystemError(kind: .other, operation: "mmap", path: path, errorNumber: 22)
        }
        return InMemoryRegion(path: path, node: node, count: count, files: files)
    }
}

/// A mapping of a file of the in-memory disk.
final class InMemoryRegion: MappedRegion {
    let count: Int
    private let path: String
    private let node: FileNode
    private let files: InMemoryFileSystem

    init(path: String, node: FileNode, count: Int, files: InMemoryFileSystem) {
        self.path = path
        self.node = node
        self.count = count
        self.files = files
    }

    func isResident(from offset: Int, count: Int) -> Bool {
        !files.state.withLockedValue { $0.isEvicted }(path, offset..<offset + count)
    }

    /// It has no pages.
    func unmapPages(from offset: Int, count: Int) {}

    func prepareForWriting(from offset: Int, count: Int) throws(FileSystemError) {
        try files.run(.write, "populate", path) { state throws(FileSystemError) in
            try InMemoryFileSystem.takeRoom(node, offset, count, "populate", path, &state)
            node.allocate(to: offset + count)
        }
    }

    func copyIn(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileSystemError) {
        precondition(offset >= 0 && offset + bytes.count <= count, "copy past the mapping")
        let now = files.nowMillis()
        try files.run(.write, "store to mapped page", path) { state, course throws(FileSystemError) in
            do throws(FileSystemError) {
                try InMemoryFileSystem.takeRoom(node, offset, bytes.count, "store to mapped page", path, &state)
            } catch {
                // The page faults without a reason.
                throw InMemoryFileSystem.failure("store to mapped page", path)
            }
            try node.store(bytes, at: offset, course, "store to mapped page", path)
            node.modifiedMillis = now
        }
    }

    func copyOut(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) {
        precondition(offset >= 0 && offset + buffer.count <= count, "copy past the mapping")
        try files.run(.read, "load from mapped page", path) { _ in
            guard let base = buffer.baseAddress else { return }
            base.copyMemory(from: node.seen + offset, byteCount: buffer.count)
        }
    }

    func synchronize(from offset: Int, count: Int) throws(FileSystemError) {
        try files.run(.synchronize, "msync", path) { _, course throws(FileSystemError) in
            let start = offset / FileNode.pageBytes * FileNode.pageBytes
            try node.flush(from: start, count: offset + count - start, course, "msync", path)
        }
    }
}

extension FileNode {
    /// Writes, or the part that a fault leaves.
    fileprivate func store(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, _ course: InMemoryFileSystem.Course, _ word: String,
        _ path: String
    ) throws(FileSystemError) {
        switch course {
        case .normal: write(bytes, at: offset)
        case .partly(let part):
            write(UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count * min(part, 255) / 256)]), at: offset)
            throw InMemoryFileSystem.failure(word, path)
        case .lost: throw InMemoryFileSystem.failure(word, path)
        }
    }

    /// Flushes; one that fails may have stored the pages, which count as clean afterwards in any case.
    fileprivate func flush(
        from offset: Int, count: Int, _ course: InMemoryFileSystem.Course, _ word: String, _ path: String
    ) throws(FileSystemError) {
        switch course {
        case .normal: return flush(from: offset, count: count)
        case .partly: flush(from: offset, count: count)
        case .lost: flush(from: offset, count: count, stores: false)
        }
        throw InMemoryFileSystem.failure(word, path)
    }
}
