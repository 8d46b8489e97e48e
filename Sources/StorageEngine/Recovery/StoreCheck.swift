import MessageModel

/// Compares the consume queues and the key index of a store that is not in use with what the log says, and reads every
/// record on the way.
/// Changes nothing.
package struct StoreCheck {
    /// What a check found.
    package struct Report: Sendable {
        /// First and last log offset with records.
        package var log: Range<Int64> = 0..<0
        /// Records in the log that can be read.
        package var messages = 0
        /// Queues there are, and the messages that they hold.
        package var queues = 0
        package var units = 0
        /// Messages that no queue holds because the last stop was not clean: the next start adds them.
        package var missingUnits = 0
        package var wasClean = true
        /// Stretches that cannot be read.
        package var damages: [RecoveryReport.Damage] = []
        /// Files of the key index, and the entries in them; nil when the index was not checked, as the last stop was not
        /// clean or the index is switched off.
        package var index: (files: Int, entries: Int)?
        /// Where the index does not fit the log, in words; the first hundred.
        package var indexDifferences: [String] = []
        package var indexDifferenceCount = 0
        /// Where a queue is not what a rebuild would give, in words; the first hundred.
        package var differences: [String] = []
        package var differenceCount = 0

        /// Whether log, queues and index are as they should be.
        package var isGood: Bool { damages.isEmpty && differenceCount == 0 && indexDifferenceCount == 0 }

        fileprivate mutating func differs(_ text: String) {
            differenceCount += 1
            if differences.count < 100 { differences.append(text) }
        }
    }

    private let segments: LogSegments
    private let table: ConsumeQueueTable
    private let delayLevels: DelayLevels
    private var report = Report()
    private var matched: [ObjectIdentifier: Int] = [:]

    private init(segments: LogSegments, table: ConsumeQueueTable, delayLevels: DelayLevels) {
        self.segments = segments
        self.delayLevels = delayLevels
        self.table = table
    }

    /// Checks the store that a configuration names. Refused while a broker runs on it.
    package static func run(
        _ configuration: StoreConfiguration, files: any FileSystem
    ) throws(StoreError) -> Report {
        guard files.exists(configuration.logDirectory) else {
            throw StoreError(.refused, "\(configuration.logDirectory) does not exist: there is no store to check")
        }
        let lock = try MessageStore.takeLock(configuration.rootPath + "/lock", files: files)
        let segments = LogSegments(
            files: files, directory: configuration.logDirectory, fileBytes: configuration.commitLogFileBytes)
        let table = ConsumeQueueTable(files: files, configuration: configuration, notices: StoreNotices())
        try segments.load()
        try table.tombstones.load()
        _ = try table.load()
        var check = StoreCheck(segments: segments, table: table, delayLevels: configuration.delayLevels)
        check.report.wasClean = !files.exists(configuration.rootPath + "/abort")
        try check.readLog()
        try check.countUnits()
        // After a crash the next start repairs the index.
        if configuration.isIndexEnabled, check.report.wasClean {
            var index = IndexCheck(configuration, segments: segments, files: files)
            try index.run()
            check.report.index = (index.fileCount, index.entryCount)
            check.report.indexDifferences = index.differences
            check.report.indexDifferenceCount = index.differenceCount
        }
        withExtendedLifetime(lock) {}
        return check.report
    }

    private mutating func readLog() throws(StoreError) {
        var offset = segments.minOffset
        var end = offset
        while let segment = segments.segment(at: offset) {
            let (reading, messages) = try segment.readMessages(at: offset, checksBody: true, delayLevels: delayLevels)
            if case .record(let header) = reading, header.logOffset == offset {
                report.messages += 1
                if header.isQueued, !header.hasPlace {
                    report.differs(
                        "log offset \(offset): no message can be in queue \(header.queueId) at \(header.queueOffset)")
                }
                for message in messages { try compare(message) }
                offset += Int64(header.size)
                end = offset
            } else if case .blank = reading {
                offset = segment.end
            } else {
                guard let next = try RecordSearch(segments: segments).next(after: offset) else { break }
                report.damages.append(.init(file: segment.path, logOffset: offset, bytes: next - offset))
                offset = next
            }
        }
        report.log = segments.minOffset..<max(end, segments.minOffset)
    }

    /// The unit that a rebuild would write.
    private mutating func compare(_ message: DispatchedMessage) throws(StoreError) {
        if table.isBatchTopic(message.topic) { return }
        if table.tombstones.covers(topic: message.topic, logOffset: message.logOffset) { return }
        let place = "\(message.topic) queue \(message.queueId) offset \(message.queueOffset)"
        let queue = table.find(topic: message.topic, queueId: message.queueId)
        guard let queue, message.queueOffset < queue.bounds.max else {
            if report.wasClean {
                report.differs("\(place): the queue lacks the message at log offset \(message.logOffset)")
            } else {
                report.missingUnits += 1
            }
            return
        }
        guard let unit = try queue.read(at: message.queueOffset), unit.logOffset == message.logOffset,
            unit.recordSize == message.size,
            unit.tagsCode == message.tagsCode || message.topic == NameRules.scheduleTopic || unit.hasExtensionAddress
        else {
            return report.differs(
                "\(place): the queue does not point to the message at log offset \(message.logOffset)")
        }
        matched[ObjectIdentifier(queue), default: 0] += 1
    }

    /// Units that point at no message of the log are differences too.
    private mutating func countUnits() throws(StoreError) {
        for queue in table.all {
            report.queues += 1
            let (low, high) = queue.bounds
            var units = 0
            var offset = low
            while offset < high {
                var taken = 0
                try queue.read(from: offset, count: Int(min(high - offset, 1_024))) { slice in
                    taken = slice.count
                    units += slice.count { $0.isMessage && report.log.contains($0.logOffset) }
                }
                if taken == 0 { break }
                offset += Int64(taken)
            }
            report.units += units
            let known = matched[ObjectIdentifier(queue)] ?? 0
            if units != known {
                report.differs(
                    "\(queue.topic) queue \(queue.queueId): \(units) units where the log has \(known) messages for it")
            }
        }
    }
}
