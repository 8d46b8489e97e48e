/// What one consumer group may expect of one message, as far as its clients were told.
///
/// Every answer adds a level: the states the broker may be in after it. A crash throws the broker back to any level
/// since the last one that it had written down, so the levels from there on become one.
struct TrackedDelivery {
    struct State: Hashable {
        var isAcked = false
        /// Deliveries so far.
        var attempt: Int32 = 0
        /// It is not handed out before.
        var untilMillis: Int64 = 0
    }

    /// The first is on the disk; the last is what clients were told.
    private var levels: [[State]] = [[State()]]
    /// The level that a killed process leaves behind.
    private var journaled = 0

    /// What may be the case now.
    var current: [State] { levels[levels.count - 1] }

    mutating func add(_ states: [State]) {
        var distinct: [State] = []
        for state in states where !distinct.contains(state) { distinct.append(state) }
        levels.append(distinct)
    }

    /// All told is in the log.
    mutating func didJournal(isDurable: Bool) {
        journaled = levels.count - 1
        if isDurable { didFlushLog() }
    }

    /// What is in the log is on the disk.
    mutating func didFlushLog() {
        levels.removeFirst(journaled)
        journaled = 0
    }

    /// The process ended without saying so; a loss of power takes what was not on the disk too.
    mutating func crashed(losesPower: Bool) {
        let first = losesPower ? 0 : journaled
        let possible = levels[first...].flatMap { $0 }
        levels.removeSubrange(first...)
        add(possible)
        journaled = levels.count - 1
    }
}
