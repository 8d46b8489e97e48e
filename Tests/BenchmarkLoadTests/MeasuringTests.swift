import NIOCore
import Testing

@testable import BenchmarkLoad

@Suite struct MessageStampTests {
    @Test(arguments: [16, 23, 24, 1_024])
    func surviveABody(_ size: Int) throws {
        let stamp = MessageStamp(run: 0xDEAD_BEEF, producer: 65_535, sequence: (1 << 48) - 1, plannedNanos: 7)
        let body = stamp.body(size: size, filler: ByteBuffer(repeating: 0x78, count: size))
        #expect(body.readableBytes == size)
        let read = try #require(MessageStamp(body))
        #expect(read.run == (size >= 24 ? stamp.run : nil))
        #expect((read.producer, read.sequence, read.plannedNanos) == (65_535, (1 << 48) - 1, 7))
    }

    @Test func needSixteenBytes() {
        #expect(MessageStamp(ByteBuffer(repeating: 0, count: 15)) == nil)
    }
}

@Suite struct SequenceSetTests {
    @Test func countsHolesAndDifferences() {
        var seen = SequenceSet()
        let isNew = ([3, 64, 5, 130, 64] as [UInt64]).map { seen.insert($0) }
        #expect(isNew == [true, true, true, true, false])
        #expect(seen.count == 4)
        #expect(seen.contains(130) && !seen.contains(131) && !seen.contains(10_000))
        #expect(seen.gapCount == 130 - 3 + 1 - 4)
        var other = SequenceSet()
        _ = other.insert(5)
        #expect(seen.countMissing(in: other) == 3)
        #expect(SequenceSet().gapCount == 0)
    }

    @Test func refusesNumbersBeyondItsBound() {
        var seen = SequenceSet()
        let isTaken = seen.insert(UInt64(SequenceSet.countMax))
        #expect(!isTaken)
        #expect(seen.count == 0)
    }
}

@Suite struct DeliveryAuditTests {
    private func stamp(_ producer: UInt16, _ sequence: UInt64, run: UInt64? = 1) -> MessageStamp {
        MessageStamp(run: run, producer: producer, sequence: sequence, plannedNanos: 0)
    }

    @Test func tellsLostRepeatedAndForeignMessages() {
        var audit = DeliveryAudit(run: 1)
        for sequence: UInt64 in 0..<4 { audit.acknowledged(producer: 0, sequence: sequence) }
        let stamps = [stamp(0, 0), stamp(0, 2, run: nil), stamp(0, 2), stamp(0, 3, run: 9), nil]
        let isNew = stamps.map { audit.received($0) }
        #expect(isNew == [true, true, false, false, false])
        #expect(audit.outstandingCount == 2)
        let result = audit.result
        #expect(result == .init(acknowledged: 4, received: 2, lost: 2, gaps: 0, duplicates: 1, foreign: 2))
    }

    @Test func aConsumerAloneTellsRunsApart() {
        var audit = DeliveryAudit(run: nil)
        for run: UInt64 in [5, 6] {
            for sequence: UInt64 in 0..<3 { _ = audit.received(stamp(0, sequence, run: run)) }
        }
        #expect(audit.result == .init(acknowledged: 0, received: 6, lost: 0, gaps: 0, duplicates: 0, foreign: 0))
    }

    @Test func aConsumerAloneSeesHoles() {
        var audit = DeliveryAudit(run: nil)
        for sequence: UInt64 in [10, 11, 14] { _ = audit.received(stamp(3, sequence, run: 77)) }
        #expect(audit.result == .init(acknowledged: 0, received: 3, lost: 0, gaps: 2, duplicates: 0, foreign: 0))
    }
}

@Suite struct LatencyRecorderTests {
    @Test func summarizesAndForgetsAtARestart() {
        var recorder = LatencyRecorder()
        for millis: UInt64 in 1...1_000 { recorder.record(nanos: millis * 1_000_000) }
        recorder.failed("code 50001")
        let summary = recorder.summary
        #expect(summary.count == 1_000)
        #expect((499_000...501_000).contains(summary.p50))
        #expect((989_000...991_000).contains(summary.p99))
        #expect((999_000...1_001_000).contains(summary.max))
        #expect(recorder.failures == ["code 50001": 1])
        recorder.restart()
        #expect(recorder.summary.count == 0)
        #expect(recorder.failureCount == 0)
    }

    @Test func boundsCodesAndValues() {
        var recorder = LatencyRecorder()
        for number in 0..<100 { recorder.failed("code \(number)") }
        #expect(recorder.failures.count == 65)
        #expect(recorder.failures["other"] == 36)
        recorder.record(nanos: .max)
        #expect(recorder.summary.count == 1)
    }

    @Test func writesDecimals() {
        #expect(LoadReport.decimal(1.005, places: 1) == "1.0")
        #expect(LoadReport.decimal(-0.25, places: 2) == "-0.25")
        #expect(LoadReport.decimal(12.0049, places: 3) == "12.005")
        #expect(LoadReport.decimal(.infinity, places: 0) == "-")
    }
}
