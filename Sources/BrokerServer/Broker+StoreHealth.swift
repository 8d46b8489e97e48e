import Logging
import StorageEngine

extension Broker {
    /// A failed write or flush ended writing: what is stored is served, nothing is taken until a restart.
    var isReadOnly: Bool { store.writeRefusal?.code == .fenced }

    /// Has the store's events logged, and lets it ask what consumers have not read and what delivery needs.
    func watchStore() {
        let logger = logger
        store.setEventObserver { Self.log($0, to: logger) }
        let (store, offsets) = (store, delivery.offsets)
        store.setUnreadOffset { UnreadMessages.logOffset(offsets: offsets, store: store) }
        delivery.guardLog(of: store)
    }

    static func log(_ event: StoreEvent, to logger: Logger) {
        switch event {
        case .recovering(let offset, let end):
            logger.info("reading the log", metadata: ["offset": "\(offset)", "endAtMost": "\(end)"])
        case .damage(let damage):
            logger.error(
                "a part of the log cannot be read: its messages are lost, all others are served",
                metadata: ["file": "\(damage.file)", "logOffset": "\(damage.logOffset)", "bytes": "\(damage.bytes)"])
        case .fenced(let error):
            logger.critical(
                "the store is read-only until a restart: sends are refused", metadata: ["error": "\(error.message)"])
        case .disk(let level, let used):
            logger.log(
                level: level == .normal ? .info : level == .full ? .error : .warning, "the disk's level has changed",
                metadata: ["level": "\(level.rawValue)", "usedPercent": "\(used)", "meaning": "\(meaning(level))"])
        case .deleted(let path, let reason):
            logger.info("log file deleted", metadata: ["file": "\(path)", "because": "\(reason.rawValue)"])
        case .keptUnread(let path):
            logger.warning(
                "the disk is nearly full, but consumer groups have not read the oldest messages: they are kept",
                metadata: [
                    "file": "\(path)",
                    "hint": "let consumers catch up, delete groups that are gone, or set deleteUnreadWhenDiskFull=true",
                ])
        case .keptNeeded(let path):
            logger.notice(
                "a log file that may go stays until a snapshot of the ack ledgers holds what it says",
                metadata: ["file": "\(path)"])
        case .queueFileMissing(let path):
            logger.error(
                "a file of a queue was removed: its messages are not served until a restart builds the queue again",
                metadata: ["file": "\(path)"])
        case .rebuildingQueues(let count, let first):
            logger.warning(
                "queues are missing: they are built again from the log",
                metadata: ["count": "\(count)", "first": "\(first)"])
        case .waitsForRoom(let error):
            logger.error("the disk is full: tried again each second", metadata: ["error": "\(error.message)"])
        case .indexFailing(let error):
            logger.error(
                "the key index cannot be written: tried again, queries by key miss the newest messages until then",
                metadata: ["error": "\(error.message)"])
        }
    }

    private static func meaning(_ level: DiskLevel) -> String {
        switch level {
        case .normal: "all is well"
        case .high: "expired files are deleted at any hour"
        case .critical: "sends are slowed down, files are deleted before they expire"
        case .full: "sends are refused"
        }
    }

    /// What tools are told of the store besides Apache's figures.
    func storeFigures() -> [String: String] {
        let health = store.health
        var figures = [
            "storeStatus": health.status.rawValue, "storeDamageCount": String(health.damageCount),
            "indexBehindBytes": String(store.indexBehindBytes),
        ]
        if let failure = store.indexFailure { figures["indexFailure"] = failure.message }
        if let reason = health.reason { figures["storeStatusReason"] = reason }
        if !health.damages.isEmpty {
            figures["storeDamages"] = health.damages.prefix(Self.damagesToldMax).map { "\($0.file)@\($0.logOffset)" }
                .joined(separator: " ")
        }
        if let recovery = health.recovery {
            figures["storeRecoveryMillis"] = String(recovery.durationMillis)
            figures["storeRecoveryBytes"] = String(recovery.bytesScanned)
            figures["storeRecoveryClean"] = String(recovery.wasClean)
        }
        return figures
    }

    private static var damagesToldMax: Int { 16 }
}

/// Where the oldest message lies that a consumer group has still to consume.
enum UnreadMessages {
    /// Its log offset; nil when every group has consumed all of the topics that it has offsets on.
    static func logOffset(offsets: ConsumerOffsets, store: MessageStore) -> Int64? {
        var oldest: Int64?
        for entry in offsets.all {
            for queueID in store.queueIds(topic: entry.topic) {
                let next = max(entry.offsets[queueID] ?? 0, store.minOffset(topic: entry.topic, queueId: queueID))
                guard let at = store.logOffset(topic: entry.topic, queueId: queueID, queueOffset: next) else {
                    continue
                }
                oldest = min(oldest ?? at, at)
            }
        }
        return oldest
    }
}
