import NIOConcurrencyHelpers

/// One file of the commit log, mapped whole. Its name is the log offset of its first byte in 20 digits.
final class LogSegment: Sendable {
    let base: Int64
    let path: String
    let region: any MappedRegion
    private let file: any StoreFile

    init(base: Int64, path: String, file: any StoreFile) throws(FileSystemError) {
        self.base = base
        self.path = path
        self.file = file
        region = try file.map()
    }

    var end: Int64 { base + Int64(region.count) }

    /// Makes the bytes up to a log offset durable, from another one on.
    func synchronize(from start: Int64, to end: Int64) throws(FileSystemError) {
        let first = Int(max(start, base) - base)
        let last = Int(min(end, self.end) - base)
        if last > first { try region.synchronize(from: first, count: last - first) }
    }

    /// Makes everything behind a log offset read as zeros.
    func erase(from offset: Int64) throws(FileSystemError) {
        let first = Int(max(offset, base) - base)
        try file.zero(from: first, count: region.count - first)
    }
}

/// The files of the commit log in order, without gaps.
final class LogSegments: Sendable {
    private let files: any FileSystem
    private let directory: String
    let fileBytes: Int
    private let list = NIOLockedValueBox<[LogSegment]>([])

    init(files: any FileSystem, directory: String, fileBytes: Int) {
        self.files = files
        self.directory = directory
        self.fileBytes = fileBytes
    }

    var all: [LogSegment] { list.withLockedValue { $0 } }
    /// Start of the oldest file.
    var minOffset: Int64 { list.withLockedValue { $0.first?.base ?? 0 } }

    /// The file that holds a log offset.
    func segment(at offset: Int64) -> LogSegment? {
        list.withLockedValue { list in
            guard let first = list.first, offset >= first.base else { return nil }
            let index = Int((offset - first.base) / Int64(fileBytes))
            return index < list.count ? list[index] : nil
        }
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
                    // A crash may leave the newest file created but not yet sized.
                    if entry.size == 0, index == entries.count - 1 {
                        try files.remove(path)
                        continue
                    }
                    throw FileSystemError(
                        kind: .other,
                        operation: "\(entry.size) bytes where mappedFileSizeCommitLog=\(fileBytes) is configured: set "
                            + "mappedFileSizeCommitLog=\(entry.size) or move the store away; opening", path: path)
                }
                guard let base = SegmentName.offset(of: entry.name) else { continue }
                found.append(try LogSegment(base: base, path: path, file: files.openFile(path, mode: .existing)))
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

    /// Adds the file that starts at a log offset. Its blocks are reserved, so that a full disk shows here.
    func add(at base: Int64) throws(FileSystemError) -> LogSegment {
        let path = directory + "/" + SegmentName.name(of: base)
        do {
            let file = try files.openFile(path, mode: .create(size: fileBytes, reserve: true))
            let segment = try LogSegment(base: base, path: path, file: file)
            try files.synchronizeDirectory(directory)
            list.withLockedValue { $0.append(segment) }
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

    /// Removes the oldest file unless it is the only one; readers that hold it keep its mapping. Returns its path.
    func dropOldest() throws(FileSystemError) -> String? {
        let dropped = list.withLockedValue { $0.count > 1 ? $0.removeFirst() : nil }
        guard let dropped else { return nil }
        try files.remove(dropped.path)
        return dropped.path
    }

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
