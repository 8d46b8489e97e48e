import MessageModel

/// The attributes a group can have, and how requests change them.
enum GroupAttributes {
    private enum Kind {
        case number(ClosedRange<Int64>)
        case flag
        case choice([String])
        case topicName
        case any
    }

    /// Apache's names and ranges.
    private static let known: [String: Kind] = [
        AttributeName.priorityFactor: .number(0...100),
        AttributeName.liteBindTopic: .topicName,
        AttributeName.liteSubscriptionModel: .choice(["Shared", "Exclusive"]),
        AttributeName.liteResetsOnTakeover: .flag,
        AttributeName.liteResetsOnUnsubscribe: .flag,
        AttributeName.liteClientQuota: .number(-1...Int64.max),
        AttributeName.liteClientEventsMax: .number(10...Int64.max),
        AttributeName.liteWildcard: .any,
    ]

    /// The attributes after a request: `+name` sets, `-name` removes; names without a sign are set too. Names that this
    /// version does not know are kept, as Apache's newer tools may send them.
    static func applied(_ changes: [String: String], to current: [String: String]) -> [String: String] {
        var result = current
        for (key, value) in changes { result[name(key)] = key.first == "-" ? nil : value }
        return result
    }

    /// Refuses a request that sets an attribute to what it cannot be.
    static func check(_ changes: [String: String]) throws(ServiceError) {
        for (key, value) in changes where key.first != "-" { try check(name(key), value) }
    }

    private static func name(_ key: String) -> String {
        key.first == "+" || key.first == "-" ? String(key.dropFirst()) : key
    }

    private static func check(_ name: String, _ value: String) throws(ServiceError) {
        let isGood: Bool =
            switch known[name] {
            case .number(let range): Int64(value).map(range.contains) ?? false
            case .flag: value == "true" || value == "false"
            case .choice(let choices): choices.contains { $0.lowercased() == value.lowercased() }
            case .topicName: (try? NameRules.checkTopic(value)) != nil
            case .any, nil: true
            }
        guard isGood else {
            throw ServiceError(code: .invalidParameter, message: "the attribute \(name) cannot be \(value)")
        }
    }
}
