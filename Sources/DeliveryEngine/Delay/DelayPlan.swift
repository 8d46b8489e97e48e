import MessageModel

/// What becomes of a message because of the properties with which it asks for later delivery.
package enum DelayPlan: Sendable, Hashable {
    /// It asks for nothing, or for a time that has passed: it goes to its topic.
    case none
    /// It waits in the queue of a delay level.
    case level(Int32)
    /// It waits in the timer topic; TIMER_OUT_MS becomes this.
    case timer(outMillis: Int64)
    /// It cannot be taken.
    case refused(Refusal)

    /// Why a message is not taken.
    package enum Refusal: Sendable, Hashable {
        /// Timers are switched off (`timerWheelEnable`).
        case timersAreOff
        /// A time that is no number, too far away, or past for a recall.
        case illegalTime
    }

    /// What the decision depends on besides the message.
    package struct Rules: Sendable {
        /// The delay levels.
        package var levels: DelayLevels
        /// Whether timers are taken (`timerWheelEnable`).
        package var takesTimers: Bool
        /// The longest wait of a timer (`timerMaxDelaySec`), milliseconds.
        package var timerDelayMillisMax: Int64

        /// Given rules.
        package init(levels: DelayLevels, takesTimers: Bool, timerDelayMillisMax: Int64) {
            self.levels = levels
            self.takesTimers = takesTimers
            self.timerDelayMillisMax = timerDelayMillisMax
        }
    }

    /// Decides by the property text, in Apache's order: a level wins over a time, TIMER_OUT_MS says that the message
    /// comes from the timer, and of the ways to give a time the seconds come first.
    package init(properties: UnsafeRawBufferPointer, nowMillis: Int64, rules: Rules) {
        if case .value(let level) = PropertyText.integer("DELAY", in: properties), level > 0 {
            self = .level(rules.levels.clamped(level))
            return
        }
        guard PropertyText.find("TIMER_OUT_MS", in: properties) == nil,
            let due = Self.dueMillis(properties, fromMillis: nowMillis)
        else {
            self = .none
            return
        }
        guard rules.takesTimers else {
            self = .refused(.timersAreOff)
            return
        }
        guard let due else {
            self = .refused(.illegalTime)
            return
        }
        if due <= nowMillis {
            self = PropertyText.find("TIMER_DEL_UNIQKEY", in: properties) == nil ? .none : .refused(.illegalTime)
        } else if due - nowMillis > rules.timerDelayMillisMax {
            self = .refused(.illegalTime)
        } else {
            self = .timer(outMillis: TimerTime.outMillis(dueMillis: due))
        }
    }

    /// When the properties want the message to be delivered: nil when they do not say, nil within when they say it
    /// badly.
    private static func dueMillis(_ properties: UnsafeRawBufferPointer, fromMillis: Int64) -> Int64?? {
        if let seconds = PropertyText.integer("TIMER_DELAY_SEC", in: properties) {
            return .some(add(seconds, times: 1_000, to: fromMillis))
        }
        if let millis = PropertyText.integer("TIMER_DELAY_MS", in: properties) {
            return .some(add(millis, times: 1, to: fromMillis))
        }
        if let due = PropertyText.integer("TIMER_DELIVER_MS", in: properties) {
            return .some(add(due, times: 1, to: 0))
        }
        return nil
    }

    private static func add(_ property: IntegerProperty, times factor: Int64, to base: Int64) -> Int64? {
        guard case .value(let number) = property else { return nil }
        let (product, overflows) = number.multipliedReportingOverflow(by: factor)
        guard !overflows else { return nil }
        let (sum, sumOverflows) = product.addingReportingOverflow(base)
        return sumOverflows ? nil : sum
    }
}
