import CStorageSupport
import NIOConcurrencyHelpers
import NIOCore

/// Where in the log the lives of deleted topics ended: records of the topic before that offset belong to no queue, though
/// they stay in the log until they are old. Without it, queues that are built from the log would bring them back.
///
/// The file `deletedtopics` is ours, Apache has none: a CRC of the rest in hexadecimal on the first line, then a line of
/// log offset, blank and topic name each. It is replaced as a whole.
final class Tombstones: Sendable {
    private let files: any FileSystem
    private let path: String
    private let ends = NIOLockedValueBox<[String: Int64]>([:])
    // One writer at a time: an older table must not replace a newer one.
    private let saving = NIOLock()
    private static let fileBytesMax = 64 << 20

    init(files: any FileSystem, path: String) {
        self.files = files
        self.path = path
    }

    /// Whether a record of a topic at a log offset is of a deleted life of the topic.
    func covers(topic: String, logOffset: Int64) -> Bool {
        ends.withLockedValue { ends in
            guard logOffset >= 0, !ends.isEmpty, let end = ends[topic] else { return false }
            return logOffset < end
        }
    }

    /// Where the last deleted life of a topic ended; 0 when there was none.
    func end(of topic: String) -> Int64 { ends.withLockedValue { $0[topic] ?? 0 } }

    /// Notes deletions, on the disk when it returns.
    func add(topics: [String], end: Int64) throws(StoreError) {
        if end == 0 { return }
        saving.lock()
        defer { saving.unlock() }
        ends.withLockedValue { ends in
            for topic in topics { ends[topic] = max(ends[topic] ?? 0, end) }
        }
        try save()
    }

    /// Takes over what another table says.
    func adopt(_ table: [String: Int64]) throws(StoreError) {
        try change { $0.merge(table) { max($0, $1) } }
    }

    /// The table in the form of the file.
    var encoded: [UInt8] { Self.encode(ends.withLockedValue { $0 }) }

    /// Forgets what the log no longer holds.
    func forget(before start: Int64) throws(StoreError) {
        try change { ends in ends = ends.filter { $0.value > start } }
    }

    /// Has no life end behind the end of the log: what was deleted there was lost with it, and messages of a new life
    /// come in its place. Before the log takes any.
    func limit(to logEnd: Int64) throws(StoreError) {
        try change { ends in ends = ends.mapValues { min($0, logEnd) }.filter { $0.value > 0 } }
    }

    /// Saves the table when it is another one than before.
    private func change(_ body: (inout [String: Int64]) -> Void) throws(StoreError) {
        saving.lock()
        defer { saving.unlock() }
        let hasChanged = ends.withLockedValue { ends in
            let before = ends
            body(&ends)
            return ends != before
        }
        if hasChanged { try save() }
    }

    // MARK: File

    /// Reads the file; a damaged one is refused, as deleted messages would come back.
    func load() throws(StoreError) {
        guard files.exists(path) else { return }
        let bytes = try StoreError.wrap { () throws(FileSystemError) in try read() }
        guard let table = Self.decode(bytes) else {
            throw StoreError(
                .refused,
                "\(path) is damaged: remove it to start, but then do not remove consumequeue, or messages of deleted "
                    + "topics come back")
        }
        ends.withLockedValue { $0 = table }
    }

    private func read() throws(FileSystemError) -> [UInt8] {
        let file = try files.openFile(path, mode: .existing)
        return try file.bytes(at: 0, count: min(try file.size(), Self.fileBytesMax))
    }

    private func save() throws(StoreError) {
        let text = ByteBuffer(bytes: Self.encode(ends.withLockedValue { $0 }))
        try StoreError.wrap { () throws(FileSystemError) in try files.replaceFile(path, with: text) }
    }

    static func encode(_ ends: [String: Int64]) -> [UInt8] {
        var lines: [UInt8] = []
        for (topic, end) in ends.sorted(by: { $0.key < $1.key }) where !topic.utf8.contains(UInt8(ascii: "\n")) {
            lines += Array("\(end) \(topic)\n".utf8)
        }
        return Array("\(String(checksum(lines), radix: 16))\n".utf8) + lines
    }

    /// Nil when the bytes are not what `encode` gives.
    static func decode(_ bytes: [UInt8]) -> [String: Int64]? {
        guard let first = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let rest = Array(bytes[(first + 1)...])
        guard UInt32(String(decoding: bytes[..<first], as: UTF8.self), radix: 16) == checksum(rest) else { return nil }
        var ends: [String: Int64] = [:]
        for line in rest.split(separator: UInt8(ascii: "\n")) {
            guard let blank = line.firstIndex(of: UInt8(ascii: " ")),
                let end = Int64(String(decoding: line[..<blank], as: UTF8.self)), end >= 0
            else { return nil }
            ends[String(decoding: line[(blank + 1)...], as: UTF8.self)] = end
        }
        return ends
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { storage_crc32(0, $0.baseAddress, $0.count) }
    }
}
