import Dispatch
import Testing

@testable import BrokerServer

@Suite("Statistics")
struct StatisticsTests {
    private func one(_ messages: Int64, bytes: Int64 = 0) -> Counts {
        Counts(messages: messages, bytes: bytes, calls: 1)
    }

    @Test("a minute holds what was counted in it, also since the last sample")
    func minute() {
        var history = CounterHistory(startMillis: 0)
        history.add(one(5, bytes: 50), nowMillis: 1_000)
        #expect(history.growth(over: .minute, nowMillis: 2_000) == .init(counts: one(5, bytes: 50), millis: 2_000))
        for second in stride(from: 10, through: 60, by: 10) { history.tick(nowMillis: Int64(second) * 1_000) }
        history.add(one(7), nowMillis: 61_000)
        // The five are older than a minute.
        #expect(history.growth(over: .minute, nowMillis: 65_000).counts.messages == 7)
        #expect(history.growth(over: .hour, nowMillis: 65_000).counts.messages == 12)
        #expect(
            history.growth(over: .day, nowMillis: 65_000)
                == .init(counts: Counts(messages: 12, bytes: 50, calls: 2), millis: 65_000))
    }

    @Test("windows slide: an hour forgets what is older, a day does not")
    func hour() {
        var history = CounterHistory(startMillis: 0)
        history.add(one(100), nowMillis: 0)
        for tick in 1...(26 * 360) { history.tick(nowMillis: Int64(tick) * 10_000) }
        let now: Int64 = 26 * 3_600_000
        #expect(history.growth(over: .minute, nowMillis: now).counts.messages == 0)
        #expect(history.growth(over: .hour, nowMillis: now).counts.messages == 0)
        #expect(history.growth(over: .day, nowMillis: now).counts.messages == 0)
        history.add(one(3), nowMillis: now)
        for tick in 1...(2 * 360) { history.tick(nowMillis: now + Int64(tick) * 10_000) }
        let later = now + 2 * 3_600_000
        #expect(history.growth(over: .hour, nowMillis: later).counts.messages == 0)
        #expect(history.growth(over: .day, nowMillis: later).counts.messages == 3)
        #expect(history.current.messages == 103)
    }

    @Test("a clock that is set back starts the windows anew")
    func clock() {
        var history = CounterHistory(startMillis: 1_000_000)
        history.add(one(4), nowMillis: 1_000_000)
        history.tick(nowMillis: 500_000)
        history.add(one(1), nowMillis: 500_500)
        let growth = history.growth(over: .minute, nowMillis: 501_000)
        #expect(growth.counts.messages == 1 && growth.millis == 1_000)
    }

    @Test("a full table lets those go that have been idle the longest")
    func bound() {
        var table = StatisticsTable(nowMillis: 0, entriesMax: 8)
        for index in 0..<8 { table.add(one(1), to: .topicPut("t\(index)"), nowMillis: Int64(index)) }
        table.add(one(1), to: .topicPut("t0"), nowMillis: 100)
        table.add(one(1), to: .topicPut("new"), nowMillis: 101)
        #expect(table.count == 7)
        #expect(table.history(of: .topicPut("t0")) != nil && table.history(of: .topicPut("new")) != nil)
        #expect(table.history(of: .topicPut("t1")) == nil && table.history(of: .topicPut("t2")) == nil)
        table.remove { $0.topic == "t0" }
        #expect(table.history(of: .topicPut("t0")) == nil)
    }

    @Test("counters are found by Apache's names and keys")
    func names() throws {
        let statistics = BrokerStatistics(nowMillis: 0)
        statistics.countDelivered(topic: "T", group: "g", count: 6, bytes: 600, nowMillis: 1_000)
        statistics.countDelivered(topic: "T", group: "g", count: 2, bytes: 200, nowMillis: 2_000)
        let count = try #require(statistics.data(name: "GROUP_GET_NUMS", key: "T@g", nowMillis: 4_000))
        #expect(count.minute.sum == 8 && count.minute.perSecond == 2 && count.minute.perEvent == 4)
        #expect(count.day == count.minute)
        let size = try #require(statistics.data(name: "GROUP_GET_SIZE", key: "T@g", nowMillis: 4_000))
        #expect(size.hour.sum == 800)
        #expect(statistics.data(name: "BROKER_GET_NUMS", key: "C", nowMillis: 4_000)?.minute.sum == 8)
        for (name, key) in [("GROUP_GET_NUMS", "T"), ("GROUP_GET_NUMS", "T@x"), ("TOPIC_PUT_NUMS", "T"), ("NOPE", "T")]
        {
            #expect(statistics.data(name: name, key: key, nowMillis: 4_000) == nil)
        }
        statistics.forget(group: "g")
        #expect(statistics.data(name: "GROUP_GET_NUMS", key: "T@g", nowMillis: 4_000) == nil)
    }

    @Test("totals of the last mornings are taken when the day changes")
    func mornings() {
        let statistics = BrokerStatistics(nowMillis: 0)
        statistics.countStored(3, bytes: 30, nanos: 1)
        statistics.sample(nowMillis: 0, day: 10)
        #expect(statistics.totalsByMorning.today.stored == 0)
        statistics.sample(nowMillis: 10_000, day: 11)
        #expect(statistics.totalsByMorning.today.stored == 3 && statistics.totalsByMorning.yesterday.stored == 0)
        statistics.countStored(2, bytes: 20, nanos: 1)
        statistics.sample(nowMillis: 20_000, day: 12)
        #expect(statistics.totalsByMorning.today.stored == 5 && statistics.totalsByMorning.yesterday.stored == 3)
        #expect(statistics.storeRates == [0.2, 5.0 / 30, 5.0 / 30])
    }

    @Test("durations fall into Apache's classes, percentiles are near")
    func latency() {
        let histogram = LatencyHistogram()
        let before = histogram.snapshot
        for _ in 0..<98 { histogram.record(nanos: 300_000) }
        histogram.record(nanos: 7_000_000)
        histogram.record(nanos: 12_000_000_000)
        let seen = histogram.snapshot.since(before)
        #expect(seen.distribution.hasPrefix("[<=0ms]:98 [0~10ms]:1 [10~50ms]:0 "))
        #expect(seen.distribution.hasSuffix("[5~10s]:0 [10s~]:1 "))
        #expect((0.3...0.38).contains(seen.percentile(0.5)) && (7.0...8.8).contains(seen.percentile(0.99)))
        #expect((12_000.0...15_000.0).contains(seen.percentile(0.999)))
        #expect(histogram.longestMillis == 12_000 && before.percentile(0.99) == 0)
    }

    @Test("what many threads count at once adds up")
    func threads() {
        let statistics = BrokerStatistics(nowMillis: 0)
        DispatchQueue.concurrentPerform(iterations: 12) { _ in
            for _ in 0..<1_000 { statistics.countStored(2, bytes: 10, nanos: 5_000_000) }
        }
        #expect(statistics.stored == 24_000 && statistics.storedBodyBytes == 120_000)
        #expect(statistics.putLatency.snapshot.distribution.hasPrefix("[<=0ms]:0 [0~10ms]:12000 "))
    }
}
