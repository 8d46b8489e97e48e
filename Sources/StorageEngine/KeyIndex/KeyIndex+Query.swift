import MessageModel
import NIOCore

/// Asks for messages by key.
package struct KeyQuery: Hashable, Sendable {
    /// The topic.
    package var topic: String
    /// A unique key, or one word of KEYS.
    package var key: String
    /// The most messages.
    package var maxCount: Int
    /// The most bytes; one message may be larger.
    package var maxBytes: Int
    /// Store time, from.
    package var beginMillis: Int64
    /// Store time, to; both inclusive.
    package var endMillis: Int64

    /// A query.
    package init(
        topic: String, key: String, maxCount: Int, maxBytes: Int = 8 << 20, beginMillis: Int64 = 0,
        endMillis: Int64 = .max
    ) {
        self.topic = topic
        self.key = key
        self.maxCount = maxCount
        self.maxBytes = maxBytes
        self.beginMillis = beginMillis
        self.endMillis = endMillis
    }
}

/// What a query by key found.
package struct KeyQueryResult: Hashable, Sendable {
    /// Log offsets of the messages, ascending; the newest that fit the limits.
    package var logOffsets: [Int64] = []
    /// Store time of the newest entry of the index; 0 without one.
    package var indexEndTimestampMillis: Int64 = 0
    /// Log offset of the newest entry of the index; 0 without one.
    package var indexEndLogOffset: Int64 = 0
}

extension KeyIndex {
    /// Entries looked at for one query, so that a key that thousands of messages share cannot hold the worker.
    private static let entriesPerQuery = 100_000

    /// Finds the newest messages with a key and appends their records to `buffer`, oldest first.
    ///
    /// The index knows hashes and seconds: topic, key and time of each record are compared.
    func query(_ query: KeyQuery, into buffer: inout ByteBuffer) throws(StoreError) -> KeyQueryResult {
        let all = state.withLock { $0.files }
        var result = KeyQueryResult()
        if let last = all.last?.header {
            result.indexEndTimestampMillis = last.endTimestampMillis
            result.indexEndLogOffset = last.endLogOffset
        }
        var hash: Int32 = 0
        query.withKeyBytes { topic, key in hash = IndexKey.hash(key, seed: IndexKey.seed(topic: topic)) }
        var found: [(offset: Int64, record: ByteBuffer)] = []
        var bytes = 0
        var isFull = false
        var budget = Self.entriesPerQuery
        files: for file in all.reversed() {
            let header = file.header
            guard header.beginTimestampMillis <= query.endMillis else { continue }
            if header.endTimestampMillis < query.beginMillis { break }
            do throws(FileSystemError) {
                try file.forEachOffset(
                    hash: hash, from: query.beginMillis, to: query.endMillis, budget: &budget
                ) { offset in
                    guard found.count < query.maxCount else { return false }
                    if found.contains(where: { $0.offset == offset }) { return true }
                    guard let record = record(at: offset, for: query) else { return true }
                    guard found.isEmpty || bytes + record.readableBytes <= query.maxBytes else {
                        isFull = true
                        return false
                    }
                    bytes += record.readableBytes
                    found.append((offset, record))
                    return true
                }
            } catch {
                throw StoreError(error)
            }
            if file !== all.last { file.unmap() }
            if isFull || budget == 0 || found.count >= query.maxCount { break files }
        }
        found.sort { $0.offset < $1.offset }
        for match in found { buffer.writeImmutableBuffer(match.record) }
        result.logOffsets = found.map(\.offset)
        return result
    }

    /// The record at a log offset, if it answers the query.
    private func record(at offset: Int64, for query: KeyQuery) -> ByteBuffer? {
        var record = ByteBuffer()
        guard let segment = segments.segment(at: offset),
            (try? segment.copyRecord(at: offset, expectedSize: nil, into: &record)) == true
        else { return nil }
        let isMatch = record.withUnsafeReadableBytes { bytes in
            guard case .record(let header) = RecordHeader.read(bytes, checksBody: false), header.logOffset == offset,
                query.beginMillis <= header.storeTimestampMillis, header.storeTimestampMillis <= query.endMillis
            else { return false }
            var isMatch = false
            query.withKeyBytes { topic, key in
                guard topic.elementsEqual(bytes[header.topic]) else { return }
                IndexKey.forEach(in: UnsafeRawBufferPointer(rebasing: bytes[header.properties])) { word in
                    if word.elementsEqual(key) { isMatch = true }
                }
            }
            return isMatch
        }
        return isMatch ? record : nil
    }
}

extension KeyQuery {
    fileprivate func withKeyBytes(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) {
        var (topic, key) = (topic, key)
        topic.withUTF8 { topic in key.withUTF8 { body(UnsafeRawBufferPointer(topic), UnsafeRawBufferPointer($0)) } }
    }
}
