/// What a connection of the monitor port waits for, with its bounds. Pure: time is handed in.
///
/// A connection waits for a request, receives it, and is answered; then it waits for the next one. Each of the three has
/// a longest time, and a request a greatest length. What a client sends before its answer counts for its next request.
struct MonitorConnectionState {
    /// Bounds of a connection.
    struct Limits {
        /// Longest request, body included, in bytes.
        var requestBytesMax = 8_192
        /// Longest wait for a request.
        var idleMillisMax: Int64 = 120_000
        /// Longest time from a request's first byte to its last.
        var requestMillisMax: Int64 = 10_000
        /// Longest time until the answer has been taken.
        var answerMillisMax: Int64 = 60_000
    }

    private enum Phase {
        case idle
        case receiving
        case answering
    }

    private let limits: Limits
    private var phase = Phase.idle
    private var requestBytes = 0
    /// When the connection is closed unless something happens.
    private(set) var deadlineMillis: Int64

    init(limits: Limits, nowMillis: Int64) {
        self.limits = limits
        deadlineMillis = nowMillis + limits.idleMillisMax
    }

    /// Bytes came; false when that is more than a request may have.
    mutating func received(bytes: Int, nowMillis: Int64) -> Bool {
        requestBytes += bytes
        if phase == .idle {
            phase = .receiving
            deadlineMillis = nowMillis + limits.requestMillisMax
        }
        return requestBytes <= limits.requestBytesMax
    }

    /// A request is complete.
    mutating func requestEnded(nowMillis: Int64) {
        phase = .answering
        requestBytes = 0
        deadlineMillis = nowMillis + limits.answerMillisMax
    }

    /// Its answer has been written.
    mutating func answered(nowMillis: Int64) {
        phase = requestBytes > 0 ? .receiving : .idle
        deadlineMillis = nowMillis + (phase == .idle ? limits.idleMillisMax : limits.requestMillisMax)
    }
}
