/// What recovery and retention do to a queue.
extension ConsumeQueue {
    /// Drops the units of records at or behind a log offset; recovery found the log ends there.
    func truncate(toLogOffset end: Int64) throws(StoreError) {
        let (low, written) = bounds
        var offset = written
        while offset > max(low, 0), let unit = try read(at: offset - 1),
            !unit.isWritten || (unit.isMessage && unit.logOffset >= end)
        {
            offset -= 1
        }
        if offset == written { return }
        try writeOut()
        let empty = QueueUnit(logOffset: 0, recordSize: 0, tagsCode: 0)
        var index = offset
        while index < written {
            let number = index / unitsPerFile
            let count = min(written, (number + 1) * unitsPerFile, index + Self.portionUnits) - index
            if state.withLockedValue({ $0.hasFile(number) }) {
                try write(Array(repeating: empty, count: Int(count))[...], at: index)
            }
            index += count
        }
        state.withLockedValue { state in
            state.maxOffset = offset
            state.newestLogOffset = nil
            if offset <= state.minOffset { state.oldestLogOffset = nil }
            noteChange(&state)
        }
        nextOffset = offset
    }

    /// Makes units of records in damaged ranges of the log into units that are no messages, so that nobody is handed what
    /// is left of these; looks at units of the log from an offset on.
    func blank(_ damaged: [Range<Int64>], from start: Int64) throws(StoreError) {
        let (low, high) = bounds
        var offset = high
        while offset > low, let unit = try read(at: offset - 1), !unit.isMessage || unit.logOffset >= start {
            offset -= 1
            guard unit.isMessage, damaged.contains(where: { $0.contains(unit.logOffset) }) else { continue }
            try writeOut()
            try write([.preFill], at: offset)
            state.withLockedValue { state in
                state.oldestLogOffset = nil
                state.newestLogOffset = nil
            }
        }
    }

    /// Writes a unit again that is there already: what a killed process wrote may not be on the disk.
    func rewrite(_ unit: QueueUnit, at offset: Int64) throws(StoreError) {
        let isInMemory = state.withLockedValue { $0.tail.take(unit, at: offset, end: -1) }
        if isInMemory { return }
        try write([unit], at: offset)
    }

    /// Has the next flush see to the names of the queue's files, which a killed process may have made.
    func adoptNames() {
        state.withLockedValue { $0.hasNewFiles = true }
    }

    /// Moves the first readable offset to the first record the log still has, and removes files wholly before it.
    func raiseMin(toLogOffset start: Int64) throws(StoreError) {
        try unlessRemoved { () throws(StoreError) in try dropBefore(logOffset: start) }
    }

    private func dropBefore(logOffset start: Int64) throws(StoreError) {
        let (low, end, oldest, newest) = state.withLockedValue { state in
            (state.minOffset, state.maxOffset, state.oldestLogOffset, state.newestLogOffset)
        }
        // Most queues are spared a look at their files.
        if let oldest, oldest >= start { return }
        let first: (offset: Int64, unit: QueueUnit)?
        if let newest, newest < start {
            first = nil
        } else {
            first = try firstMessage(from: low, to: end, logOffset: start)
        }
        let stale: [Int64] = state.withLockedValue { state in
            let moved = max(state.minOffset, min(first?.offset ?? end, end))
            let oldest = moved == first?.offset ? first?.unit.logOffset : nil
            guard moved != state.minOffset || oldest != state.oldestLogOffset else { return [] }
            state.minOffset = moved
            state.oldestLogOffset = oldest
            noteChange(&state)
            guard let held = state.numbers else { return [] }
            let keep = min(max(held.lowerBound, moved / unitsPerFile), held.upperBound)
            guard keep > held.lowerBound else { return [] }
            state.numbers = keep...held.upperBound
            let stale = Array(held.lowerBound..<keep)
            for number in stale { state.regions[number] = nil }
            return stale
        }
        for number in stale {
            try StoreError.wrap { () throws(FileSystemError) in try files.remove(path(number)) }
        }
    }

    /// The first message at or behind a log offset in a range of offsets.
    private func firstMessage(
        from start: Int64, to end: Int64, logOffset: Int64
    ) throws(StoreError) -> (offset: Int64, unit: QueueUnit)? {
        var (low, high) = (start, end)
        while low < high {
            let middle = (low + high) / 2
            // Units that are no messages say nothing: damage of the log leaves some in the middle.
            guard let (offset, unit) = try message(from: middle, to: high) else {
                high = middle
                continue
            }
            if unit.logOffset < logOffset { low = offset + 1 } else { high = middle }
        }
        return try message(from: low, to: end)
    }

    /// The first unit of a message in a range of offsets.
    private func message(from: Int64, to end: Int64) throws(StoreError) -> (offset: Int64, unit: QueueUnit)? {
        var offset = from
        while offset < end {
            guard let unit = try read(at: offset) else { return nil }
            if unit.isMessage { return (offset, unit) }
            offset += 1
        }
        return nil
    }

    /// Makes everything behind the last unit read as zeros: a power failure may have left units there that a later
    /// search for the end would take for the queue's.
    func eraseTail() throws(StoreError) {
        try writeOut()
        let (end, held) = state.withLockedValue { ($0.maxOffset, $0.numbers) }
        guard let held else { return }
        for number in held where (number + 1) * unitsPerFile > end {
            let index = Int(max(0, end - number * unitsPerFile))
            let wasEmpty = try StoreError.wrap { () throws(FileSystemError) in
                let file = try files.openFile(path(number), mode: .existing)
                if try file.isZero(from: index * QueueUnit.size) { return true }
                try file.zero(from: index * QueueUnit.size, count: fileBytes - index * QueueUnit.size)
                return false
            }
            if !wasEmpty { noteUnflushed(number) }
        }
    }
}
