import NIOCore

/// A consumer's request for messages of the lite topics it subscribes to.
package struct LitePopRequest: Sendable {
    /// The consumer group.
    package var group: String
    /// The client, as it names itself.
    package var clientID: String
    /// The parent topic.
    package var topic: String
    /// Most messages wanted, 1 to 32.
    package var maxCount: Int32 = 32
    /// How long the messages stay invisible to others.
    package var invisibleMillis: Int64 = 60_000
    /// How long to wait for a message; 0 answers at once.
    package var pollMillis: Int64 = 0
    /// When the client sent the request; 0 when unknown.
    package var bornMillis: Int64 = 0
    /// The client's name for this attempt.
    package var attemptID: String?
    /// The loop on which a parked request goes on when it is woken; nil is the thread that wakes it.
    package var eventLoop: (any EventLoop)?
    /// Asked on the loop before a woken request takes messages: whether its client is gone.
    package var isAbandoned: (@Sendable () -> Bool)?

    /// A request with the usual values.
    package init(group: String, clientID: String, topic: String) {
        self.group = group
        self.clientID = clientID
        self.topic = topic
    }
}
