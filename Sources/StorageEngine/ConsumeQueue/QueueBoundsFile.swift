import NIOConcurrencyHelpers
import NIOCore

/// The file `queuebounds`, ours alone: with it a start looks at no queue's files, however many there are.
///
/// It begins with the bounds of all queues; each checkpoint appends those that changed, and now and then the file is
/// replaced by a new one. Why a start may believe it:
/// - A block is written after the queues' files are flushed, and says up to where the log was in them then. What the
///   files hold beyond is in the log behind that place, from where recovery dispatches again.
/// - After a kill the page cache has all that was written, on the same run of the machine: a queue holds nothing that the
///   log does not. After a loss of power it may, so that a start of another run believes only a clean stop.
/// - Another program that opens the store writes to the file `lock`, as Apache does; ours does not when its content is
///   right. A copy of the store has a lock file of another number.
/// - Whatever else a start finds amiss, it discards the file before it changes anything, and searches all queues as it
///   does without one.
/// - A queue that the file names and whose directory is missing is built from the log; where the topic was deleted, the
///   tombstone says so.
///
/// Failures to write it are never reported: a later start takes longer.
final class QueueBoundsFile: Sendable {
    private struct State {
        var origin: QueueImage.Origin?
        /// End of the last whole block; nil when the file has to be written anew.
        var end: Int?
        var wholeBytes = 0
    }

    private let files: any FileSystem
    private let root: String
    private let path: String
    private let queueFileBytes: Int
    private let state = NIOLockedValueBox(State())
    private static let fileBytesMax = 1 << 30
    /// A file of changes is replaced when it is so much longer than one without.
    private static let changesBytesMin = 1 << 20

    init(files: any FileSystem, configuration: StoreConfiguration) {
        self.files = files
        root = configuration.rootPath
        path = root + "/queuebounds"
        queueFileBytes = configuration.queueFileBytes
    }

    /// The circumstances now; nil when the system cannot tell.
    private var origin: QueueImage.Origin? {
        guard let lock = files.stamp(of: root + "/lock") else { return nil }
        return QueueImage.Origin(lock: lock, boot: files.bootIdentity, queueFileBytes: Int64(queueFileBytes))
    }

    /// How much of an image is to be believed.
    enum Trust {
        /// It is of another store, or another program has written to this one since.
        case none
        /// The queues that it names were there.
        case existence
        /// All of it.
        case bounds
    }

    /// Reads the file; nil when there is none. Once, with the lock taken, before anything is saved.
    func load(wasClean: Bool, pagesWereLost: Bool) -> (image: QueueImage, trust: Trust)? {
        let origin = origin
        state.withLockedValue { $0.origin = origin }
        guard let origin, files.exists(path), let image = read() else { return nil }
        guard image.origin.lock.modifiedNanos == origin.lock.modifiedNanos,
            image.origin.lock.number == origin.lock.number, image.origin.queueFileBytes == origin.queueFileBytes
        else { return (image, .none) }
        let isSameRun =
            !origin.boot.isEmpty && image.origin.boot == origin.boot
            && image.origin.lock.device == origin.lock.device && !pagesWereLost
        return (image, wasClean || isSameRun ? .bounds : .existence)
    }

    private func read() -> QueueImage? {
        guard let file = try? files.openFile(path, mode: .existing), let size = try? file.size(),
            size <= Self.fileBytesMax
        else { return nil }
        var bytes = ByteBuffer()
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { space in
            (try? file.read(into: UnsafeMutableRawBufferPointer(rebasing: space[..<size]), at: 0)) ?? 0
        }
        guard let first = QueueBoundsBlock.read(&bytes), first.isWhole else { return nil }
        var image = QueueImage(origin: first.origin, logOffset: first.logOffset)
        image.take(first)
        let wholeBytes = bytes.readerIndex
        while let next = QueueBoundsBlock.read(&bytes), !next.isWhole {
            image.origin = next.origin
            image.logOffset = next.logOffset
            image.take(next)
        }
        state.withLockedValue { state in
            state.wholeBytes = wholeBytes
            state.end = bytes.readerIndex
        }
        return image
    }

    /// Makes sure that no later start finds it. Before anything changes that it tells of.
    func discard() throws(StoreError) {
        state.withLockedValue { $0.end = nil }
        guard files.exists(path) else { return }
        try StoreError.wrap { () throws(FileSystemError) in
            try files.remove(path)
            try files.synchronizeDirectory(root)
        }
    }

    /// Whether there is no file to append to.
    var needsSaving: Bool { state.withLockedValue { $0.origin != nil && $0.end == nil } }

    /// Has the next saving write all queues.
    func renew() { state.withLockedValue { $0.end = nil } }

    /// Notes that an image holds under the circumstances now, which may be others than it was made under. When that cannot
    /// be appended the next saving writes all queues, as with ``renew()``.
    func adopt(_ image: QueueImage) {
        guard state.withLockedValue({ $0.origin != nil && $0.origin != image.origin && $0.end != nil }) else { return }
        _ = append([], logOffset: image.logOffset)
    }

    /// Writes down the bounds of the queues that changed, or of `all` when it is time. What they hold of the log before
    /// the offset is flushed.
    func save(_ changed: [ConsumeQueue], logOffset: Int64, all: () -> [ConsumeQueue]) {
        guard let origin = state.withLockedValue({ $0.origin }), !append(changed, logOffset: logOffset) else { return }
        let block = Self.block(all(), isWhole: true, origin, logOffset).encoded()
        guard (try? files.replaceFile(path, with: block)) != nil else { return }
        state.withLockedValue { state in
            state.end = block.readableBytes
            state.wholeBytes = block.readableBytes
        }
    }

    /// Appends the bounds of the queues that changed; false when the file has to be written anew: it is long, or that
    /// failed.
    private func append(_ changed: [ConsumeQueue], logOffset: Int64) -> Bool {
        let (origin, end, wholeBytes) = state.withLockedValue { state in
            defer { state.end = nil }
            return (state.origin, state.end, state.wholeBytes)
        }
        guard let origin, let end, end < wholeBytes * 2 + Self.changesBytesMin else { return false }
        let block = Self.block(changed, isWhole: false, origin, logOffset).encoded()
        guard (try? append(block, at: end)) != nil else { return false }
        state.withLockedValue { $0.end = end + block.readableBytes }
        return true
    }

    private static func block(
        _ queues: [ConsumeQueue], isWhole: Bool, _ origin: QueueImage.Origin, _ logOffset: Int64
    ) -> QueueBoundsBlock {
        var topics: [String: [(id: Int32, bounds: QueueBounds)]] = [:]
        for queue in queues {
            guard let bounds = queue.boundsToSave else { continue }
            topics[queue.topic, default: []].append((queue.queueId, bounds))
        }
        return QueueBoundsBlock(
            isWhole: isWhole, origin: origin, logOffset: logOffset,
            topics: topics.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }

    private func append(_ block: ByteBuffer, at end: Int) throws(FileSystemError) {
        let file = try files.openFile(path, mode: .existing)
        // What is behind is not whole.
        if try file.size() > end { try file.truncate(to: end) }
        try file.write(block, at: end)
        try file.synchronize()
    }
}

extension QueueImage {
    fileprivate mutating func take(_ block: QueueBoundsBlock) {
        for (name, queues) in block.topics {
            for (id, bounds) in queues { topics[name, default: [:]][id] = bounds }
        }
    }
}
