import CStorageSupport
import NIOConcurrencyHelpers

/// One file of the commit log, mapped whole. Its name is the log offset of its first byte in 20 digits.
final class LogSegment: Sendable {
    let base: Int64
    let path: String
    private let region: any MappedRegion
    private let file: any StoreFile

    init(base: Int64, path: String, file: any StoreFile) throws(FileSystemError) {
        self.base = base
        self.path = path
        self.file = file
        region = try file.map()
    }

    /// Length in bytes.
    var count: Int { region.count }
    var end: Int64 { base + Int64(region.count) }

    /// Copies out of the file. Who copies holds the file, not only its mapping: nobody must cut it off meanwhile.
    func copyOut(into buffer: UnsafeMutableRawBufferPointer, at index: Int) throws(FileSystemError) {
        defer { withExtendedLifetime(self) {} }
        try region.copyOut(into: buffer, at: index)
    }

    /// Copies into the file.
    func copyIn(_ bytes: UnsafeRawBufferPointer, at index: Int) throws(FileSystemError) {
        try region.copyIn(bytes, at: index)
    }

    /// Whether the bytes from a log offset on, up to `count` of them, are in memory.
    func isResident(from offset: Int64, count: Int) -> Bool {
        let first = Int(max(offset, base) - base)
        return region.isResident(from: first, count: max(0, min(count, region.count - first)))
    }

    /// Makes the bytes up to a log offset durable, from another one on. Pages behind them, faulted in for the records to
    /// come, are left alone: they would be written twice.
    ///
    /// The kernel protects each mapped page that it writes, and interrupts every core for it. Without a mapping there is
    /// nothing to protect: a flush takes a sixth of the time.
    func synchronize(from start: Int64, to end: Int64) throws(FileSystemError) {
        let first = Int(max(start, base) - base)
        let last = Int(min(end, self.end) - base)
        guard last > first else { return }
        region.unmapPages(from: first, count: last - first)
        try region.synchronize(from: first, count: last - first)
    }

    /// Shortens a file that nobody reads any more, to give its room back. The mapping must not be touched behind that.
    func cut(to size: Int) throws(FileSystemError) {
        try file.truncate(to: size)
    }

    /// Makes everything written to the file durable, whether by a call or to the mapping.
    func synchronizeAll() throws(FileSystemError) {
        try file.synchronize()
    }

    /// Writes what is there from a log offset on once more.
    func rewrite(from offset: Int64) throws(FileSystemError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 8)
        defer { buffer.deallocate() }
        var index = Int(max(offset, base) - base)
        while index < region.count, let data = file.nextData(from: index), data.lowerBound < region.count {
            index = max(index, data.lowerBound)
            let left = min(data.upperBound, region.count) - index
            guard left > 0 else { return }
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, left)])
            try copyOut(into: piece, at: index)
            try copyIn(UnsafeRawBufferPointer(piece), at: index)
            index += piece.count
        }
    }

    /// Makes everything behind a log offset read as zeros, with the blocks reserved. The rest is not looked at first:
    /// reserved blocks may count as data, and reading them would fill the page cache with zeros.
    func erase(from offset: Int64) throws(FileSystemError) {
        let first = Int(max(offset, base) - base)
        try file.zeroReserved(from: first, count: region.count - first)
    }

    /// Reserves the blocks from a log offset to the end of the file.
    func reserve(from offset: Int64) throws(FileSystemError) {
        let first = Int(max(offset, base) - base)
        try file.reserve(from: first, count: region.count - first)
    }

    /// Faults in the pages from one log offset to another for writing.
    func prepareForWriting(from start: Int64, to end: Int64) throws(FileSystemError) {
        let first = Int(max(start, base) - base)
        let last = Int(min(end, self.end) - base)
        if last > first { try region.prepareForWriting(from: first, count: last - first) }
    }

    /// Writes zeros at a log offset, where there is nothing yet and nobody writes meanwhile.
    func writeZeros(_ zeros: UnsafeRawBufferPointer, at offset: Int64) throws(FileSystemError) {
        try file.write(zeros, at: Int(offset - base))
    }

    /// The next stretch at or behind a log offset that may hold anything but zeros; nil when the rest is empty.
    func nextData(from offset: Int64) -> Range<Int64>? {
        file.nextData(from: Int(offset - base)).map { base + Int64($0.lowerBound)..<base + Int64($0.upperBound) }
    }

    /// About where zeros begin that go on to the end of a stretch: pages that were made ready for records count as data.
    /// A long row of zeros inside a record may deceive it.
    func lastNonZero(in stretch: Range<Int64>) -> Int64 {
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 8)
        defer { piece.deallocate() }
        var (low, high) = (stretch.lowerBound, stretch.upperBound)
        while high - low > Int64(piece.count) {
            let middle = low + (high - low) / 2
            guard let count = try? read(into: piece, at: middle), count > 0 else { return high }
            if storage_is_zero(piece.baseAddress, count) != 0 { high = middle } else { low = middle }
        }
        return high
    }

    /// Whether reads may bring in what lies behind them: off while the file is searched for its data.
    func setReadAhead(_ isOn: Bool) { file.setReadAhead(isOn) }

    /// Whether copying out of a page brings in what lies around it.
    func setCopyAhead(_ isOn: Bool) { region.setReadAhead(isOn) }

    /// Reads bytes of the file from a log offset on, as many as there are and fit.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileSystemError) -> Int {
        try file.read(into: buffer, at: Int(offset - base))
    }
}

/// The files of the commit log in order, without gaps.
final class LogSegments: Sendable {
    private let files: any FileSystem
    private let directory: String
    let fileBytes: Int
    private let list = NIOLockedValueBox<[LogSegment]>([])
    /// The file after the last one, made before it is needed. Under `creating`.
    private let prepared = NIOLockedValueBox<LogSegment?>(nil)
    // One file is made at a time: whoever comes second finds it made.
    private let creating = NIOLock()

    /// Where a failed flush is noted for the next recovery; nil when nothing is flushed.
    private let root: String?
    private let readsAhead: NIOLockedValueBox<Bool>

    init(files: any FileSystem, directory: String, root: String? = nil, fileBytes: Int, readsAhead: Bool = true) {
        self.root = root
        self.readsAhead = NIOLockedValueBox(readsAhead)
        self.files = files
        self.directory = directory
        self.fileBytes = fileBytes
    }

    var all: [LogSegment] { list.withLockedValue { $0 } }
    /// Start of the oldest file.
    var minOffset: Int64 { list.withLockedValue { $0.first?.base ?? 0 } }

    /// Whether touching a page of a file brings in what lies around it, of all files from now on.
    func setReadAhead(_ isOn: Bool) {
        creating.lock()
        defer { creating.unlock() }
        readsAhead.withLockedValue { $0 = isOn }
        for segment in all + [preparedSegment].compactMap(\.self) { segment.setCopyAhead(isOn) }
    }

    private func open(_ file: any StoreFile, at base: Int64, path: String) throws(FileSystemError) -> LogSegment {
        let segment = try LogSegment(base: base, path: path, file: file)
        if !readsAhead.withLockedValue({ $0 }) { segment.setCopyAhead(false) }
        return segment
    }

    /// The file that holds a log offset.
    func segment(at offset: Int64) -> LogSegment? {
        list.withLockedValue { list in
            guard let first = list.first, offset >= first.base else { return nil }
            let index = Int((offset - first.base) / Int64(fileBytes))
            return index < list.count ? list[index] : nil
        }
    }

    /// Leaves a note for the next recovery that a flush failed. Best effort: where even that fails, the disk is read-only.
    func noteLostPages() {
        guard let root else { return }
        _ = try? files.openFile(root + Self.lossMarker, mode: .create(size: 0, reserve: false))
        try? files.synchronizeDirectory(root)
    }

    /// Whether that note is there.
    var hasLostPages: Bool { root.map { files.exists($0 + Self.lossMarker) } ?? false }

    private static let lossMarker = "/flushfailed"

    /// Takes the note away, as everything readable is on the disk.
    func forgetLostPages() throws(FileSystemError) {
        guard let root, hasLostPages else { return }
        try files.remove(root + Self.lossMarker)
        try files.synchronizeDirectory(root)
    }

    /// Opens what is in the directory; refuses files of another length and gaps.
    func load() throws(StoreError) {
        var found: [LogSegment] = []
        do throws(FileSystemError) {
            try files.makeDirectories(directory)
            let entries = try files.list(directory).filter { !$0.isDirectory && SegmentName.offset(of: $0.name) != nil }
                .sorted { $0.name < $1.name }
            for (index, entry) in entries.enumerated() {
                let path = directory + "/" + entry.name
                if entry.size != fileBytes {
                    // A crash may leave the newest file created, but without its full size; then it is unused.
                    if entry.size < fileBytes, index == entries.count - 1, try isUnused(path) {
                        try files.remove(path)
                        continue
                    }
                    throw FileSystemError(
                        kind: .other,
                        operation: "\(entry.size) bytes where mappedFileSizeCommitLog=\(fileBytes) is configured: set "
                            + "mappedFileSizeCommitLog=\(entry.size) or move the store away; opening", path: path)
                }
                guard let base = SegmentName.offset(of: entry.name) else { continue }
                found.append(try open(files.openFile(path, mode: .existing), at: base, path: path))
            }
        } catch {
            throw StoreError(error.kind == .other ? .refused : .io, error.description)
        }
        for (left, right) in zip(found, found.dropFirst()) where left.end != right.base {
            throw StoreError(
                .refused, "the commit log has a gap between \(left.path) and \(right.path): restore the missing file")
        }
        list.withLockedValue { $0 = found }
    }

    /// Whether a file begins with no record.
    private func isUnused(_ path: String) throws(FileSystemError) -> Bool {
        let file = try files.openFile(path, mode: .existing)
        var head: Int64 = 0
        var failure: FileSystemError?
        withUnsafeMutableBytes(of: &head) { buffer in
            do throws(FileSystemError) { _ = try file.read(into: buffer, at: 0) } catch { failure = error }
        }
        if let failure { throw failure }
        return head == 0
    }

    /// Adds the file that starts at a log offset: the prepared one, or a new one.
    func add(at base: Int64) throws(FileSystemError) -> LogSegment {
        creating.lock()
        defer { creating.unlock() }
        let ready = prepared.withLockedValue { segment in
            defer { segment = nil }
            return segment
        }
        let segment: LogSegment
        if let ready, ready.base == base { segment = ready } else { segment = try create(at: base) }
        list.withLockedValue { $0.append(segment) }
        return segment
    }

    /// Makes the file that will follow the last one, if it is not there yet, so that no append waits for it.
    func prepareNext() throws(FileSystemError) {
        creating.lock()
        defer { creating.unlock() }
        guard let base = list.withLockedValue({ $0.last?.end }), !isPrepared(at: base) else { return }
        let segment = try create(at: base)
        prepared.withLockedValue { $0 = segment }
    }

    /// The file after the last one, when it is made already.
    var preparedSegment: LogSegment? { prepared.withLockedValue { $0 } }

    /// Whether the file at a log offset is made already, though not in use.
    func isPrepared(at base: Int64) -> Bool {
        prepared.withLockedValue { $0?.base == base }
    }

    /// Removes a prepared file that was never written to.
    func dropPrepared() throws(FileSystemError) {
        creating.lock()
        defer { creating.unlock() }
        let dropped = prepared.withLockedValue { segment in
            defer { segment = nil }
            return segment
        }
        if let dropped { try files.remove(dropped.path) }
    }

    /// Blocks are reserved, so that a full disk shows here.
    private func create(at base: Int64) throws(FileSystemError) -> LogSegment {
        let path = directory + "/" + SegmentName.name(of: base)
        // A reservation that fails half way costs the file system much work; it is tried again and again.
        guard try files.space(at: directory).availableBytes >= Int64(fileBytes) else {
            throw FileSystemError(kind: .noSpace, operation: "create", path: path)
        }
        do {
            let file = try files.openFile(path, mode: .create(size: fileBytes, reserve: true))
            let segment = try open(file, at: base, path: path)
            // Its size before its first record: one that is short at a start is known to be unused.
            try file.synchronize()
            try files.synchronizeDirectory(directory)
            return segment
        } catch {
            // A half made file would be refused at the next start.
            try? files.remove(path)
            throw error
        }
    }

    /// Removes the files that lie wholly behind a log offset.
    func dropFiles(from offset: Int64) throws(FileSystemError) {
        let dropped = list.withLockedValue { list in
            let dropped = list.filter { $0.base >= offset }
            list.removeAll { $0.base >= offset }
            return dropped
        }
        for segment in dropped.reversed() { try files.remove(segment.path) }
        if !dropped.isEmpty { try files.synchronizeDirectory(directory) }
    }

    /// Removes the name of the oldest file unless it is the only one; readers that hold it keep its mapping. Returns the
    /// file, whose room is free when nobody holds it any more.
    func dropOldest() throws(FileSystemError) -> LogSegment? {
        let dropped = list.withLockedValue { $0.count > 1 ? $0.removeFirst() : nil }
        guard let dropped else { return nil }
        try files.remove(dropped.path)
        // A loss of power must not bring back messages that were old enough to go.
        try files.synchronizeDirectory(directory)
        return dropped
    }

    /// Puts everything behind a log offset on the disk, erased parts too.
    ///
    /// What a killed process wrote is readable, but not durable yet: it must not be served before. And what was erased
    /// must not come back behind the records to come.
    ///
    /// After a flush that failed, pages count as clean though they are not on the disk: `rewriting` makes them dirty.
    func makeDurable(from offset: Int64, rewriting: Bool) throws(StoreError) {
        for segment in all where segment.end > offset {
            do throws(FileSystemError) {
                if rewriting { try segment.rewrite(from: offset) }
                try segment.synchronize(from: offset, to: segment.end)
            } catch {
                // The next start must not take these pages for clean either.
                noteLostPages()
                throw StoreError(error)
            }
        }
    }

    /// About where the written part of the log ends, by a few looks: a guess, for whoever waits.
    var writtenEnd: Int64 {
        for segment in all.reversed() {
            var last: Range<Int64>?
            var looks = 0
            while looks < Self.looksMax, let data = segment.nextData(from: last?.upperBound ?? segment.base) {
                guard data.upperBound > last?.upperBound ?? segment.base else { break }
                last = data.lowerBound..<min(data.upperBound, segment.end)
                looks += 1
            }
            if let last { return segment.lastNonZero(in: last) }
        }
        return minOffset
    }

    /// Most stretches of data that are looked for in one file.
    private static let looksMax = 4_096

    func modifiedMillis(of segment: LogSegment) -> Int64? {
        let name = SegmentName.name(of: segment.base)
        return (try? files.list(directory))?.first { $0.name == name }?.modifiedMillis
    }
}

/// File names that are offsets.
enum SegmentName {
    static func name(of offset: Int64) -> String {
        let digits = String(offset)
        return String(repeating: "0", count: max(0, 20 - digits.count)) + digits
    }

    static func offset(of name: String) -> Int64? {
        name.utf8.count == 20 && name.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } ? Int64(name) : nil
    }
}
