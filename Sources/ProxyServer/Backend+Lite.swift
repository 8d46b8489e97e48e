import MessageModel
import ProtoMessages

/// The calls of a backend about lite topics. As with ``Backend``: one loop, and what a request points to is valid during
/// the call only.
package protocol LiteBackend: AnyObject {
    /// Takes messages of the lite topics that a client subscribes to, waiting for them if need be.
    func popLite(_ request: LitePopRequest, completion: @escaping (Result<PopAnswer, ProxyError>) -> Void)

    /// Changes what a client subscribes to, at one broker.
    func syncLite(
        _ change: LiteSubscriptionChange, at broker: BrokerTarget, completion: @escaping (ProxyError?) -> Void)

    /// Sets who is told that another client has taken a lite topic over; called on any thread.
    func setOnLiteLoss(_ onLoss: @escaping @Sendable (LiteLoss) -> Void)
}

/// What a consumer of lite topics wants; text is valid during the call only.
package struct LitePopRequest {
    /// The client.
    package let clientID: String
    /// The group.
    package let group: String
    /// The parent topic.
    package let topic: String
    /// The broker to ask.
    package let broker: BrokerTarget
    /// Messages at most.
    package let countMax: Int32
    /// How long they stay invisible.
    package let invisibleMillis: Int64
    /// How long to wait for the first one.
    package let pollMillis: Int64
    /// Same text on a repeated attempt.
    package let attemptID: String?
    /// Whether the client is gone, asked on the loop: then nothing should be taken for it any more.
    package let isAbandoned: () -> Bool
}

/// A change of what a client subscribes to.
package struct LiteSubscriptionChange: Sendable, Hashable {
    /// What happens to its set.
    package let action: LiteSubscriptionAction
    /// The client.
    package let clientID: String
    /// Its group.
    package let group: String
    /// The parent topic.
    package let topic: String
    /// Own names of lite topics.
    package let liteTopics: [String]
    /// Where new subscriptions begin.
    package let start: LiteStart
}

/// A client has lost a lite topic to another one of its group.
package struct LiteLoss: Sendable, Hashable {
    /// The client that has lost it.
    package let clientID: String
    /// The lite topic's own name.
    package let liteTopic: String

    /// A loss by its parts.
    package init(clientID: String, liteTopic: String) {
        self.clientID = clientID
        self.liteTopic = liteTopic
    }
}
