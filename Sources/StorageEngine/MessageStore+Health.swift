/// How a store does, for tools and health checks.
package struct StoreHealth: Sendable {
    /// What is to be expected of it.
    package enum Status: String, Sendable {
        case ok = "OK"
        /// Nearly full: sends are slowed down.
        case slow = "SLOW"
        /// No room: sends are refused until there is some.
        case diskFull = "DISK_FULL"
        /// A write or flush failed: read only until a restart.
        case readOnly = "READ_ONLY"
        /// Not open.
        case closed = "CLOSED"
    }

    /// The status.
    package var status: Status
    /// A sentence on why it is not well.
    package var reason: String?
    /// Unreadable stretches of the log found so far; the first thousand.
    package var damages: [RecoveryReport.Damage]
    /// How many there are in all.
    package var damageCount: Int
    /// What the last start found; nil before it.
    package var recovery: RecoveryReport?
}

extension MessageStore {
    /// How the store does now.
    package var health: StoreHealth {
        let (named, count) = notices.damages
        let (status, reason) = statusNow
        return StoreHealth(
            status: status, reason: reason, damages: named, damageCount: count, recovery: recoveryReport)
    }

    /// Bytes of the log that the start, which may still run, has read, and has to read by the look of the files.
    package var recoveryBytes: (done: Int64, total: Int64) { notices.progress.bytes }
}
