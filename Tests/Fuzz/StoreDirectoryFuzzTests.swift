import InMemoryFileSystem
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import StorageEngine

/// A whole store with damage anywhere: it opens and serves, or it is refused with a sentence.
@Suite("Fuzz: store directories") struct StoreDirectoryFuzzTests {
    private struct StandingClock: StoreClock {
        let nowMillis: Int64 = 1_795_365_076_032
    }

    private typealias Files = [(path: String, bytes: [UInt8])]
    private static let topics = ["A", "B", NameRules.scheduleTopic]

    private static func makeStore(_ files: InMemoryFileSystem) -> MessageStore {
        var configuration = StoreConfiguration(rootPath: "/store")
        configuration.commitLogFileBytes = 16_384
        configuration.consumeQueueFileBytes = 600
        configuration.messageBytesMax = 4_096
        configuration.indexSlotCount = 20
        configuration.indexEntryCount = 60
        configuration.diskWarningPercent = 100
        configuration.diskCleanForciblyPercent = 100
        return MessageStore(configuration: configuration, fileSystem: files, clock: StandingClock())
    }

    private static func message(_ number: Int) -> StoreMessage {
        let host = SocketHost(bytes: [127, 0, 0, 1], port: 10911)
        return StoreMessage(
            topic: topics[number % topics.count], queueId: Int32(number % 2), bornTimestampMillis: 1, bornHost: host,
            storeHost: host, properties: ByteBuffer(string: "UNIQ_KEY\u{1}u\(number)\u{2}KEYS\u{1}k\u{2}DELAY\u{1}3"),
            body: ByteBuffer(repeating: UInt8(truncatingIfNeeded: number), count: number * 7 % 300))
    }

    /// Stores of 150 messages after a stop and after a kill, one topic deleted.
    private static func originals() throws -> [Files] {
        var originals: [Files] = []
        for isClean in [true, false] {
            let files = InMemoryFileSystem()
            let store = makeStore(files)
            _ = try store.open(driving: .steps)
            for number in 0..<150 {
                store.append(message(number)) { _ in }
                store.flushStep()
                while store.dispatchStep() {}
            }
            try store.deleteTopic("B")
            _ = store.housekeepingStep()
            if isClean { try store.close() }
            originals.append(files.contents())
            if !isClean { try store.close() }
        }
        return originals
    }

    @Test("damaged anywhere") func damaged() throws {
        let originals = try Self.originals()
        let target = FuzzTarget("store", rounds: 60)
        var opened = 0
        for round in 0..<target.rounds {
            let seed = FuzzTarget.seed &+ UInt64(round)
            var random = SeededGenerator(seed: seed)
            let original = originals[random.below(originals.count)]
            let damaged = Self.damage(original, &random)
            let disk = InMemoryFileSystem(seed: seed)
            for (path, bytes) in damaged { try disk.fill(path, bytes) }
            if let problem = Self.problem(disk, &opened) {
                let changed = zip(original, damaged).filter { $0.bytes != $1.bytes }.map(\.1.path)
                Issue.record("\(problem); FUZZ_SEED=\(seed) FUZZ_ITERATIONS=1, damage in \(changed)")
            }
        }
        // Damage is survived as a rule, or this test would say little.
        if target.rounds >= 30 { #expect(opened > target.rounds / 3) }
    }

    /// Damage of one to three files, none of which is left out because of its size.
    private static func damage(_ original: Files, _ random: inout SeededGenerator) -> Files {
        var files = original
        for _ in 0...random.below(3) {
            let at = random.below(files.count)
            guard !files[at].bytes.isEmpty else { continue }
            switch random.below(6) {
            case 0: files[at].bytes.removeLast(random.below(files[at].bytes.count + 1))
            case 1:
                let other = random.below(files.count)
                let bytes = files[at].bytes
                files[at].bytes = files[other].bytes
                files[other].bytes = bytes
            case 2:
                let start = random.below(files[at].bytes.count)
                let end = min(files[at].bytes.count, start + 1 + random.below(2_048))
                for index in start..<end { files[at].bytes[index] = 0 }
            default:
                // Near the data: the ends of files are empty.
                let used = (files[at].bytes.lastIndex { $0 != 0 } ?? 0) + 1
                for _ in 0...random.below(6) {
                    let place = random.below(used)
                    if random.happens(percent: 50) {
                        Damage.overwriteInteger(&files[at].bytes, place, &random)
                    } else {
                        files[at].bytes[place] ^= 1 << UInt8(random.below(8))
                    }
                }
            }
        }
        return files
    }

    /// Opens the store, reads everything, writes, stops, and opens it again.
    private static func problem(_ files: InMemoryFileSystem, _ opened: inout Int) -> String? {
        let store = makeStore(files)
        do {
            _ = try store.open(driving: .steps)
        } catch {
            return error.message.isEmpty ? "refused without a word" : nil
        }
        opened += 1
        if let problem = readAll(store) { return problem }
        let stored = NIOLockedValueBox<AppendReceipt?>(nil)
        store.append(message(0)) { outcome in
            if case .stored(let receipt) = outcome { stored.withLockedValue { $0 = receipt } }
        }
        store.flushStep()
        while store.dispatchStep() {}
        _ = store.housekeepingStep()
        do { try store.close() } catch { return error.message.isEmpty ? "failed without a word" : nil }
        guard let receipt = stored.withLockedValue({ $0 }) else { return nil }
        let again = makeStore(files)
        do {
            _ = try again.open(driving: .steps)
        } catch { return "refused after a clean stop: \(error)" }
        defer { try? again.close() }
        var buffer = ByteBuffer()
        guard again.checkedRecord(logOffset: receipt.logOffset, into: &buffer) else {
            return "a stored message is gone"
        }
        let read = again.read(
            topic: topics[0], queueId: 0, from: receipt.queueOffset, maxCount: 1, maxBytes: 4_096, into: &buffer)
        return read.records.first?.logOffset == receipt.logOffset ? nil : "a stored message is not in its queue"
    }

    private static func readAll(_ store: MessageStore) -> String? {
        while store.dispatchStep() {}
        for topic in store.queueTopics.sorted() {
            for queueId in store.queueIds(topic: topic) {
                if let problem = readQueue(store, topic, queueId) { return problem }
                _ = store.offset(topic: topic, queueId: queueId, timestampMillis: 1_795_365_076_032)
            }
        }
        var buffer = ByteBuffer()
        for key in ["k", "u3"] {
            let found = try? store.messages(KeyQuery(topic: "A", key: key, maxCount: 32), into: &buffer)
            if let found, found.logOffsets.count > 32 { return "more messages of a key than asked for" }
        }
        return nil
    }

    private static func readQueue(_ store: MessageStore, _ topic: String, _ queueId: Int32) -> String? {
        var offset = store.minOffset(topic: topic, queueId: queueId)
        let end = store.maxOffset(topic: topic, queueId: queueId)
        guard offset >= 0, offset <= end else { return "queue \(topic) \(queueId) from \(offset) to \(end)" }
        var turns = 0
        while offset < end, turns < 500 {
            turns += 1
            var buffer = ByteBuffer()
            let read = store.read(
                topic: topic, queueId: queueId, from: offset, maxCount: 8, maxBytes: 65_536, into: &buffer)
            for record in read.records {
                guard record.range.lowerBound >= 0, record.range.upperBound <= buffer.writerIndex,
                    record.range.count == Int(record.size), record.queueOffset >= offset
                else { return "a record outside the answer" }
            }
            guard read.nextOffset > offset else { return "reading stands still at \(offset): \(read.status)" }
            offset = read.nextOffset
        }
        return nil
    }
}
