/// The kind of messages a topic takes, and the kind a message is.
package enum TopicMessageType: String, Hashable, Sendable, CaseIterable {
    case unspecified = "UNSPECIFIED"
    case normal = "NORMAL"
    case fifo = "FIFO"
    case delay = "DELAY"
    case transaction = "TRANSACTION"
    case mixed = "MIXED"
    case priority = "PRIORITY"
    case lite = "LITE"

    /// The kind of a message, told by its properties; `find` answers a property's value.
    package static func of(properties find: (String) -> String?) -> TopicMessageType {
        if let prepared = find(PropertyName.transactionPrepared), prepared.lowercased() == "true" {
            return .transaction
        }
        for name in PropertyName.delays where find(name) != nil { return .delay }
        if find(PropertyName.shardingKey) != nil { return .fifo }
        if find(PropertyName.priority) != nil { return .priority }
        if find(PropertyName.liteTopic) != nil { return .lite }
        return .normal
    }

    /// The kind of a message with these properties.
    package static func of(properties: [String: String]) -> TopicMessageType { of { properties[$0] } }

    /// Whether a topic of this kind takes a message of that kind.
    package func accepts(_ message: TopicMessageType) -> Bool {
        message != .unspecified && (message == self || self == .mixed)
    }
}
