/// How far the index is on disk: kept in the checkpoint file beside Apache's fields.
struct IndexNote: Hashable {
    /// Every record before is in the index.
    var logOffset: Int64
    /// Name of the newest file as a number; 0 without files.
    var fileName: Int64 = 0
    /// Number of the entry that comes next in it.
    var nextEntry: Int32 = 1
    /// Store time of its last entry.
    var endTimestampMillis: Int64 = 0
}

extension KeyIndex {
    /// What a start knows about the state of the files.
    struct Start {
        let wasClean: Bool
        let checkpoint: Checkpoint
        let logEnd: Int64
    }

    /// Opens what is in the directory and finds where to go on.
    ///
    /// After a crash, files that are newer than the checkpoint are removed, as Apache does. The one that the checkpoint's
    /// note names is cut back to what was on disk instead, as the note says where to go on in the log. What is missing
    /// comes with later turns, so that the start need not wait for it.
    func open(_ start: Start) throws(StoreError) {
        var kept: [IndexFile] = []
        let note = start.checkpoint.index.flatMap { $0.logOffset <= start.logEnd ? $0 : nil }
        var goesOnAtNote = note?.fileName == 0
        for name in try names() {
            let isNoted = note.map { String($0.fileName) == name } ?? false
            guard let file = try load(name, start, isNoted ? note : nil) else { continue }
            kept.append(file)
            goesOnAtNote = isNoted
        }
        // The note holds when no later file stands; a file that Apache added brings its own end.
        var cursor = segments.minOffset
        if let last = kept.last {
            cursor = max(cursor, try end(of: last, isPassed: start.wasClean, logEnd: start.logEnd))
        }
        if goesOnAtNote, let note { cursor = max(cursor, note.logOffset) }
        state.withLock { $0.target = start.logEnd }
        let opened = (files: kept, cursor: try recordStart(min(cursor, start.logEnd)), now: clock.nowMillis)
        state.withLock { state in
            state.files = opened.files
            state.cursor = opened.cursor
            state.lastCheckpointMillis = opened.now
        }
    }

    /// The offset when a record can start there, else the start of its file.
    private func recordStart(_ offset: Int64) throws(StoreError) -> Int64 {
        guard let segment = segments.segment(at: offset) else { return offset }
        var keys = RecordKeys()
        let reading = try StoreError.wrap { () throws(FileSystemError) in try keys.read(segment, at: offset) }
        if case .invalid = reading, offset < state.withLock({ $0.target }) { return segment.base }
        return offset
    }

    private func names() throws(StoreError) -> [String] {
        let entries: [DirectoryEntry]
        do throws(FileSystemError) {
            entries = try files.list(directory)
        } catch {
            if error.kind == .notFound { return [] }
            throw StoreError(error)
        }
        var names: [String] = []
        for entry in entries where !entry.isDirectory && IndexFileName.isName(entry.name) {
            if entry.size == layout.fileBytes {
                names.append(entry.name)
            } else if entry.size == 0 {
                // Created and not yet sized when the process died.
                try remove(entry.name)
            } else {
                throw StoreError(
                    .refused,
                    "\(directory)/\(entry.name) has \(entry.size) bytes where maxHashSlotNum=\(layout.slotCount) and "
                        + "maxIndexNum=\(layout.entryCount) make \(layout.fileBytes): set the values the store was "
                        + "written with, or remove the index directory to have it rebuilt")
            }
        }
        return names.sorted()
    }

    private func remove(_ name: String) throws(StoreError) {
        try StoreError.wrap { () throws(FileSystemError) in try files.remove(directory + "/" + name) }
    }

    /// The file, or nil after removing it when it must be made again from the log.
    private func load(_ name: String, _ start: Start, _ note: IndexNote?) throws(StoreError) -> IndexFile? {
        let file = try StoreError.wrap { () throws(FileSystemError) in
            try IndexFile(files: files, directory: directory, name: name, layout: layout)
        }
        let header = file.header
        let isSane =
            header.nextEntry > 1 && Int(header.nextEntry) <= layout.entryCount && header.endLogOffset >= 0
            && header.endLogOffset < start.logEnd
        if start.wasClean, isSane { return file }
        if !start.wasClean, let (next, end) = durableEnd(of: file, isSane: isSane, start, note) {
            if note == nil, file.isFull { return file }
            let repaired = try StoreError.wrap { () throws(FileSystemError) in
                try IndexRepair(files: files, path: file.path, layout: layout)
                    .run(header: header, nextEntry: next, endTimestampMillis: end)
            }
            if let repaired {
                file.replaceHeader(repaired)
                return file
            }
        }
        try remove(name)
        return nil
    }

    /// The entries of a file that were on disk before the crash; nil when nothing vouches for any.
    private func durableEnd(
        of file: IndexFile, isSane: Bool, _ start: Start, _ note: IndexNote?
    ) -> (nextEntry: Int32, timestampMillis: Int64)? {
        let header = file.header
        // Apache's checkpoint vouches for whole files.
        let isVouchedFor = isSane && header.endTimestampMillis <= start.checkpoint.indexTimestampMillis
        guard let note, !isVouchedFor || header.nextEntry < note.nextEntry else {
            return isVouchedFor ? (header.nextEntry, header.endTimestampMillis) : nil
        }
        return (note.nextEntry, note.endTimestampMillis)
    }

    /// Where the log goes on behind the last entry: after a crash at its record once more, since a message with several
    /// keys may have only some of them there.
    private func end(of file: IndexFile, isPassed: Bool, logEnd: Int64) throws(StoreError) -> Int64 {
        let offset = file.header.endLogOffset
        guard isPassed, let segment = segments.segment(at: offset) else { return offset }
        var keys = RecordKeys()
        let reading = try StoreError.wrap { () throws(FileSystemError) in try keys.read(segment, at: offset) }
        if case .record(let size, _) = reading { return min(offset + Int64(size), logEnd) }
        return offset
    }
}
