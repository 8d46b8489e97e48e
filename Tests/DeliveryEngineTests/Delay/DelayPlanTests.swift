import MessageModel
import Testing

@testable import DeliveryEngine

@Suite("What a message's delay properties ask for")
struct DelayPlanTests {
    private static let now: Int64 = 1_795_365_038_254
    private static let rules = DelayPlan.Rules(levels: .apache, takesTimers: true, timerDelayMillisMax: 86_400_000)

    private func plan(_ pairs: [String: String], rules: DelayPlan.Rules = rules) -> DelayPlan {
        let text = PropertyText.encode(pairs.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) })
        return Array(text.utf8).withUnsafeBytes {
            DelayPlan(properties: $0, nowMillis: Self.now, rules: rules)
        }
    }

    @Test(
        "levels",
        arguments: [
            ("1", DelayPlan.level(1)), ("18", .level(18)), ("19", .level(18)), ("99999999999", .level(18)),
            ("0", .none), ("-1", .none), ("x", .none), ("+3", .level(3)),
        ])
    func levels(text: String, expected: DelayPlan) {
        #expect(plan(["DELAY": text]) == expected)
    }

    @Test("a level wins over a time")
    func levelWins() {
        #expect(plan(["DELAY": "2", "TIMER_DELIVER_MS": "x"]) == .level(2))
    }

    @Test(
        "times at, under and over their bounds",
        arguments: [
            (["TIMER_DELAY_SEC": "3"], DelayPlan.timer(outMillis: 1_795_365_041_000)),
            (["TIMER_DELAY_MS": "3600000"], .timer(outMillis: 1_795_368_638_000)),
            (["TIMER_DELIVER_MS": "1795365039000"], .timer(outMillis: 1_795_365_038_000)),
            (["TIMER_DELIVER_MS": "1795365038255"], .timer(outMillis: 1_795_365_038_000)),
            (["TIMER_DELIVER_MS": "1795365038254"], .none),
            (["TIMER_DELIVER_MS": "1"], .none),
            (["TIMER_DELIVER_MS": "1795451438254"], .timer(outMillis: 1_795_451_438_000)),
            (["TIMER_DELIVER_MS": "1795451438255"], .refused(.illegalTime)),
            (["TIMER_DELAY_SEC": "86400"], .timer(outMillis: 1_795_451_438_000)),
            (["TIMER_DELAY_SEC": "86401"], .refused(.illegalTime)),
            (["TIMER_DELAY_SEC": "9223372036854775807"], .refused(.illegalTime)),
            (["TIMER_DELAY_MS": "9223372036854775807"], .refused(.illegalTime)),
            (["TIMER_DELAY_MS": "soon"], .refused(.illegalTime)),
            (["TIMER_DELAY_SEC": "3", "TIMER_DELIVER_MS": "x"], .timer(outMillis: 1_795_365_041_000)),
            (["TIMER_DELIVER_MS": "1795365039000", "TIMER_OUT_MS": "1"], .none),
            (["TIMER_DELIVER_MS": "1", "TIMER_DEL_UNIQKEY": "T+k"], .refused(.illegalTime)),
            (["KEYS": "k"], .none),
        ])
    func times(properties: [String: String], expected: DelayPlan) {
        #expect(plan(properties) == expected)
    }

    @Test("without a wheel there are no times, but levels")
    func off() {
        var rules = Self.rules
        rules.takesTimers = false
        #expect(plan(["TIMER_DELAY_SEC": "3"], rules: rules) == .refused(.timersAreOff))
        #expect(plan(["DELAY": "3"], rules: rules) == .level(3))
    }

    @Test("the slot of a time ends at or after it, and its message is due within")
    func slots() {
        #expect(TimerTime.outMillis(dueMillis: 5_000) == 4_000)
        #expect(TimerTime.outMillis(dueMillis: 5_001) == 5_000)
        #expect(TimerTime.outMillis(dueMillis: 5_999) == 5_000)
        func due(_ text: String, stored: Int64 = 2_000) -> Int64 {
            Array(text.utf8).withUnsafeBytes {
                TimerTime.dueMillis(properties: $0, outMillis: 5_000, storeTimestampMillis: stored)
            }
        }
        #expect(due("TIMER_DELIVER_MS\u{1}5250") == 5_250)
        #expect(due("TIMER_DELAY_MS\u{1}3400") == 5_400)
        #expect(due("TIMER_DELAY_SEC\u{1}3", stored: 2_001) == 5_001)
        // What cannot be is never early.
        #expect(due("TIMER_DELIVER_MS\u{1}4000") == 6_000)
        #expect(due("TIMER_DELIVER_MS\u{1}7000") == 6_000)
        #expect(due("TIMER_DELAY_SEC\u{1}9223372036854775807") == 6_000)
        #expect(due("KEYS\u{1}k") == 6_000)
    }
}
