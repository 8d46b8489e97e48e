import Dispatch
import NIOConcurrencyHelpers

@testable import StorageEngine

/// Real files, with failures that the test switches on.
final class FailingFileSystem: FileSystem {
    struct Faults {
        var synchronizeFails = false
        var createFails = false
        var usedPercent: Int?
        /// Mapped files with this in their path take no bytes.
        var failingPath: String?
        /// Who stores to mapped files with this in their path waits for the semaphore, and the next one in turn.
        var stuck: (path: String, until: DispatchSemaphore)?
        var synchronizations = 0
        var queueSynchronizations = 0
        var treeSynchronizations = 0
        /// What was said about reading ahead in mapped files of queues, and which were touched before anything was.
        var readAhead: [Bool] = []
        /// The same for mapped files of the log, by name.
        var logReadAhead: [String: Bool] = [:]
        var touchedUnadvised = 0
        /// Where files of the log were written by a call.
        var logWrites: [Range<Int>] = []
    }

    let faults = NIOLockedValueBox(Faults())
    private let real = LinuxFileSystem()

    func makeDirectories(_ path: String) throws(FileSystemError) { try real.makeDirectories(path) }
    func list(_ path: String) throws(FileSystemError) -> [DirectoryEntry] { try real.list(path) }
    func directoryNames(_ path: String) throws(FileSystemError) -> [String] { try real.directoryNames(path) }
    func stamp(of path: String) -> FileStamp? { real.stamp(of: path) }
    var bootIdentity: String { real.bootIdentity }
    func exists(_ path: String) -> Bool { real.exists(path) }
    func remove(_ path: String) throws(FileSystemError) { try real.remove(path) }
    func removeTree(_ path: String) throws(FileSystemError) { try real.removeTree(path) }
    func rename(_ source: String, to target: String) throws(FileSystemError) { try real.rename(source, to: target) }
    func link(_ source: String, to target: String) throws(FileSystemError) { try real.link(source, to: target) }
    func synchronizeDirectory(_ path: String) throws(FileSystemError) { try real.synchronizeDirectory(path) }
    func synchronizeTree(_ path: String) throws(FileSystemError) {
        faults.withLockedValue { $0.treeSynchronizations += 1 }
        try real.synchronizeTree(path)
    }
    func lock(_ path: String) throws(FileSystemError) -> any FileLock { try real.lock(path) }

    func space(at path: String) throws(FileSystemError) -> DiskSpace {
        guard let used = faults.withLockedValue({ $0.usedPercent }) else { return try real.space(at: path) }
        return DiskSpace(totalBytes: 100 << 30, availableBytes: Int64(100 - used) << 30)
    }

    func openFile(_ path: String, mode: FileOpenMode) throws(FileSystemError) -> any StoreFile {
        if case .create(_, reserve: true) = mode, path.contains("/commitlog/"),
            faults.withLockedValue({ $0.createFails })
        {
            throw FileSystemError(kind: .noSpace, operation: "fallocate", path: path, errorNumber: 28)
        }
        return FailingFile(real: try real.openFile(path, mode: mode), faults: faults)
    }
}

private final class FailingFile: StoreFile {
    let real: any StoreFile
    let faults: NIOLockedValueBox<FailingFileSystem.Faults>
    var path: String { real.path }

    init(real: any StoreFile, faults: NIOLockedValueBox<FailingFileSystem.Faults>) {
        self.real = real
        self.faults = faults
    }

    func size() throws(FileSystemError) -> Int { try real.size() }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) -> Int {
        try real.read(into: buffer, at: offset)
    }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileSystemError) {
        if path.contains("/commitlog/") {
            faults.withLockedValue { $0.logWrites.append(offset..<offset + bytes.count) }
        }
        try real.write(bytes, at: offset)
    }
    func zero(from offset: Int, count: Int) throws(FileSystemError) { try real.zero(from: offset, count: count) }
    func truncate(to size: Int) throws(FileSystemError) { try real.truncate(to: size) }
    func synchronize() throws(FileSystemError) {
        if path.contains("/consumequeue/") { faults.withLockedValue { $0.queueSynchronizations += 1 } }
        let fails =
            path.contains("/commitlog/")
            && faults.withLockedValue { faults in
                faults.synchronizations += 1
                return faults.synchronizeFails
            }
        if fails { throw FileSystemError(kind: .inputOutput, operation: "fdatasync", path: path, errorNumber: 5) }
        try real.synchronize()
    }
    func map() throws(FileSystemError) -> any MappedRegion { FailingRegion(path, try real.map(), faults) }
}

private final class FailingRegion: MappedRegion {
    private let isAdvised = NIOLockedValueBox(false)
    let path: String
    let real: any MappedRegion
    let faults: NIOLockedValueBox<FailingFileSystem.Faults>
    var count: Int { real.count }

    init(_ path: String, _ real: any MappedRegion, _ faults: NIOLockedValueBox<FailingFileSystem.Faults>) {
        self.path = path
        self.real = real
        self.faults = faults
    }

    func prepareForWriting(from offset: Int, count: Int) throws(FileSystemError) {
        try real.prepareForWriting(from: offset, count: count)
    }
    func unmapPages(from offset: Int, count: Int) { real.unmapPages(from: offset, count: count) }
    func setReadAhead(_ isOn: Bool) {
        isAdvised.withLockedValue { $0 = true }
        if path.contains("/consumequeue/") { faults.withLockedValue { $0.readAhead.append(isOn) } }
        if path.contains("/commitlog/") {
            faults.withLockedValue { $0.logReadAhead[String(path.suffix(20))] = isOn }
        }
        real.setReadAhead(isOn)
    }
    func keepInMemory(from offset: Int, count: Int) { real.keepInMemory(from: offset, count: count) }
    private func noteTouch() {
        guard path.contains("/consumequeue/"), !isAdvised.withLockedValue({ $0 }) else { return }
        faults.withLockedValue { $0.touchedUnadvised += 1 }
    }
    func copyIn(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileSystemError) {
        noteTouch()
        if let stuck = faults.withLockedValue({ $0.stuck }), path.contains(stuck.path) {
            stuck.until.wait()
            stuck.until.signal()
        }
        if faults.withLockedValue({ $0.failingPath.map(path.contains) ?? false }) {
            throw FileSystemError(kind: .inputOutput, operation: "store to mapped page", path: path)
        }
        try real.copyIn(bytes, at: offset)
    }
    func copyOut(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileSystemError) {
        noteTouch()
        try real.copyOut(into: buffer, at: offset)
    }
    func synchronize(from offset: Int, count: Int) throws(FileSystemError) {
        let fails = faults.withLockedValue { faults in
            faults.synchronizations += 1
            return faults.synchronizeFails
        }
        if fails { throw FileSystemError(kind: .inputOutput, operation: "msync", path: path, errorNumber: 5) }
        try real.synchronize(from: offset, count: count)
    }
}
