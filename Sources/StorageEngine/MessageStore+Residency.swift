/// What is read without waiting for the disk, and what is not.
extension MessageStore {
    /// Whether reads of the log bring what lies behind them into memory, from now on. May wait for a file that is being
    /// made.
    package func setReadAhead(_ isOn: Bool) { segments.setReadAhead(isOn) }

    /// Whether reading from an offset on may have to wait for the disk: its first record is far behind the end of the log
    /// and not in memory.
    package func readMayBlock(topic: String, queueId: Int32, from: Int64, maxBytes: Int) -> Bool {
        guard let (_, _, unit) = oldUnit(topic: topic, queueId: queueId, at: from),
            let segment = segments.segment(at: unit.logOffset)
        else { return false }
        return !isResident(
            from: unit.logOffset, to: unit.logOffset + min(Int64(maxBytes), segment.end - unit.logOffset))
    }

    /// The unit at an offset of a queue, with the queue and its end, when its record was not written lately.
    private func oldUnit(
        topic: String, queueId: Int32, at offset: Int64
    ) -> (queue: ConsumeQueue, end: Int64, unit: QueueUnit)? {
        guard let queue = queues.find(topic: topic, queueId: queueId) else { return nil }
        let bounds = queue.bounds
        guard offset >= bounds.min, offset < bounds.max, let unit = try? queue.read(at: offset),
            unit.logOffset < maxLogOffset - Self.freshBytes
        else { return nil }
        return (queue, bounds.max, unit)
    }

    /// What was written this lately is in the page cache: no need to ask the system. In a queue with little traffic even
    /// the newest message may be older.
    private static var freshBytes: Int64 { 32 << 20 }

    /// Whether reading some messages of a queue may have to wait for the disk. Other than
    /// ``readMayBlock(topic:queueId:from:maxBytes:)`` it looks at these messages and not at what lies between them, as far
    /// as they are not close together.
    package func readMayBlock(topic: String, queueId: Int32, from: Int64, maxCount: Int) -> Bool {
        guard let (queue, queueEnd, first) = oldUnit(topic: topic, queueId: queueId, at: from) else { return false }
        let end = min(queueEnd, from + Int64(max(1, maxCount)))
        if let last = try? queue.read(at: end - 1), last.logOffset >= first.logOffset,
            last.logOffset + Int64(last.recordSize) - first.logOffset <= Self.closeBytes
        {
            return !isResident(from: first.logOffset, to: last.logOffset + Int64(last.recordSize))
        }
        for offset in from..<end {
            guard let unit = try? queue.read(at: offset), unit.isMessage else { continue }
            if !isResident(from: unit.logOffset, to: unit.logOffset + Int64(unit.recordSize)) { return true }
        }
        return false
    }

    /// Records within so many bytes are looked at together: one question to the system.
    private static var closeBytes: Int64 { 256 << 10 }

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
