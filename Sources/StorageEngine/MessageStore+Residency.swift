/// What is read without waiting for the disk, and what is not.
extension MessageStore {
    /// Whether reads of the log bring what lies behind them into memory, from now on. May wait for a file that is being
    /// made.
    package func setReadAhead(_ isOn: Bool) { segments.setReadAhead(isOn) }

    /// Whether ``read(topic:queueId:from:maxCount:maxBytes:into:matching:accepting:)`` may have to wait for the disk: units of
    /// the queue, or messages that it would take, are far behind the end of the log and not in memory. `filters` says that
    /// it gets an `accepting`, which has to see each message.
    package func readMayBlock(
        topic: String, queueId: Int32, from: Int64, maxCount: Int, maxBytes: Int = .max,
        matching: ((Int64) -> Bool)? = nil, filters: Bool = false
    ) -> Bool {
        guard let queue = queues.find(topic: topic, queueId: queueId) else { return false }
        let bounds = queue.bounds
        guard from >= bounds.min, from < bounds.max else { return false }
        let isFiltered = matching != nil || filters
        let most = isFiltered ? QueueReader.scanCount(maxCount: maxCount) : Int64(max(1, maxCount))
        let count = Int(min(most, bounds.max - from))
        guard queue.isResident(from: from, count: count) else { return true }
        guard let first = try? queue.read(at: from), first.logOffset < maxLogOffset - Self.freshBytes else {
            return false
        }
        var wanted = WantedRecords(maxCount: filters ? count : maxCount, maxBytes: maxBytes)
        try? queue.read(from: from, count: count) { units in
            for unit in units where unit.isMessage && matching?(unit.tagsCode) ?? true {
                guard wanted.take(unit) else { return }
            }
        }
        return wanted.stretches.contains { !isResident(from: $0.lowerBound, to: $0.upperBound) }
    }

    /// What was written this lately is in the page cache: no need to ask the system. In a queue with little traffic even
    /// the newest message may be older.
    private static var freshBytes: Int64 { 32 << 20 }

    private func isResident(from start: Int64, to end: Int64) -> Bool {
        var position = start
        while position < end {
            guard let segment = segments.segment(at: position) else { return true }
            let stretch = ResidentStretches.stretch(at: position, in: segment)
            let isWhole = residentStretches.withLockedValue { $0.isResident(stretch, in: segment, clock.nowMillis) }
            let piece = position..<min(end, stretch.upperBound)
            guard isWhole || segment.isResident(from: piece.lowerBound, count: piece.count) else { return false }
            position = piece.upperBound
        }
        return true
    }
}

/// Where the records lie that a read takes.
struct WantedRecords {
    private var countLeft: Int
    private var bytesLeft: Int
    /// In the order of the units; neighbours in one.
    private(set) var stretches: [Range<Int64>] = []
    /// Records this near to each other are looked at together: one question to the system.
    private static let nearBytes: Int64 = 16 << 10

    init(maxCount: Int, maxBytes: Int) {
        countLeft = max(1, maxCount)
        bytesLeft = maxBytes
    }

    /// False when it is more than the read takes.
    mutating func take(_ unit: QueueUnit) -> Bool {
        guard countLeft > 0, bytesLeft > 0 else { return false }
        countLeft -= 1
        bytesLeft -= Int(unit.recordSize)
        let end = unit.logOffset + Int64(unit.recordSize)
        if let last = stretches.last, (0...Self.nearBytes).contains(unit.logOffset - last.upperBound) {
            stretches[stretches.count - 1] = last.lowerBound..<end
        } else {
            stretches.append(unit.logOffset..<max(unit.logOffset, end))
        }
        return true
    }
}

/// What the system said lately of stretches of the log: readers of old messages go through them message by message, and
/// asking for each takes as long as reading it.
struct ResidentStretches {
    private struct Answer {
        var start: Int64 = -1
        var millis: Int64 = 0
        var isResident = false
    }

    /// How long an answer holds. When memory is short a page may be gone before; then its reader waits for the disk.
    static let validMillis: Int64 = 1_000
    private static let stretchBytes: Int64 = 1 << 20
    private static let countMax = 64
    private var answers = [Answer](repeating: Answer(), count: countMax)

    /// The stretch of a file that a log offset lies in.
    static func stretch(at offset: Int64, in segment: LogSegment) -> Range<Int64> {
        let start = offset - (offset - segment.base) % stretchBytes
        return start..<min(start + stretchBytes, segment.end)
    }

    /// Whether all of a stretch is in memory, as far as is known; else parts of it may be.
    mutating func isResident(_ stretch: Range<Int64>, in segment: LogSegment, _ nowMillis: Int64) -> Bool {
        let place = Int(stretch.lowerBound / Self.stretchBytes) % Self.countMax
        let known = answers[place]
        if known.start == stretch.lowerBound, (0..<Self.validMillis).contains(nowMillis - known.millis) {
            return known.isResident
        }
        let isResident = segment.isResident(from: stretch.lowerBound, count: stretch.count)
        answers[place] = Answer(start: stretch.lowerBound, millis: nowMillis, isResident: isResident)
        return isResident
    }
}
