/// The queue of one delay level: which message comes next, and when.
///
/// All messages of a level wait for the same time, so they are due in the order of the queue and only the first matters.
/// The owner reads the queue when told, asks about each message, writes the copies of those that are due and reports. The
/// machine keeps no messages and does not know whether what it says was written down.
///
/// Times are those of the broker's clock. When that clock was set back, messages stored before would seem to wait for
/// longer than their delay: the owner's first look at one of them fixes by how much, and all that were in the queue then
/// are due that much earlier. So none is early by the time that really passed, and none waits much longer than it should.
package struct DelayLevelQueue: Sendable {
    private enum State: Sendable, Hashable {
        /// The queue has to be read.
        case unread
        /// Its first message is due then, or a failure is to be tried again.
        case waiting(untilMillis: Int64)
        /// There is nothing in it.
        case idle
    }

    /// What to do with a message.
    package enum Verdict: Sendable, Hashable {
        case deliver
        /// Nor those behind it.
        case wait
    }

    /// The level, from 1.
    package let level: Int32
    /// How long its messages wait.
    package let delayMillis: Int64
    /// Everything before was delivered.
    package private(set) var nextOffset: Int64
    private var state = State.unread
    /// Messages before `skewEnd` with a store time after `skewFromMillis` were stored by a clock that was ahead by this.
    private var skewMillis: Int64 = 0
    private var skewEnd: Int64 = 0
    private var skewFromMillis: Int64 = 0

    /// A queue whose messages before an offset are delivered.
    package init(level: Int32, delayMillis: Int64, nextOffset: Int64) {
        self.level = level
        self.delayMillis = delayMillis
        self.nextOffset = nextOffset
    }

    /// The queue of the schedule topic.
    package var queueID: Int32 { level - 1 }

    /// When the owner has to read the queue; nil is when something arrives. At once when the clock was set back.
    package func readAtMillis(nowMillis: Int64) -> Int64? {
        switch state {
        case .unread: .min
        case .waiting(let untilMillis): untilMillis > nowMillis + max(delayMillis, retryMillisMax) ? .min : untilMillis
        case .idle: nil
        }
    }

    /// No owner waits longer than this after a failure.
    private var retryMillisMax: Int64 { 10_000 }

    /// Something came into the queue.
    package mutating func arrived() {
        if state == .idle { state = .unread }
    }

    /// Moves the position into what the queue holds.
    package mutating func correct(minOffset: Int64, maxOffset: Int64) {
        nextOffset = min(max(nextOffset, minOffset), max(maxOffset, minOffset))
    }

    /// Whether the message at an offset is due. `endOffset` is the end of the queue.
    package mutating func examine(
        offset: Int64, storeTimestampMillis: Int64, endOffset: Int64, nowMillis: Int64
    ) -> Verdict {
        var due = storeTimestampMillis + delayMillis
        if offset < skewEnd, storeTimestampMillis > skewFromMillis { due -= skewMillis }
        if due > nowMillis + delayMillis {
            skewMillis = storeTimestampMillis - nowMillis
            skewEnd = endOffset
            skewFromMillis = nowMillis
            due = nowMillis + delayMillis
        }
        guard due > nowMillis else { return .deliver }
        state = .waiting(untilMillis: due)
        return .wait
    }

    /// The messages before an offset are delivered, or can never be.
    package mutating func advance(to offset: Int64) {
        nextOffset = max(nextOffset, offset)
        state = .unread
    }

    /// The queue held nothing more when it was read.
    package mutating func exhausted() { state = .idle }

    /// A copy could not be written: nothing is tried before then.
    package mutating func failed(retryAtMillis: Int64) { state = .waiting(untilMillis: retryAtMillis) }
}
