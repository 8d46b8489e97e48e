import Foundation
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import StorageEngine

@Suite struct AppendTests {
    @Test func offsetsAreDenseAndRecordsReadBack() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        for number in 0..<50 {
            let receipt = StoreFixture.append(
                [StoreFixture.message("body \(number)", properties: "TAGS\u{1}A\u{2}")], to: store
            ).receipt
            #expect(receipt?.queueOffset == Int64(number))
        }
        fixture.awaitDispatch(50)
        var buffer = ByteBuffer()
        let result = store.read(topic: "T", queueId: 0, from: 10, maxCount: 5, maxBytes: 1 << 20, into: &buffer)
        #expect(result.status == .found)
        #expect(result.records.map(\.queueOffset) == [10, 11, 12, 13, 14])
        #expect(result.records.allSatisfy { $0.tagsCode == 65 })
        #expect(result.nextOffset == 15)
        #expect(String(buffer: buffer).contains("body 12"))
        #expect(fixture.dispatched.withLockedValue { $0.map(\.queueOffset) } == Array(0..<50))
        try store.close()
    }

    @Test func filtersByTagsCodeAndStopsAtLimits() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        for number in 0..<10 {
            let tag = number % 2 == 0 ? "A" : "B"
            _ = StoreFixture.append([StoreFixture.message("x", properties: "TAGS\u{1}\(tag)\u{2}")], to: store)
        }
        fixture.awaitDispatch(10)
        var buffer = ByteBuffer()
        let odd = store.read(topic: "T", queueId: 0, from: 0, maxCount: 3, maxBytes: 1 << 20, into: &buffer) {
            $0 == 66
        }
        #expect(odd.records.map(\.queueOffset) == [1, 3, 5])
        let none = store.read(topic: "T", queueId: 0, from: 0, maxCount: 3, maxBytes: 1 << 20, into: &buffer) { _ in
            false
        }
        #expect(none.status == .noMatchedMessage)
        #expect(none.nextOffset == 10)
        var small = ByteBuffer()
        let bytes = store.read(topic: "T", queueId: 0, from: 0, maxCount: 32, maxBytes: 1, into: &small)
        #expect(bytes.records.count == 1)
        #expect(
            store.read(topic: "T", queueId: 0, from: 10, maxCount: 1, maxBytes: 1, into: &small).status
                == .offsetOverflowOne)
        #expect(
            store.read(topic: "T", queueId: 0, from: 11, maxCount: 1, maxBytes: 1, into: &small).status
                == .offsetOverflowBadly)
        #expect(
            store.read(topic: "U", queueId: 0, from: 0, maxCount: 1, maxBytes: 1, into: &small).status
                == .noMatchedLogicQueue)
        try store.close()
    }

    @Test func rollsToTheNextFileBehindABlank() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        let body = String(repeating: "x", count: 20_000)
        for _ in 0..<10 { #expect(StoreFixture.append([StoreFixture.message(body)], to: store).receipt != nil) }
        fixture.awaitDispatch(10)
        let offsets = fixture.dispatched.withLockedValue { $0.map(\.logOffset) }
        #expect(offsets.contains(131_072))
        try store.close()
        let again = fixture.makeStore()
        let report = try again.open()
        #expect(report.wasClean)
        #expect(again.maxOffset(topic: "T", queueId: 0) == 10)
        var buffer = ByteBuffer()
        for offset in offsets { #expect(again.readRecord(logOffset: offset, into: &buffer)) }
        try again.close()
    }

    @Test func batchesAreContiguousAndAllOrNone() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open()
        let batch = (0..<3).map { StoreFixture.message("b\($0)") }
        let receipt = try #require(StoreFixture.append(batch, to: store).receipt)
        #expect(receipt.count == 3)
        #expect(receipt.logOffsets.count == 3)
        #expect(receipt.logOffsets[0] == receipt.logOffset)
        let mixed = [StoreFixture.message("a"), StoreFixture.message("b", queueId: 1)]
        #expect(StoreFixture.append(mixed, to: store).error?.code == .illegalMessage)
        #expect(StoreFixture.append([], to: store).error?.code == .illegalMessage)
        fixture.awaitDispatch(3)
        #expect(store.maxOffset(topic: "T", queueId: 0) == 3)
        try store.close()
    }

    @Test func limitsAreErrorsOfTheirOwn() throws {
        let fixture = StoreFixture()
        fixture.configuration.messageBytesMax = 1_000
        let store = fixture.makeStore()
        _ = try store.open()
        func code(_ message: StoreMessage) -> StoreError.Code? { StoreFixture.append([message], to: store).error?.code }
        #expect(code(StoreFixture.message(String(repeating: "x", count: 1_001))) == .messageTooLarge)
        #expect(
            code(StoreFixture.message("x", properties: String(repeating: "p", count: 32_768))) == .propertiesTooLarge)
        #expect(code(StoreFixture.message("x", topic: String(repeating: "t", count: 256))) == .illegalMessage)
        #expect(code(StoreFixture.message("x", queueId: -1)) == .illegalMessage)
        #expect(code(StoreFixture.message("x", topic: String(repeating: "t", count: 200))) == nil)
        try store.close()
        #expect(code(StoreFixture.message("x")) == .shutdown)
    }

    @Test(arguments: [FlushMode.asynchronous, .synchronous])
    func manyThreadsGetDistinctDenseOffsets(mode: FlushMode) async throws {
        let fixture = StoreFixture()
        fixture.configuration.flushMode = mode
        fixture.configuration.commitLogFileBytes = 4 << 20
        let store = fixture.makeStore()
        _ = try store.open()
        let offsets = NIOLockedValueBox<[Int64]>([])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<100 {
                        await withCheckedContinuation { continuation in
                            store.append(StoreFixture.message("x")) { outcome in
                                if let receipt = outcome.receipt {
                                    offsets.withLockedValue { $0.append(receipt.queueOffset) }
                                }
                                continuation.resume()
                            }
                        }
                    }
                }
            }
        }
        #expect(offsets.withLockedValue { $0.sorted() } == Array(0..<800))
        fixture.awaitDispatch(800)
        #expect(fixture.dispatched.withLockedValue { $0.map(\.queueOffset) } == Array(0..<800))
        try store.close()
    }
}
