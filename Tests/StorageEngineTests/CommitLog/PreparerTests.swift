import Foundation
import NIOCore
import Testing

@testable import StorageEngine

/// What is done to the log ahead of the writer.
@Suite struct PreparerTests {
    private let fixture = StoreFixture()
    private let files = FailingFileSystem()

    private func open(fileBytes: Int) throws -> MessageStore {
        fixture.configuration.commitLogFileBytes = fileBytes
        let store = fixture.makeStore(files: files)
        _ = try store.open(driving: .steps)
        return store
    }

    /// Appends about so many bytes and lets a time pass before the preparer's turn.
    private func grow(_ store: MessageStore, bytes: Int, millis: Int64) {
        for _ in 0..<(bytes / 4_096) {
            store.append(StoreFixture.message(String(repeating: "x", count: 4_000))) { _ in }
        }
        fixture.clock.advance(millis)
        store.housekeepingStep()
    }

    private func takeWrites() -> [Range<Int>] {
        files.faults.withLockedValue { faults in
            defer { faults.logWrites = [] }
            return faults.logWrites
        }
    }

    @Test func onlyALogThatGrowsFastIsFilledAhead() throws {
        let store = try open(fileBytes: 4 << 20)
        grow(store, bytes: 100_000, millis: 1_000)
        #expect(takeWrites().isEmpty)
        // 6 MB a second.
        grow(store, bytes: 600_000, millis: 100)
        #expect(takeWrites().isEmpty, "all of this file was prepared before")
        grow(store, bytes: 1_800_000, millis: 300)
        // Another file now, of which nothing is prepared: pieces of 32 KB from its start.
        let writes = takeWrites()
        #expect(!writes.isEmpty)
        #expect(writes.allSatisfy { $0.count == 32_768 && $0.lowerBound % 32_768 == 0 })
        grow(store, bytes: 1_800_000, millis: 10_000)
        grow(store, bytes: 1_800_000, millis: 10_000)
        grow(store, bytes: 1_800_000, millis: 10_000)
        #expect(takeWrites().isEmpty)
        try store.close()
    }

    @Test func aLogThatGrowsFastIsPreparedFartherAhead() throws {
        let store = try open(fileBytes: 64 << 20)
        func ahead() -> Int64 { store.log.state.withLock { $0.preparedOffset - $0.writeOffset } }
        grow(store, bytes: 100_000, millis: 1_000)
        #expect((7 << 20...8 << 20).contains(ahead()))
        grow(store, bytes: 600_000, millis: 100)
        #expect((31 << 20...32 << 20).contains(ahead()))
        #expect(!isNeeded(store, ahead: 31 << 20))
        #expect(isNeeded(store, ahead: 30 << 20))
        try store.close()
    }

    /// Whether the preparer would be woken with so much left of what it prepared.
    private func isNeeded(_ store: MessageStore, ahead: Int64) -> Bool {
        store.log.state.withLock { state in
            let offset = state.writeOffset
            defer { state.writeOffset = offset }
            state.writeOffset = state.preparedOffset - ahead
            return state.needsPreparer
        }
    }

    @Test func theNextFileIsPreparedAsTheWriterComesNear() throws {
        let fileBytes: Int64 = 16 << 20
        let store = try open(fileBytes: Int(fileBytes))
        func prepared() -> Int64 { store.log.state.withLock { $0.preparedOffset } }
        grow(store, bytes: 7 << 20, millis: 10_000)
        #expect(prepared() < fileBytes)
        grow(store, bytes: 3 << 20, millis: 10_000)
        #expect((fileBytes + 1..<fileBytes + 3 << 20).contains(prepared()))
        #expect(!isNeeded(store, ahead: 7 << 20))
        #expect(isNeeded(store, ahead: 6 << 20), "in the current file it waits for the rest of the next one")
        try store.close()
    }

    @Test func theWriterIsNotComeNear() throws {
        let store = try open(fileBytes: 4 << 20)
        grow(store, bytes: 40_000, millis: 100)
        let offset = store.maxLogOffset
        #expect(!store.log.claim(offset + 99..<offset + 999, margin: 100))
        #expect(!store.log.state.withLock { $0.reachesClaim(1_000_000) })
        #expect(store.log.claim(offset + 100..<offset + 999, margin: 100))
        #expect(!store.log.claim(offset + 2_000..<offset + 3_000, margin: 100), "one at a time")
        // With the eight bytes that stay free behind each record.
        #expect(!store.log.state.withLock { $0.reachesClaim(92) })
        #expect(store.log.state.withLock { $0.reachesClaim(93) })
        store.log.releaseClaim()
        #expect(!store.log.state.withLock { $0.reachesClaim(93) })
        // In the next file, when the record does not fit into this one.
        let end = Int64(4 << 20)
        #expect(store.log.claim(end + 4_096..<end + 8_192, margin: 100))
        #expect(!store.log.state.withLock { $0.reachesClaim(Int(end - offset) - 8) })
        #expect(!store.log.state.withLock { $0.reachesClaim(4_000) })
        store.log.state.withLock { $0.writeOffset = end - 1_000 }
        #expect(!store.log.state.withLock { $0.reachesClaim(4_000) })
        #expect(store.log.state.withLock { $0.reachesClaim(4_100) })
        store.log.state.withLock { $0.writeOffset = offset }
        store.log.releaseClaim()
        try store.close()
    }

    /// Zeros are written right in front of the writer all the time, and no record gets lost.
    @Test func zerosNeverLandOnRecords() throws {
        let store = try open(fileBytes: 4 << 20)
        let count = 20_000
        let isOver = DispatchSemaphore(value: 0)
        let log = store.log
        Thread.detachNewThread {
            let zeros = [UInt8](repeating: 0, count: 8_192)
            var round: Int64 = 0
            while log.state.withLock({ !$0.isClosed }) {
                round += 1
                var start = log.state.withLock { $0.writeOffset } + round % 512
                var target = log.segments.segment(at: start)
                if let segment = target, start + 8_192 > segment.end {
                    // Near the end of a file it is the next one.
                    target = log.segments.preparedSegment
                    start = segment.end + round % 512
                }
                guard let target, start >= target.base, log.claim(start..<start + 8_192, margin: 0) else { continue }
                zeros.withUnsafeBytes { try? target.writeZeros($0, at: start) }
                log.releaseClaim()
            }
            isOver.signal()
        }
        for number in 0..<count {
            store.append(StoreFixture.message("\(number)-" + String(repeating: "x", count: number % 700))) { _ in }
            if number % 256 == 0 {
                store.housekeepingStep()
                while store.dispatchStep() {}
            }
        }
        while store.dispatchStep() {}
        #expect(files.faults.withLockedValue { $0.logWrites.count } > 100, "the other thread had its turns")
        try store.close()
        isOver.wait()
        let report = try StoreCheck.run(fixture.configuration, files: LinuxFileSystem())
        #expect(report.messages == count)
        #expect(report.isGood, "\(report)")
    }

    @Test func aFlushLeavesTheLastPieceOnceAtMost() throws {
        let store = try open(fileBytes: 4 << 20)
        let flusher = Flusher(log: store.log, isSynchronous: false, intervalMillis: 500)
        func flushed() -> Int64 { store.log.state.withLock { $0.flushedOffset } }
        grow(store, bytes: 300_000, millis: 0)
        let end = store.maxLogOffset
        #expect(flushed() == end, "the turn of housekeeping flushes all")
        for _ in 0..<60 { store.append(StoreFixture.message(String(repeating: "x", count: 4_000))) { _ in } }
        flusher.step(sparesLastPiece: true)
        #expect(flushed() == 16 * 32_768)
        flusher.step(sparesLastPiece: true)
        #expect(flushed() == store.maxLogOffset)
        // All of it for who waits.
        for _ in 0..<60 { store.append(StoreFixture.message(String(repeating: "x", count: 4_000))) { _ in } }
        let receipt = AppendReceipt(
            logOffset: 0, queueOffset: 0, size: 0, count: 1, storeTimestampMillis: 0, logOffsets: [])
        flusher.wait(.init(end: store.maxLogOffset, receipt: receipt, sinceMillis: 0) { _ in })
        flusher.step(sparesLastPiece: true)
        #expect(flushed() == store.maxLogOffset)
        try store.close()
    }
}
