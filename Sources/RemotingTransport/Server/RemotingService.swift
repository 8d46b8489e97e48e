import RemotingCodec

/// What a remoting server serves: a name server, a broker.
package protocol RemotingService: AnyObject, Sendable {
    /// Handles one request on the connection's event loop. It must not block, and must answer or dismiss each request
    /// that is not one-way exactly once, now or later, from any thread.
    func handle(_ request: RemotingCommand, from connection: RemotingServerConnection)
    /// The first frame of a connection arrived; called before that frame is handled.
    func connectionOpened(_ connection: RemotingServerConnection)
    /// A connection that was announced as opened is gone; answers to it are dropped from now on.
    func connectionClosed(_ connection: RemotingServerConnection)
}

extension RemotingService {
    /// Nothing to do.
    package func connectionOpened(_ connection: RemotingServerConnection) {}
    /// Nothing to do.
    package func connectionClosed(_ connection: RemotingServerConnection) {}
}
