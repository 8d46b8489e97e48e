import NIOConcurrencyHelpers

/// All consume queues by topic and number.
final class ConsumeQueueTable: Sendable {
    private let files: any FileSystem
    private let root: String
    private let batchRoot: String
    private let sharing: QueueSharing
    /// Where the lives of deleted topics ended.
    let tombstones: Tombstones
    private let topics = NIOLockedValueBox<[String: [Int32: ConsumeQueue]]>([:])
    private let batchTopics = NIOLockedValueBox<Set<String>>([])

    init(files: any FileSystem, configuration: StoreConfiguration) {
        self.files = files
        root = configuration.queueDirectory
        batchRoot = configuration.rootPath + "/batchconsumequeue"
        sharing = QueueSharing(
            files: files, fileBytes: configuration.queueFileBytes, mappedMax: configuration.mappedQueuesMax)
        tombstones = Tombstones(files: files, path: configuration.rootPath + "/deletedtopics")
    }

    /// The queues written to since the last call.
    func takeChanged() -> [ConsumeQueue] { sharing.takeChanged() }

    /// Whether any queue was written to since then.
    var hasChanged: Bool { sharing.hasChanged }

    /// Has queues that nobody used for a while let go of their files.
    func closeIdle(before deadlineMillis: Int64, nowMillis: Int64) {
        for queue in sharing.mapped { queue.closeIfIdle(before: deadlineMillis, nowMillis: nowMillis) }
    }

    /// Whether Apache keeps the topic in batch consume queues (`queue.type=BatchCQ`), which are left as they are.
    func isBatchTopic(_ topic: String) -> Bool {
        batchTopics.withLockedValue { !$0.isEmpty && $0.contains(topic) }
    }

    /// The queue, if a message was ever stored in it.
    func find(topic: String, queueId: Int32) -> ConsumeQueue? {
        topics.withLockedValue { $0[topic]?[queueId] }
    }

    /// The numbers of a topic's queues.
    func queueIds(topic: String) -> [Int32] {
        topics.withLockedValue { $0[topic].map { Array($0.keys) } ?? [] }
    }

    /// The queue, made when new. Its files come with its first unit.
    func queue(topic: String, queueId: Int32) -> ConsumeQueue {
        topics.withLockedValue { topics in
            if let queue = topics[topic]?[queueId] { return queue }
            let queue = make(topic: topic, queueId: queueId)
            topics[topic, default: [:]][queueId] = queue
            return queue
        }
    }

    /// Every queue, in an order that is the same in each process: files are changed in it.
    var all: [ConsumeQueue] {
        topics.withLockedValue { $0.values.flatMap { $0.values } }.sorted {
            ($0.topic, $0.queueId) < ($1.topic, $1.queueId)
        }
    }

    /// Opens the queues that have a directory.
    func load() throws(StoreError) {
        let batches = Set(try subdirectories(of: batchRoot))
        batchTopics.withLockedValue { $0 = batches }
        let names = try subdirectories(of: root)
        var loaded: [String: [Int32: ConsumeQueue]] = [:]
        for topic in names {
            for name in try subdirectories(of: root + "/" + topic) {
                guard let queueId = Int32(name), queueId >= 0 else { continue }
                let queue = make(topic: topic, queueId: queueId)
                try queue.load()
                loaded[topic, default: [:]][queueId] = queue
            }
        }
        topics.withLockedValue { $0 = loaded }
    }

    /// The topics that have queues.
    var topicNames: Set<String> { topics.withLockedValue { Set($0.keys) } }

    /// Whether a topic of that name has a directory of its own; others would lead out of the root.
    static func isDirectoryName(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && name.utf8.allSatisfy { $0 != UInt8(ascii: "/") && $0 != 0 }
    }

    /// Forgets a topic; its queues take no more messages. Under the commit log's append lock.
    func detach(topic: String) {
        let queues = topics.withLockedValue { $0.removeValue(forKey: topic) } ?? [:]
        for queue in queues.values {
            queue.isDetached = true
            queue.forgetFiles()
        }
    }

    /// Forgets a topic and removes its files; before the log takes messages.
    func remove(topic: String) throws(StoreError) {
        detach(topic: topic)
        try removeFiles(topic: topic)
    }

    /// Removes the files of a detached topic, before any of a new one of that name are created.
    func removeFiles(topic: String) throws(StoreError) {
        sharing.creating.lock()
        defer { sharing.creating.unlock() }
        try StoreError.wrap { () throws(FileSystemError) in try files.removeTree(root + "/" + topic) }
    }

    private func make(topic: String, queueId: Int32) -> ConsumeQueue {
        ConsumeQueue(topic: topic, queueId: queueId, root: root, sharing: sharing)
    }

    private func subdirectories(of path: String) throws(StoreError) -> [String] {
        do throws(FileSystemError) {
            return try files.list(path).filter(\.isDirectory).map(\.name)
        } catch {
            if error.kind == .notFound { return [] }
            throw StoreError(error)
        }
    }
}
