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
        guard queue.isResident(from: from, count: count, nowMillis: clock.nowMillis) else { return true }
        var mayBlock = false
        try? queue.read(from: from, count: count) { units in
            guard let first = units.first, first.logOffset < maxLogOffset - Self.freshBytes else { return }
            mayBlock = isAnyMissing(
                units, maxCount: filters ? count : max(1, maxCount), maxBytes: maxBytes, matching: matching)
        }
        return mayBlock
    }

    /// Whether one of the messages that a read takes is not in memory.
    private func isAnyMissing(
        _ units: ArraySlice<QueueUnit>, maxCount: Int, maxBytes: Int, matching: ((Int64) -> Bool)?
    ) -> Bool {
        var (count, bytes) = (0, 0)
        var known: Range<Int64> = 0..<0
        for unit in units where unit.isMessage && matching?(unit.tagsCode) ?? true {
            if count == maxCount || bytes >= maxBytes { break }
            count += 1
            bytes += Int(unit.recordSize)
            let record = unit.logOffset..<unit.logOffset + Int64(unit.recordSize)
            if record.lowerBound >= known.lowerBound, record.upperBound <= known.upperBound { continue }
            guard let resident = residentRange(around: record) else { return true }
            known = resident
        }
        return false
    }

    /// What was written this lately is in the page cache: no need to ask the system. In a queue with little traffic even
    /// the newest message may be older.
    private static var freshBytes: Int64 { 32 << 20 }

    /// What is known to be in memory around a part of the log; nil when a page of that part is not.
    private func residentRange(around part: Range<Int64>) -> Range<Int64>? {
        var found = part
        var position = part.lowerBound
        while position < part.upperBound {
            guard let segment = segments.segment(at: position) else { return found }
            let stretch = ResidentStretches.stretch(at: position, in: segment)
            let isWhole = residentStretches.withLockedValue { $0.isResident(stretch, in: segment, clock.nowMillis) }
            let piece = position..<min(part.upperBound, stretch.upperBound)
            guard isWhole || segment.isResident(from: piece.lowerBound, count: piece.count) else { return nil }
            if isWhole { found = min(found.lowerBound, stretch.lowerBound)..<max(found.upperBound, stretch.upperBound) }
            position = piece.upperBound
        }
        return found
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
