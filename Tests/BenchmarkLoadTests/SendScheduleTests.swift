import Testing

@testable import BenchmarkLoad

@Suite struct SendScheduleTests {
    private func expect(
        _ expected: SendSchedule.Step, _ step: SendSchedule.Step, at location: SourceLocation = #_sourceLocation
    ) {
        #expect(step == expected, sourceLocation: location)
    }

    @Test func withoutRateTheWindowDecides() {
        var schedule = SendSchedule(startNanos: 100, endNanos: 1_000, intervalNanos: nil, windowMax: 2)
        expect(.send(plannedNanos: 100), schedule.next(nowNanos: 100))
        expect(.send(plannedNanos: 110), schedule.next(nowNanos: 110))
        expect(.waitForAnswer, schedule.next(nowNanos: 120))
        schedule.answered()
        expect(.send(plannedNanos: 500), schedule.next(nowNanos: 500))
        #expect(schedule.inFlightCount == 2)
        expect(.finished, schedule.next(nowNanos: 1_000))
    }

    @Test func atARateMessagesKeepTheirPlannedTime() {
        var schedule = SendSchedule(startNanos: 1_000, endNanos: 2_000, intervalNanos: 100, windowMax: 2)
        expect(.waitUntil(nanos: 1_000), schedule.next(nowNanos: 900))
        expect(.send(plannedNanos: 1_000), schedule.next(nowNanos: 1_005))
        expect(.waitUntil(nanos: 1_100), schedule.next(nowNanos: 1_005))
        expect(.send(plannedNanos: 1_100), schedule.next(nowNanos: 1_100))
        expect(.waitForAnswer, schedule.next(nowNanos: 1_450))
        schedule.answered()
        schedule.answered()
        // The server held up what was due at 1,200 and 1,300: both still count from then.
        expect(.send(plannedNanos: 1_200), schedule.next(nowNanos: 1_450))
        expect(.send(plannedNanos: 1_300), schedule.next(nowNanos: 1_450))
    }

    @Test func nothingIsPlannedAtOrBehindTheEnd() {
        var schedule = SendSchedule(startNanos: 0, endNanos: 250, intervalNanos: 100, windowMax: 10)
        for planned: UInt64 in [0, 100, 200] { expect(.send(plannedNanos: planned), schedule.next(nowNanos: 240)) }
        expect(.finished, schedule.next(nowNanos: 240))
    }

    @Test func denseMessagesLeaveInSteps() {
        var schedule = SendSchedule(
            startNanos: 10, endNanos: 1_210, intervalNanos: 200, windowMax: 10, stepNanos: 500)
        expect(.waitUntil(nanos: 500), schedule.next(nowNanos: 0))
        for planned: UInt64 in [10, 210, 410] { expect(.send(plannedNanos: planned), schedule.next(nowNanos: 500)) }
        expect(.waitUntil(nanos: 1_000), schedule.next(nowNanos: 500))
        for planned: UInt64 in [610, 810] { expect(.send(plannedNanos: planned), schedule.next(nowNanos: 1_000)) }
        // The next step would be behind the end.
        expect(.waitUntil(nanos: 1_010), schedule.next(nowNanos: 1_000))
        expect(.send(plannedNanos: 1_010), schedule.next(nowNanos: 1_010))
        expect(.finished, schedule.next(nowNanos: 1_010))
    }
}
