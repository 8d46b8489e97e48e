import RemotingCodec
import RemotingTransport

/// A way to a client of lite topics: a connection of the proxy that spoke for it, or the proxy in this process.
package struct LiteChannel: Sendable {
    /// Unique among the channels of a process.
    package let id: UInt64
    /// Tells the client that it has lost a lite topic.
    package let notify: @Sendable (NotifyUnsubscribeLiteRequestHeader) -> Void

    /// Where the number of the proxy in this process lies: no connection has it.
    package static let localID = UInt64.max

    /// A channel by its parts.
    package init(id: UInt64, notify: @escaping @Sendable (NotifyUnsubscribeLiteRequestHeader) -> Void) {
        self.id = id
        self.notify = notify
    }

    /// A connection to a proxy.
    init(_ connection: RemotingServerConnection) {
        self.init(id: connection.id) { header in
            connection.sendOneway(code: .notifyUnsubscribeLite, header: header)
        }
    }
}
