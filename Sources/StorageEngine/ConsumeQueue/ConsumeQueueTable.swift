import NIOConcurrencyHelpers

/// All consume queues by topic and number.
final class ConsumeQueueTable: Sendable {
    private let files: any FileSystem
    private let root: String
    private let batchRoot: String
    private let sharing: QueueSharing
    /// Where the lives of deleted topics ended.
    let tombstones: Tombstones
    private let topics = NIOLockedValueBox(Topics())
    private let writesPerRound: Int
    private let keptLogBytesMax: Int64

    private struct Topics {
        var queues: [String: TopicQueues] = [:]
        /// Topics that Apache keeps in batch consume queues (`queue.type=BatchCQ`), which are left as they are.
        var batches: Set<String> = []
    }

    init(files: any FileSystem, configuration: StoreConfiguration, notices: StoreNotices) {
        self.files = files
        root = configuration.queueDirectory
        batchRoot = configuration.rootPath + "/batchconsumequeue"
        writesPerRound = configuration.queueWritesPerRound
        keptLogBytesMax = configuration.keptQueueLogBytesMax
        sharing = QueueSharing(files: files, configuration: configuration, notices: notices)
        tombstones = Tombstones(files: files, path: configuration.rootPath + "/deletedtopics")
    }

    /// The queues written to since the last call.
    func takeChanged() -> [ConsumeQueue] { sharing.takeChanged() }

    /// Writes the units in memory of some queues to their files, those that have had them the longest: so that a start
    /// after a kill, and a stop, find little to do. `end` is the end of the log.
    func writeSome(end: Int64) throws(StoreError) {
        for _ in 0..<writesPerRound {
            guard try sharing.writeOldest() else { return }
        }
        try writeAll(before: end - keptLogBytesMax)
    }

    /// Writes all units in memory to their files, or those of records before a log offset at least.
    func writeAll(before logOffset: Int64 = .max) throws(StoreError) {
        while try sharing.writeOldest(before: logOffset) {}
    }

    /// A log offset before which no record's queue unit is in memory only; nil when none is.
    var unwrittenFrom: Int64? { sharing.unwrittenFrom }

    /// Whether any queue was written to since then.
    var hasChanged: Bool { sharing.hasChanged }

    /// Has queues that nobody used for a while let go of their files.
    func closeIdle(before deadlineMillis: Int64, nowMillis: Int64) {
        for queue in sharing.mapped { queue.closeIfIdle(before: deadlineMillis, nowMillis: nowMillis) }
    }

    /// Whether Apache keeps the topic in batch consume queues.
    func isBatchTopic(_ topic: String) -> Bool { topics.withLockedValue { $0.batches.contains(topic) } }

    /// The queue, if a message was ever stored in it.
    func find(topic: String, queueId: Int32) -> ConsumeQueue? {
        topics.withLockedValue { $0.queues[topic]?[queueId] }
    }

    /// The numbers of a topic's queues.
    func queueIds(topic: String) -> [Int32] {
        topics.withLockedValue { $0.queues[topic]?.all.map(\.queueId) ?? [] }
    }

    /// The queue, made when new. Its files come with its first unit.
    func queue(topic: String, queueId: Int32) -> ConsumeQueue {
        topics.withLockedValue { queue(topic, queueId, &$0) }
    }

    /// The same for a message that comes in.
    func queueForAppend(topic: String, queueId: Int32) throws(StoreError) -> ConsumeQueue {
        let found = topics.withLockedValue { topics in
            topics.batches.contains(topic) ? nil : queue(topic, queueId, &topics)
        }
        guard let found else {
            throw StoreError(
                .notWritable,
                "topic \(topic) has batch consume queues (queue.type=BatchCQ), which are not supported yet")
        }
        return found
    }

    private func queue(_ topic: String, _ queueId: Int32, _ topics: inout Topics) -> ConsumeQueue {
        if let queue = topics.queues[topic]?[queueId] { return queue }
        let queue = make(topic: topic, queueId: queueId)
        topics.queues[topic, default: TopicQueues()].insert(queue)
        return queue
    }

    /// Every queue, in an order that is the same in each process: files are changed in it.
    var all: [ConsumeQueue] {
        topics.withLockedValue { $0.queues.sorted { $0.key < $1.key }.flatMap(\.value.all) }
    }

    /// The topics that have queues.
    var topicNames: Set<String> { topics.withLockedValue { Set($0.queues.keys) } }

    /// Whether a topic of that name has a directory of its own; others would lead out of the root.
    static func isDirectoryName(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && name.utf8.allSatisfy { $0 != UInt8(ascii: "/") && $0 != 0 }
    }

    /// Forgets a topic; its queues take no more messages. Under the commit log's append lock.
    func detach(topic: String) {
        let queues = topics.withLockedValue { $0.queues.removeValue(forKey: topic) } ?? TopicQueues()
        for queue in queues.all {
            queue.isDetached = true
            queue.forgetFiles()
        }
    }

    /// Forgets a queue and removes its files. It gets no message meanwhile.
    func remove(_ queue: ConsumeQueue) throws(StoreError) {
        let isLast = topics.withLockedValue { topics in
            topics.queues[queue.topic]?.remove(queue.queueId)
            guard topics.queues[queue.topic]?.all.isEmpty == true else { return false }
            topics.queues[queue.topic] = nil
            return true
        }
        queue.forgetFiles()
        let directory = isLast ? root + "/" + queue.topic : queue.directory
        try StoreError.wrap { () throws(FileSystemError) in try files.removeTree(directory) }
    }

    /// Removes the queues of a topic whose newest messages lie before a log offset. They must not get any meanwhile.
    func removeQueues(of topic: String, endedBefore end: Int64) throws(StoreError) {
        var ended: [ConsumeQueue] = []
        for queueId in queueIds(topic: topic) {
            guard let queue = find(topic: topic, queueId: queueId), try queue.newestLogOffset() < end else { continue }
            ended.append(queue)
        }
        sharing.creating.lock()
        defer { sharing.creating.unlock() }
        for queue in ended { try remove(queue) }
    }

    /// Deletes topics; returns which. `detach` detaches them and tells the end of the log at that moment.
    ///
    /// No queue file is created or written meanwhile: those of a new topic of the same name have the same paths.
    func delete(_ detach: () -> (topics: [String], logEnd: Int64)) throws(StoreError) -> [String] {
        sharing.creating.lock()
        defer { sharing.creating.unlock() }
        let (detached, logEnd) = detach()
        if detached.isEmpty { return [] }
        try tombstones.add(topics: detached, end: logEnd)
        for topic in detached {
            try StoreError.wrap { () throws(FileSystemError) in try files.removeTree(root + "/" + topic) }
        }
        return detached
    }

    private func make(topic: String, queueId: Int32, bounds: QueueBounds? = nil) -> ConsumeQueue {
        ConsumeQueue(topic: topic, queueId: queueId, root: root, sharing: sharing, bounds: bounds)
    }

    private func subdirectories(of path: String) throws(StoreError) -> [String] {
        do throws(FileSystemError) {
            return try files.directoryNames(path)
        } catch {
            if error.kind == .notFound { return [] }
            throw StoreError(error)
        }
    }

    // MARK: Loading

    /// What loading found.
    struct Loading {
        /// Queues whose files were looked at.
        var searched: [ConsumeQueue] = []
        /// Queues that should be there, but whose directory or file is not.
        var missing: Set<QueuePlace> = []
        /// Files of such queues that have to go before these are built again.
        var stale: [String] = []
        /// Something that the image names is not as it says.
        var differs = false
    }

    /// What is known before the queues are looked at.
    struct Known {
        var image: QueueImage
        /// The bounds are right, not only the names.
        var isWhole: Bool
        /// Whether files are looked for too: directories are in any case.
        var looksForFiles: Bool
        var logStart: Int64
    }

    /// Opens the queues that have a directory; the files of those of which nothing is known are searched. `logStart` is
    /// where the log begins, for a start that builds queues again.
    func load(_ known: Known? = nil, logStart: Int64? = nil) throws(StoreError) -> Loading {
        for queue in topics.withLockedValue({ $0.queues.values.flatMap(\.all) }) { queue.forgetFiles() }
        sharing.forgetBuffered()
        var loading = Loading()
        var loaded = Topics(batches: Set(try subdirectories(of: batchRoot)))
        var named = known?.image.topics ?? [:]
        for topic in try subdirectories(of: root).sorted() {
            var bounds = named.removeValue(forKey: topic) ?? [:]
            var queues = TopicQueues()
            for queueId in try queueNumbers(of: topic) {
                let queue = try open(
                    topic, queueId, bounds.removeValue(forKey: queueId), known, logStart: logStart, &loading)
                queues.insert(queue)
            }
            loaded.queues[topic] = queues
            if let known, !bounds.isEmpty { note(bounds, of: topic, known, &loading) }
        }
        if let known {
            for (topic, bounds) in named { note(bounds, of: topic, known, &loading) }
        }
        topics.withLockedValue { $0 = loaded }
        return loading
    }

    /// Removes the files of queues that are built again.
    func removeStale(_ loading: Loading) throws(StoreError) {
        for path in loading.stale where files.exists(path) {
            try StoreError.wrap { () throws(FileSystemError) in try files.remove(path) }
        }
    }

    private func queueNumbers(of topic: String) throws(StoreError) -> [Int32] {
        try subdirectories(of: root + "/" + topic).compactMap(Int32.init).filter { $0 >= 0 }.sorted()
    }

    private func open(
        _ topic: String, _ queueId: Int32, _ bounds: QueueBounds?, _ known: Known?, logStart: Int64?,
        _ loading: inout Loading
    ) throws(StoreError) -> ConsumeQueue {
        if let known, let bounds, known.isWhole, isRight(bounds, of: topic, known) {
            let queue = make(topic: topic, queueId: queueId, bounds: bounds)
            if !known.looksForFiles || queue.hasNewestFile { return queue }
        }
        let queue = make(topic: topic, queueId: queueId)
        // Made since the image, by the process that was killed: all it holds is read from the log.
        if let known, known.isWhole, known.looksForFiles, bounds == nil { return queue }
        let stale = try queue.load(logStart: logStart)
        if !stale.isEmpty { loading.missing.insert(QueuePlace(topic: topic, queueId: queueId)) }
        loading.stale += stale
        loading.searched.append(queue)
        guard let known, let bounds else { return queue }
        loading.differs = true
        if bounds.isLost || queue.bounds.max < bounds.offsets.upperBound, isNeeded(bounds, of: topic, known) {
            loading.missing.insert(QueuePlace(topic: topic, queueId: queueId))
        }
        return queue
    }

    /// Whether bounds can be of the queue that has the directory, and all their files be there.
    private func isRight(_ bounds: QueueBounds, of topic: String, _ known: Known) -> Bool {
        if bounds.isLost || !bounds.fit(fileBytes: sharing.fileBytes) { return false }
        // Retention may have removed files since.
        guard bounds.offsets.isEmpty || bounds.oldestLogOffset.map({ $0 >= known.logStart }) ?? false else {
            return false
        }
        if bounds.offsets.isEmpty { return true }
        // A queue that took no message since it was searched does not know its newest one: its files do.
        guard let newest = bounds.newestLogOffset else { return tombstones.end(of: topic) == 0 }
        return !tombstones.covers(topic: topic, logOffset: newest)
    }

    /// Whether the log has messages of a queue that was there.
    private func isNeeded(_ bounds: QueueBounds, of topic: String, _ known: Known) -> Bool {
        if bounds.offsets.isEmpty { return false }
        guard let newest = bounds.newestLogOffset else { return true }
        return newest >= known.logStart && !tombstones.covers(topic: topic, logOffset: newest)
    }

    /// Queues without a directory: those whose messages are all gone or deleted need none.
    private func note(_ bounds: [Int32: QueueBounds], of topic: String, _ known: Known, _ loading: inout Loading) {
        loading.differs = true
        for (queueId, bounds) in bounds where isNeeded(bounds, of: topic, known) {
            loading.missing.insert(QueuePlace(topic: topic, queueId: queueId))
        }
    }
}

/// A queue by its name.
struct QueuePlace: Hashable {
    var topic: String
    var queueId: Int32
}
