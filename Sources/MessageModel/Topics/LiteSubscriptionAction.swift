/// What a client does to its set of lite topics; the raw values are the names in remoting bodies.
package enum LiteSubscriptionAction: String, Hashable, Sendable {
    /// Adds the named ones.
    case partialAdd = "PARTIAL_ADD"
    /// Takes the named ones away.
    case partialRemove = "PARTIAL_REMOVE"
    /// The named ones are all it has.
    case completeAdd = "COMPLETE_ADD"
    /// The client leaves.
    case completeRemove = "COMPLETE_REMOVE"
}

/// Where a subscription to a lite topic begins, when not at the group's progress.
package enum LiteStart: Hashable, Sendable {
    /// At the group's progress.
    case last
    /// At the first message.
    case earliest
    /// Behind the last message.
    case latest
    /// At an offset.
    case offset(Int64)
    /// So many messages before the group's progress.
    case back(Int64)
    /// At the first message of that time or later. Apache's broker takes and ignores it.
    case timestamp(millis: Int64)
}
