import NIOCore
import Testing

@testable import StorageEngine

@Suite("Queries by time and by log offset")
struct QueryTests {
    /// Three messages at time 0, two at 10, one at 20, over several log files.
    private func filled() throws -> (StoreFixture, MessageStore, Int64, [AppendReceipt]) {
        let fixture = StoreFixture()
        fixture.configuration.commitLogFileBytes = 4_096
        let store = fixture.makeStore()
        _ = try store.open(driving: .steps)
        let start = fixture.clock.nowMillis
        var receipts: [AppendReceipt] = []
        for count in [3, 2, 1] {
            for _ in 0..<count {
                let body = String(repeating: "x", count: 1_500)
                receipts.append(try #require(StoreFixture.append([StoreFixture.message(body)], to: store).receipt))
            }
            fixture.clock.advance(10)
        }
        while store.dispatchStep() {}
        return (fixture, store, start, receipts)
    }

    @Test("both boundaries, with duplicates of a time, between times, before the first and after the last")
    func boundaries() throws {
        let (fixture, store, start, _) = try filled()
        func offsets(_ after: Int64) -> [Int64] {
            [TimeBoundary.lower, .upper].map {
                store.offset(topic: "T", queueId: 0, timestampMillis: start + after, boundary: $0)
            }
        }
        #expect(offsets(0) == [0, 2])
        #expect(offsets(5) == [3, 2])
        #expect(offsets(10) == [3, 4])
        #expect(offsets(15) == [5, 4])
        #expect(offsets(20) == [5, 5])
        // After the last: behind it, and the last.
        #expect(offsets(21) == [6, 5])
        // Before the first: the first.
        #expect(offsets(-1) == [0, 0])
        #expect(store.offset(topic: "T", queueId: 0, timestampMillis: .max, boundary: .upper) == 5)
        #expect(store.offset(topic: "T", queueId: 0, timestampMillis: .min) == 0)
        #expect(store.offset(topic: "T", queueId: 1, timestampMillis: start) == 0)
        #expect(store.offset(topic: "U", queueId: 0, timestampMillis: start, boundary: .upper) == 0)
        try store.close()
        withExtendedLifetime(fixture) {}
    }

    @Test("after old log files have gone only what is left counts")
    func rolled() throws {
        let (fixture, store, start, receipts) = try filled()
        _ = try store.segments.dropOldest()
        let oldest = store.minLogOffset
        #expect(oldest > 0)
        for queue in store.queues.all { try queue.raiseMin(toLogOffset: oldest) }
        let first = Int64(receipts.firstIndex { $0.logOffset >= oldest } ?? 0)
        #expect(store.minOffset(topic: "T", queueId: 0) == first && first > 0)
        #expect(store.offset(topic: "T", queueId: 0, timestampMillis: start) == first)
        #expect(store.offset(topic: "T", queueId: 0, timestampMillis: 0, boundary: .upper) == first)
        #expect(store.offset(topic: "T", queueId: 0, timestampMillis: start + 20) == 5)
        var buffer = ByteBuffer()
        #expect(!store.checkedRecord(logOffset: receipts[0].logOffset, into: &buffer))
        try store.close()
        withExtendedLifetime(fixture) {}
    }

    @Test("a record is only found at its own place")
    func records() throws {
        let (fixture, store, _, receipts) = try filled()
        var buffer = ByteBuffer()
        for receipt in receipts { #expect(store.checkedRecord(logOffset: receipt.logOffset, into: &buffer)) }
        #expect(buffer.readableBytes == receipts.reduce(0) { $0 + Int($1.size) })
        for offset in [-1, 1, receipts[0].logOffset + 8, store.maxLogOffset, store.maxLogOffset + 1_000, .max, .min] {
            #expect(!store.checkedRecord(logOffset: offset, into: &buffer), "\(offset)")
        }
        // A message that carries a record as its body: a made-up id must not bring it to light as one.
        var record = ByteBuffer()
        #expect(store.checkedRecord(logOffset: receipts[1].logOffset, into: &record))
        var message = StoreFixture.message("")
        message.body = record
        let receipt = try #require(StoreFixture.append([message], to: store).receipt)
        let inside = receipt.logOffset + Int64(88)
        var raw = ByteBuffer()
        #expect(store.readRecord(logOffset: inside, into: &raw))
        #expect(!store.checkedRecord(logOffset: inside, into: &buffer))
        try store.close()
        withExtendedLifetime(fixture) {}
    }
}
