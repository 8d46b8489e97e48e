import MessageModel

/// The times of a timer message. A message due at D is kept under TIMER_OUT_MS, the whole second that ends at or after D
/// and begins before it; so a broker that knows whole seconds only, as Apache's does, is never early when it hands the
/// second out at its end.
package enum TimerTime {
    /// Length of a slot (`timerPrecisionMs`).
    package static let slotMillis: Int64 = 1_000

    /// TIMER_OUT_MS of a message that is due at a time.
    package static func outMillis(dueMillis: Int64) -> Int64 {
        let rest = dueMillis % slotMillis
        return rest == 0 ? dueMillis - slotMillis : dueMillis - rest
    }

    /// The slot that a moment lies in.
    package static func slot(ofMillis millis: Int64) -> Int64 { millis - millis % slotMillis }

    /// When a stored timer message is due to the millisecond, by its own properties; the end of its slot when they do
    /// not say it, or say something outside the slot.
    package static func dueMillis(
        properties: UnsafeRawBufferPointer, outMillis: Int64, storeTimestampMillis: Int64
    ) -> Int64 {
        let end = outMillis + slotMillis
        let due: Int64?
        if case .value(let seconds)? = PropertyText.integer("TIMER_DELAY_SEC", in: properties) {
            due = sum(seconds, times: 1_000, storeTimestampMillis)
        } else if case .value(let millis)? = PropertyText.integer("TIMER_DELAY_MS", in: properties) {
            due = sum(millis, times: 1, storeTimestampMillis)
        } else if case .value(let millis)? = PropertyText.integer("TIMER_DELIVER_MS", in: properties) {
            due = millis
        } else {
            due = nil
        }
        guard let due, due > outMillis, due <= end else { return end }
        return due
    }

    private static func sum(_ number: Int64, times factor: Int64, _ base: Int64) -> Int64? {
        let (product, overflows) = number.multipliedReportingOverflow(by: factor)
        guard !overflows else { return nil }
        let (sum, sumOverflows) = product.addingReportingOverflow(base)
        return sumOverflows ? nil : sum
    }
}
