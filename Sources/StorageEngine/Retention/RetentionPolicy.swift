/// Why a file of the commit log was deleted.
package enum RetentionReason: String, Sendable {
    /// Older than `fileReservedTime`, in an hour of `deleteWhen` or because the disk is used above
    /// `diskMaxUsedSpaceRatio`.
    case expired = "fileReservedTime"
    /// The log was larger than `fileReservedBytes`.
    case size = "fileReservedBytes"
    /// The disk was used above `diskSpaceCleanForciblyRatio`.
    case disk = "diskSpaceCleanForciblyRatio"
}

/// Decides whether the oldest file of the log goes. Knows no file system and no clock.
///
/// Never the newest file, never one with records that are not in the queues yet. Expired files and those over the size
/// limit go read or unread, as they were promised for that long only; a full disk takes unread ones only when the
/// operator allows it.
struct RetentionPolicy {
    /// What is known when a decision is due.
    struct Situation {
        var level: DiskLevel
        var isDeleteHour: Bool
        var nowMillis: Int64
        /// Bytes of all files of the log.
        var logBytes: Int64
        /// Before it everything is in the queues.
        var dispatchedOffset: Int64
        /// Log offset of the oldest message that a consumer group has not consumed yet; nil when all is consumed.
        var unreadOffset: Int64?
    }

    enum Decision: Equatable {
        case keep
        case delete(RetentionReason)
        /// The disk is full, but consumers have not read the file.
        case keepUnread
    }

    let hours: Int
    let bytesMax: Int64
    let cleansForcibly: Bool
    let deletesUnread: Bool

    init(_ configuration: StoreConfiguration) {
        hours = configuration.retentionHours
        bytesMax = configuration.retentionBytesMax
        cleansForcibly = configuration.cleanForcibly
        deletesUnread = configuration.deletesUnread
    }

    /// What becomes of the oldest file, which ends at `end` and was last written at `modifiedMillis`.
    func decide(end: Int64, modifiedMillis: Int64?, isNewest: Bool, _ situation: Situation) -> Decision {
        if isNewest || end > situation.dispatchedOffset { return .keep }
        let expiry = situation.nowMillis - Int64(hours) * 3_600_000
        let isExpired = modifiedMillis.map { $0 <= expiry } ?? false
        if isExpired, situation.isDeleteHour || situation.level > .normal { return .delete(.expired) }
        if bytesMax > 0, situation.logBytes > bytesMax { return .delete(.size) }
        guard situation.level >= .critical, cleansForcibly else { return .keep }
        if let unread = situation.unreadOffset, unread < end, !deletesUnread { return .keepUnread }
        return .delete(.disk)
    }
}
