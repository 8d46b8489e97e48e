extension ConsumeQueue {
    // MARK: Writing

    /// Writes the units in memory to their files; they stay where they are when that fails.
    func writeOut() throws(StoreError) {
        sharing.creating.lock()
        defer { sharing.creating.unlock() }
        try writeOutAlone()
    }

    /// The same, under `sharing.creating`.
    func writeOutAlone() throws(StoreError) {
        let (start, units) = state.withLockedValue { ($0.tail.start, $0.tail.units) }
        if units.isEmpty { return }
        try unlessRemoved { () throws(StoreError) in
            try write(units[...], at: start)
            state.withLockedValue { state in
                // Removed with its units meanwhile.
                if state.isRemoved { return }
                state.tail.drop(units.count)
                sharing.noteKept(-units.count)
                // A checkpoint that looked at it meanwhile saved its bounds without them.
                noteChange(&state)
            }
        }
    }

    /// Writes a unit past the ones in memory, of which there are none; a gap before it is filled.
    func place(_ unit: QueueUnit, at offset: Int64) throws(StoreError) {
        sharing.creating.lock()
        defer { sharing.creating.unlock() }
        let (end, isRemoved) = state.withLockedValue { ($0.maxOffset, $0.isRemoved) }
        if isRemoved { return }
        try unlessRemoved { () throws(StoreError) in
            var gap = max(end, offset / unitsPerFile * unitsPerFile)
            while gap < offset {
                let count = Int(min(offset - gap, Self.portionUnits))
                try write(Array(repeating: .preFill, count: count)[...], at: gap)
                gap += Int64(count)
            }
            try write([unit], at: offset)
        }
    }

    /// Units written at a time when many are.
    static var portionUnits: Int64 { 4_096 }

    /// Writes units at their offsets, over whatever is there. Under `sharing.creating`, or before the store is open.
    func write(_ units: ArraySlice<QueueUnit>, at start: Int64) throws(StoreError) {
        var rest = units
        var offset = start
        while !rest.isEmpty {
            let number = offset / unitsPerFile
            let count = Int(min(Int64(rest.count), (number + 1) * unitsPerFile - offset))
            let file = try writableFile(number: number)
            let index = Int(offset % unitsPerFile)
            let failure = Self.write(rest.prefix(count), to: file, at: index * QueueUnit.size)
            if let failure { throw StoreError(failure) }
            noteUnflushed(number)
            rest = rest.dropFirst(count)
            offset += Int64(count)
        }
    }

    private static func write(
        _ units: ArraySlice<QueueUnit>, to file: any StoreFile, at position: Int
    ) -> FileSystemError? {
        withUnsafeTemporaryAllocation(byteCount: units.count * QueueUnit.size, alignment: 8) { buffer in
            guard let base = buffer.baseAddress else { return nil }
            for (index, unit) in units.enumerated() { unit.write(to: base + index * QueueUnit.size) }
            do throws(FileSystemError) {
                try file.write(UnsafeRawBufferPointer(buffer), at: position)
                return nil
            } catch {
                return error
            }
        }
    }

    /// Has the next checkpoint flush a file.
    func noteUnflushed(_ number: Int64) {
        state.withLockedValue { state in
            state.dirty = Self.range(state.dirty, with: number)
            noteChange(&state)
        }
    }

    private func writableFile(number: Int64) throws(StoreError) -> any StoreFile {
        if state.withLockedValue({ $0.hasFile(number) }) { return try existingFile(number: number) }
        try StoreError.wrap { () throws(FileSystemError) in try files.makeDirectories(directory) }
        let file = try StoreError.wrap { () throws(FileSystemError) in
            try files.openFile(path(number), mode: .create(size: fileBytes, reserve: false))
        }
        state.withLockedValue { state in
            state.numbers = Self.range(state.numbers, with: number)
            state.hasNewFiles = true
        }
        return file
    }

    private static func range(_ range: ClosedRange<Int64>?, with number: Int64) -> ClosedRange<Int64> {
        range.map { min($0.lowerBound, number)...max($0.upperBound, number) } ?? number...number
    }

    private func existingFile(number: Int64) throws(StoreError) -> any StoreFile {
        let path = path(number)
        do throws(FileSystemError) {
            return try files.openFile(path, mode: .existing)
        } catch {
            if error.kind == .notFound { throw lostFile(path) }
            throw StoreError(error)
        }
    }

    /// Somebody removed a file that should be there: it is never made again with holes, but built from the log.
    private func lostFile(_ path: String) -> StoreError {
        let isNews = state.withLockedValue { state in
            defer {
                state.isLost = true
                noteChange(&state)
            }
            return !state.isLost && !state.isRemoved
        }
        if isNews { sharing.noteLost(path) }
        return StoreError(.io, "\(path) is missing: restart the broker, which builds the queue again from the log")
    }

    /// Whether the newest file is where it was made; true when there is none.
    var hasNewestFile: Bool {
        guard let newest = state.withLockedValue({ $0.numbers?.upperBound }) else { return true }
        return files.exists(path(newest))
    }

    // MARK: Mapping

    func path(_ number: Int64) -> String {
        directory + "/" + SegmentName.name(of: number * Int64(fileBytes))
    }

    /// The mapping of a file for readers; nil when there is no such file.
    func region(number: Int64) throws(StoreError) -> (any MappedRegion)? {
        let known: (region: (any MappedRegion)?, exists: Bool) = state.withLockedValue { state in
            (state.regions[number], state.hasFile(number))
        }
        if let region = known.region { return region }
        guard known.exists else { return nil }
        let file = try existingFile(number: number)
        let region = try StoreError.wrap { () throws(FileSystemError) in try file.map() }
        // Files are sparse and mostly holes: reading around a touched page would fill megabytes with zeros, for each
        // step of the search for a queue's end.
        region.setReadAhead(false)
        let (kept, victims) = state.withLockedValue { state in
            // Two readers may have opened it at once: all use the first.
            let kept = state.regions[number] ?? region
            if state.regions.count >= Self.regionsMax {
                let newest = state.numbers?.upperBound
                state.regions = state.regions.filter { $0.key == newest }
            }
            state.regions[number] = kept
            if kept === region, state.streamed == number { state.streamed = nil }
            return (kept, sharing.noteMapped(self))
        }
        for victim in victims { victim.letGo() }
        return kept
    }

    /// Files of one queue that are mapped at a time: a reader far behind goes through one after the other.
    private static var regionsMax: Int { 4 }

    /// Lets go of the mappings when nobody read or wrote for a while.
    func closeIfIdle(before deadlineMillis: Int64, nowMillis: Int64) {
        state.withLockedValue { state in
            if state.isUsed {
                state.isUsed = false
                state.lastUseMillis = max(state.lastUseMillis, nowMillis)
            }
            if state.lastUseMillis < deadlineMillis { unmap(&state) }
        }
    }

    /// Lets go of the mappings: other queues need them more.
    func letGo() { state.withLockedValue { unmap(&$0) } }

    /// Under the lock. Readers that hold a mapping keep it.
    private func unmap(_ state: inout State) {
        if state.regions.isEmpty { return }
        state.regions.removeAll()
        state.streamed = nil
        sharing.noteUnmapped(self)
    }

    // MARK: Checkpoints

    /// Begins its part of a checkpoint: what is changed from now on is for the next. True when there is something to flush.
    func beginCheckpoint() -> Bool {
        state.withLockedValue { state in
            state.isChanged = false
            return state.dirty != nil || state.hasNewFiles
        }
    }

    /// What the next start has to know, once everything is flushed; nil for a queue that is removed.
    var boundsToSave: QueueBounds? {
        state.withLockedValue { state in
            if state.isRemoved { return nil }
            // What is in no file the next start finds in the log.
            let isKept = !state.tail.isEmpty && state.tail.start >= state.minOffset
            return QueueBounds(
                offsets: state.minOffset..<(isKept ? state.tail.start : state.maxOffset), numbers: state.numbers,
                oldestLogOffset: state.oldestLogOffset, newestLogOffset: state.newestLogOffset, isLost: state.isLost)
        }
    }

    /// Makes the written units durable; returns the directories that have to be flushed for new files to last.
    func synchronize() throws(StoreError) -> [String] {
        let (dirty, isNew) = takeUnflushed()
        do throws(StoreError) {
            try unlessRemoved { () throws(StoreError) in
                guard let dirty else { return }
                for number in dirty where state.withLockedValue({ $0.hasFile(number) }) {
                    let file = try existingFile(number: number)
                    try StoreError.wrap { () throws(FileSystemError) in try file.synchronize() }
                }
            }
        } catch {
            // A flush that failed is final, whatever the reason.
            throw StoreError(.io, error.message)
        }
        guard isNew else { return [] }
        var directories: [String] = []
        var path = directory[...]
        for _ in 0..<4 {
            directories.append(String(path))
            guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { break }
            path = path[..<slash]
        }
        return directories
    }

    /// Forgets what has to be flushed: the whole partition is flushed next.
    func forgetUnflushed() { _ = takeUnflushed() }

    private func takeUnflushed() -> (dirty: ClosedRange<Int64>?, isNew: Bool) {
        state.withLockedValue { state in
            defer {
                state.dirty = nil
                state.hasNewFiles = false
            }
            return (state.dirty, state.hasNewFiles)
        }
    }

    // MARK: Removal

    /// Lets go of all files, which are removed next; units still to come are dropped.
    func forgetFiles() {
        state.withLockedValue { state in
            state.isRemoved = true
            unmap(&state)
            state.dirty = nil
            state.numbers = nil
            sharing.noteKept(-state.tail.units.count)
            state.tail.clear()
        }
    }

    /// Runs file operations; their failure means nothing when the files were removed with the topic meanwhile.
    func unlessRemoved(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        do throws(StoreError) {
            try body()
        } catch {
            guard state.withLockedValue({ $0.isRemoved }) else { throw error }
        }
    }
}
