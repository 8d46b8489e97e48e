import CStorageSupport
import NIOCore

/// What went wrong in a file operation; `errorNumber` is the system's errno.
package struct FileSystemError: Error, Sendable, CustomStringConvertible {
    /// The kinds the engine tells apart.
    package enum Kind: String, Sendable {
        case notFound, permissionDenied, noSpace, inputOutput, locked, other
    }

    /// The kind, which decides what the engine does next.
    package var kind: Kind
    /// The operation that failed, as a word.
    package var operation: String
    /// The path it was tried on.
    package var path: String
    /// The system's errno, 0 when there is none.
    package var errorNumber: Int32

    /// An error of `operation` on `path`.
    package init(kind: Kind, operation: String, path: String, errorNumber: Int32 = 0) {
        self.kind = kind
        self.operation = operation
        self.path = path
        self.errorNumber = errorNumber
    }

    package var description: String {
        let text = "\(operation) \(path): \(kind.rawValue)" + (errorNumber == 0 ? "" : " (errno \(errorNumber))")
        guard kind == .permissionDenied else { return text }
        return text
            + ": this process has no permission there; give its user the directory (chown -R), or start as its owner"
    }
}

/// One name in a directory.
package struct DirectoryEntry: Hashable, Sendable {
    /// The last path component.
    package var name: String
    /// Whether it is a directory.
    package var isDirectory: Bool
    /// Length in bytes; 0 for a directory.
    package var size: Int
    /// Last modification, milliseconds since 1970.
    package var modifiedMillis: Int64

    /// An entry.
    package init(name: String, isDirectory: Bool, size: Int, modifiedMillis: Int64) {
        self.name = name
        self.isDirectory = isDirectory
        self.size = size
        self.modifiedMillis = modifiedMillis
    }
}

/// What tells one state of a file from another.
package struct FileStamp: Hashable, Sendable {
    /// Last modification, nanoseconds since 1970.
    package var modifiedNanos: Int64
    /// Number of the file on its file system.
    package var number: UInt64
    /// Number of the file system on this machine.
    package var device: UInt64

    /// A stamp.
    package init(modifiedNanos: Int64, number: UInt64, device: UInt64) {
        self.modifiedNanos = modifiedNanos
        self.number = number
        self.device = device
    }
}

/// Room on the partition of a path.
package struct DiskSpace: Hashable, Sendable {
    /// Bytes of the partition.
    package var totalBytes: Int64
    /// Bytes an unprivileged writer can still use.
    package var availableBytes: Int64

    /// A measurement.
    package init(totalBytes: Int64, availableBytes: Int64) {
        self.totalBytes = totalBytes
        self.availableBytes = availableBytes
    }

    /// Used part in percent, 0...100.
    package var usedPercent: Int {
        guard totalBytes > 0 else { return 0 }
        return Int((totalBytes - max(0, availableBytes)) * 100 / totalBytes)
    }
}

/// How `openFile` treats a file that is or is not there.
package enum FileOpenMode: Hashable, Sendable {
    /// The file must exist; it is opened for reading and writing.
    case existing
    /// Created when missing, then made at least `size` bytes long. With `reserve` the blocks are allocated as well, so
    /// that a full disk shows here and not at a later write.
    case create(size: Int, reserve: Bool)
}

/// The files the engine uses. The Linux adapter is the real one; the in-memory adapter injects faults. Paths are
/// absolute, with `/`.
package protocol FileSystem: Sendable {
    /// Makes a directory and its parents.
    func makeDirectories(_ path: String) throws(FileSystemError)
    /// The entries of a directory in any order; `notFound` when it is missing.
    func list(_ path: String) throws(FileSystemError) -> [DirectoryEntry]
    /// The names of the directories in a directory, in any order; `notFound` when it is missing.
    func directoryNames(_ path: String) throws(FileSystemError) -> [String]
    /// The stamp of a file; nil when it is missing.
    func stamp(of path: String) -> FileStamp?
    /// A name of this run of the machine: what one process has written another one reads, for as long as the name is the
    /// same. Empty when the system does not tell.
    var bootIdentity: String { get }
    /// Whether a file or directory is there.
    func exists(_ path: String) -> Bool
    /// Opens a file for reading and writing.
    func openFile(_ path: String, mode: FileOpenMode) throws(FileSystemError) -> any StoreFile
    /// Removes a file.
    func remove(_ path: String) throws(FileSystemError)
    /// Removes a directory with all in it; nothing happens when it is missing.
    func removeTree(_ path: String) throws(FileSystemError)
    /// Replaces `target` by `source` atomically.
    func rename(_ source: String, to target: String) throws(FileSystemError)
    /// Gives a file a second name, which must be free.
    func link(_ source: String, to target: String) throws(FileSystemError)
    /// Makes creations, removals and renames in a directory durable.
    func synchronizeDirectory(_ path: String) throws(FileSystemError)
    /// Makes everything below a directory durable: files, names and directories. For when there is much of it.
    func synchronizeTree(_ path: String) throws(FileSystemError)
    /// Locks a file against other processes; `locked` when another holder exists. Released when the value is dropped.
    func lock(_ path: String) throws(FileSystemError) -> any FileLock
    /// Room on the partition that holds `path`.
    func space(at path: String) throws(FileSystemError) -> DiskSpace
}

/// A held lock file.
package protocol FileLock: AnyObject, Sendable {}

/// An open file. All offsets are absolute; calls may come from any thread. It closes when dropped.
package protocol StoreFile: AnyObject, Sendable {
    /// The path it was opened with.
    var path: String { get }
    /// The length now.
    func size() throws(FileSystemError) -> Int
    /// Reads up to `buffer.count` bytes; fewer only at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int
    /// Writes all bytes or throws; after an error any part of them may have been written.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileSystemError)
    /// Makes a range read as zeros.
    func zero(from offset: Int, count: Int) throws(FileSystemError)
    /// Makes a range read as zeros, with its blocks reserved.
    func zeroReserved(from offset: Int, count: Int) throws(FileSystemError)
    /// Reserves the blocks of a range, so that a full disk shows here and not at a later store to a mapped page.
    func reserve(from offset: Int, count: Int) throws(FileSystemError)
    /// The next stretch at or behind an offset where the file may hold anything but zeros; nil when there is none.
    func nextData(from offset: Int) -> Range<Int>?
    /// Whether reads may bring in what lies behind them: off while a file is searched for its data.
    func setReadAhead(_ isOn: Bool)
    /// Changes the length.
    func truncate(to size: Int) throws(FileSystemError)
    /// Returns when everything written before is on the disk. An error means it may never be.
    func synchronize() throws(FileSystemError)
    /// Maps the whole file, which must not change its size afterwards.
    func map() throws(FileSystemError) -> any MappedRegion
}

/// A mapped file. Copies report a page that the disk cannot give or take as an error. Concurrent copies of disjoint
/// ranges are fine; the engine orders overlapping ones.
package protocol MappedRegion: AnyObject, Sendable {
    /// Length of the mapping.
    var count: Int { get }
    /// Faults the pages of a range in for writing, so that later stores are cheap and cannot fail for lack of room.
    func prepareForWriting(from offset: Int, count: Int) throws(FileSystemError)
    /// Copies into the file.
    func copyIn(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileSystemError)
    /// Copies out of the file.
    func copyOut(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError)
    /// Forgets where the whole pages of a range are in memory, nothing of what is in them: the next touch finds them again.
    func unmapPages(from offset: Int, count: Int)
    /// Makes a range durable; same promise as `StoreFile.synchronize`.
    func synchronize(from offset: Int, count: Int) throws(FileSystemError)
    /// Whether a range is in memory, so that copying out of it does not wait for the disk. A hint: true when unknown.
    func isResident(from offset: Int, count: Int) -> Bool
    /// Whether touching a page brings in what lies around it, as it does at first. A hint.
    func setReadAhead(_ isOn: Bool)
    /// What is touched in a range again and again is to stay in memory. A hint: without it Linux takes pages of a mapping
    /// that brings in nothing around them for the first ones to drop, however often they are touched (`vma_has_recency`).
    func keepInMemory(from offset: Int, count: Int)
    /// What lies at an offset is needed in a moment: begins to fetch it from memory, not from the disk. A hint.
    func prefetch(at offset: Int)
}

extension MappedRegion {
    /// Memory files have nothing to wait for.
    package func isResident(from offset: Int, count: Int) -> Bool { true }
    /// Memory files have nothing to bring in.
    package func setReadAhead(_ isOn: Bool) {}
    /// Memory files are in memory.
    package func keepInMemory(from offset: Int, count: Int) {}
    /// Memory files are not measured.
    package func prefetch(at offset: Int) {}
}

extension FileSystem {
    /// With all that is known of each entry.
    package func directoryNames(_ path: String) throws(FileSystemError) -> [String] {
        try list(path).filter(\.isDirectory).map(\.name)
    }

    /// File by file; an adapter with one call for all of it uses that.
    package func synchronizeTree(_ path: String) throws(FileSystemError) {
        for entry in try list(path) {
            let child = path + "/" + entry.name
            if entry.isDirectory {
                try synchronizeTree(child)
            } else {
                try openFile(child, mode: .existing).synchronize()
            }
        }
        try synchronizeDirectory(path)
    }
}

extension StoreFile {
    /// In two steps, between which another program may take the room.
    package func zeroReserved(from offset: Int, count: Int) throws(FileSystemError) {
        try zero(from: offset, count: count)
        try reserve(from: offset, count: count)
    }

    /// Nothing to do where blocks are never missing.
    package func reserve(from offset: Int, count: Int) throws(FileSystemError) {}

    /// Data everywhere.
    package func nextData(from offset: Int) -> Range<Int>? {
        guard let size = try? size(), offset < size else { return nil }
        return offset..<size
    }

    /// Nothing to do where nothing is read ahead.
    package func setReadAhead(_ isOn: Bool) {}

    /// Whether only zeros follow an offset.
    func isZero(from offset: Int) throws(FileSystemError) -> Bool {
        setReadAhead(false)
        defer { setReadAhead(true) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 8)
        defer { buffer.deallocate() }
        var at = offset
        while let data = nextData(from: at) {
            let wanted = min(buffer.count, data.count)
            let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: data.lowerBound)
            if count == 0 { return true }
            if storage_is_zero(buffer.baseAddress, count) == 0 { return false }
            at = data.lowerBound + count
        }
        return true
    }
}

extension FileSystem {
    /// Makes bytes the content of a file, all or none of them whatever happens meanwhile, and on the disk.
    func replaceFile(_ path: String, with content: ByteBuffer) throws(FileSystemError) {
        let temporary = path + ".tmp"
        let file = try openFile(temporary, mode: .create(size: 0, reserve: false))
        try file.truncate(to: 0)
        try file.write(content, at: 0)
        try file.synchronize()
        try rename(temporary, to: path)
        guard let slash = path.lastIndex(of: "/") else { return }
        try synchronizeDirectory(String(path[..<slash]))
    }
}

extension StoreFile {
    /// Bytes from an offset on; zeros where the file ends before.
    func bytes(at offset: Int, count: Int) throws(FileSystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var failure: FileSystemError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(FileSystemError) { _ = try read(into: buffer, at: offset) } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Writes all readable bytes or throws.
    func write(_ content: ByteBuffer, at offset: Int) throws(FileSystemError) {
        var failure: FileSystemError?
        content.withUnsafeReadableBytes { bytes in
            do throws(FileSystemError) { try write(bytes, at: offset) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Whether a short text is the content of the file.
    func holds(_ text: String) throws(FileSystemError) -> Bool {
        let wanted = Array(text.utf8)
        guard try size() == wanted.count else { return false }
        return try bytes(at: 0, count: wanted.count) == wanted
    }

    /// Makes a short text the content of the file.
    func replace(with text: String) throws(FileSystemError) {
        var text = text
        var failure: FileSystemError?
        text.withUTF8 { bytes in
            do throws(FileSystemError) {
                try write(UnsafeRawBufferPointer(bytes), at: 0)
                try truncate(to: bytes.count)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}
