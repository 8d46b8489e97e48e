/// What a group's attributes say about lite topics (names and values are Apache's).
extension SubscriptionGroupConfig {
    /// The parent topic whose lite topics the group consumes; nil for a group of ordinary topics.
    package var liteBindTopic: String? {
        attributes[AttributeName.liteBindTopic].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Whether a lite topic has one client of the group at a time, the last one that subscribed.
    package var isLiteExclusive: Bool {
        attributes[AttributeName.liteSubscriptionModel].map { $0.lowercased() == "exclusive" } ?? false
    }

    /// Whether a client that takes a lite topic over begins at its first message.
    package var resetsLiteOffsetOnTakeover: Bool { attributes[AttributeName.liteResetsOnTakeover] == "true" }

    /// Whether who subscribes again after unsubscribing begins at the first message.
    package var resetsLiteOffsetOnUnsubscribe: Bool { attributes[AttributeName.liteResetsOnUnsubscribe] == "true" }

    /// Whether every client of the group consumes all lite topics of the parent: any value says so.
    package var isLiteWildcard: Bool { attributes[AttributeName.liteWildcard] != nil }

    /// Lite topics that one client may subscribe to.
    package var liteClientQuota: Int32 {
        attributes[AttributeName.liteClientQuota].flatMap { Int32($0) } ?? Self.liteClientQuotaDefault
    }

    private static let liteClientQuotaDefault: Int32 = 2_000
}

extension TopicConfig {
    /// Minutes after the last message after which a lite topic of this parent is deleted; -1 is never.
    package var liteExpirationMinutes: Int64 {
        attributes[AttributeName.liteTopicExpiration].flatMap { Int64($0) } ?? -1
    }
}
