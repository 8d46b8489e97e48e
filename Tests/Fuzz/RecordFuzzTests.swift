import InMemoryFileSystem
import MessageModel
import NIOCore
import Testing

@testable import BrokerServer
@testable import RemotingCodec
@testable import StorageEngine

/// The records of the commit log, read by each of those that read them.
@Suite("Fuzz: records") struct RecordFuzzTests {
    @Test("headers that dispatch and recovery read") func headers() throws {
        try FuzzTarget("records").run { input, _ in
            input.withUnsafeBytes { bytes in
                for checksBody in [true, false] {
                    guard case .record(let header) = RecordHeader.read(bytes, checksBody: checksBody) else { continue }
                    guard header.size <= bytes.count, header.properties.upperBound == header.size,
                        header.topic.upperBound < header.properties.lowerBound, header.topic.lowerBound > 0
                    else { return "a part outside the record" }
                    let message = header.dispatched(bytes, at: header.logOffset, delayLevels: .apache)
                    if Int(message.size) != header.size { return "dispatched with another size" }
                }
                return nil
            }
        }
    }

    @Test("records in answers") func answers() throws {
        try FuzzTarget("records").run { input, _ in
            guard let records = try? MessageRecord.all(in: ByteBuffer(bytes: input)) else { return nil }
            guard records.reduce(0, { $0 + $1.byteCount }) == input.count else { return "bytes left over" }
            for record in records {
                if record.body.readableBytes + record.properties.readableBytes > record.byteCount {
                    return "a long part"
                }
                _ = (record.topic, record.bornHost.description, record.storeHost.description, record.isBodyIntact)
                let copy = record.encoded(topic: "T", queueID: 1)
                guard let again = try? MessageRecord(copy) else { return "its copy cannot be read" }
                if again.body != record.body || again.properties != record.properties { return "its copy differs" }
                if let delayed = DelayedMessage(record) { _ = (delayed.copy(), delayed.identity) }
            }
            return nil
        }
    }

    @Test("batches of a producer") func batches() throws {
        try FuzzTarget("batches").run { input, _ in
            guard let messages = try? BatchMessage.decode(ByteBuffer(bytes: input), countMax: 100) else { return nil }
            var batch = ByteBuffer()
            for message in messages where (try? message.write(to: &batch)) == nil { return "it cannot be written" }
            guard let again = try? BatchMessage.decode(batch, countMax: 100), again == messages else {
                return "written and read it is another"
            }
            return batch.readableBytes == input.count ? nil : "bytes left over"
        }
    }

    @Test("half messages and ops") func transactions() throws {
        try FuzzTarget("transactions").run { input, _ in
            guard let record = try? MessageRecord(ByteBuffer(bytes: input)) else { return nil }
            let (half, _) = HalfMessage.read(record)
            guard half.checkCount >= 0, half.origins.allSatisfy({ $0 < half.queueOffset }) else {
                return "a copy of what comes later"
            }
            _ = HalfMessage.copy(of: record, half, isAsked: half.checkCount < .max)
            _ = HalfMessage.discarded(record, halfLogOffset: half.logOffset)
            let host = SocketHost(bytes: [127, 0, 0, 1], port: 10911)
            _ = TransactionCheck(record, storeHost: host)
            let (end, offsets) = HalfMessage.readOp(record)
            let message = HalfMessage.op(.init(end: end, offsets: offsets), host: host, nowMillis: 1)
            return String(buffer: message.body) == offsets.map { "\($0)," }.joined() ? nil : "another op"
        }
    }

    /// A log file of records in their places, and damage anywhere in it.
    @Test("a log file: the next good record, and the keys of each") func logFile() throws {
        let fileBytes = 4_096
        let corpus = try FuzzTarget("records").corpus()
        try FuzzTarget("records", rounds: 1_000).run { input, random in
            var log: [UInt8] = []
            for _ in 0..<3 {
                var record = corpus[random.below(corpus.count)]
                record.replaceSubrange(28..<36, with: withUnsafeBytes(of: Int64(log.count).bigEndian, Array.init))
                log += random.happens(percent: 70) ? record : input
            }
            log = Array(log.prefix(fileBytes))
            log += [UInt8](repeating: 0, count: fileBytes - log.count)
            do {
                let files = InMemoryFileSystem()
                try files.fill("/log/00000000000000000000", log)
                let segments = LogSegments(files: files, directory: "/log", fileBytes: fileBytes)
                try segments.load()
                return try Self.walk(segments)
            } catch { return "\(error)" }
        }
    }

    private static func walk(_ segments: LogSegments) throws -> String? {
        var offset: Int64 = 0
        while let found = try RecordSearch(segments: segments).next(after: offset) {
            if found <= offset || found >= 4_096 { return "found \(found) behind \(offset)" }
            offset = found
        }
        guard let segment = segments.segment(at: 0) else { return "no file" }
        var keys = RecordKeys()
        offset = 0
        while offset < segment.end {
            switch try keys.read(segment, at: offset) {
            case .record(let size, _):
                guard size > 0, offset + Int64(size) <= segment.end else { return "a record out of the file" }
                guard keys.hashes.allSatisfy({ $0 >= 0 }) else { return "a negative hash" }
                offset += Int64(size)
            case .blank: return nil
            case .invalid(let size): offset += Int64(size ?? 61)
            }
        }
        return nil
    }
}

extension InMemoryFileSystem {
    /// Puts a file there, with its directories.
    func fill(_ path: String, _ bytes: [UInt8]) throws(FileSystemError) {
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try makeDirectories(String(path[..<slash])) }
        let file = try openFile(path, mode: .create(size: bytes.count, reserve: false))
        try file.write(ByteBuffer(bytes: bytes), at: 0)
    }
}
