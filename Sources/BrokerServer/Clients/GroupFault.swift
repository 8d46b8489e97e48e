import MessageModel
import RemotingCodec

/// Something wrong with the members of a consumer group, which makes messages go astray without an error anywhere.
package struct GroupFault: Hashable, Sendable {
    /// The kinds of faults.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Two connections bear one client id: both take the same share of the queues.
        case duplicateClientID
        /// Members subscribe to different topics, or with different filters: whose queues are another's get lost.
        case differentSubscriptions
        /// Some members pull and some pop, or some broadcast and some do not.
        case differentModes

        /// The fault in a sentence.
        package var sentence: String {
            switch self {
            case .duplicateClientID: "several connections of the group have the same client id"
            case .differentSubscriptions: "the members of the group have different subscriptions"
            case .differentModes: "the members of the group consume in different ways"
            }
        }
    }

    /// The consumer group.
    package var group: String
    /// What is wrong.
    package var kind: Kind
}

extension ClientTable {
    /// A number that differs when topics, kinds of filters or filters do; versions do not matter.
    static func hash(of subscriptions: [SubscriptionData]) -> Int {
        guard !subscriptions.isEmpty else { return 0 }
        var hasher = Hasher()
        for subscription in subscriptions.sorted(by: { $0.topic < $1.topic }) {
            hasher.combine(subscription.topic)
            hasher.combine(subscription.expressionType)
            hasher.combine(subscription.expression)
        }
        return hasher.finalize()
    }
}
