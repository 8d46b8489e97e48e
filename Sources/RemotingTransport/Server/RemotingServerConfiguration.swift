import NIOCore
import NIOSSL
import RemotingCodec

/// Which connections may or must use TLS; Apache's `tls.server.mode`.
package enum RemotingTLSMode: String, Sendable, CaseIterable {
    /// A TLS handshake is refused.
    case disabled
    /// TLS and plain text share the port.
    case permissive
    /// Plain text is refused.
    case enforcing
}

/// Limits and options of a remoting server. Every queue it has is bounded by one of these.
package struct RemotingServerConfiguration: Sendable {
    /// Connections at one time; the next is closed at once.
    package var connectionsMax = 65_536
    /// Requests of one connection without an answer yet, parked long polls included; the next is answered with
    /// SYSTEM_BUSY.
    package var inFlightMax = 16_384
    /// The largest frame accepted.
    package var frameBytesMax = RemotingFrameEncoder.frameBytesMax
    /// Unsent bytes of a connection above which it is no longer read.
    package var outputBytesHigh = 1024 * 1024
    /// Unsent bytes of a connection below which it is read again.
    package var outputBytesLow = 256 * 1024
    /// Unsent bytes of a connection above which it is closed; long polls may still be answered while it is not read.
    package var outputBytesMax = 64 * 1024 * 1024
    /// Time without a byte in either direction after which a connection is closed.
    package var idleMillisMax: Int64 = 120_000
    /// Calls to one client without an answer yet.
    package var outboundCallsMax = 4096
    /// Connections the kernel keeps until they are accepted.
    package var backlog: Int32 = 1024
    /// Whether TLS is offered, refused or demanded.
    package var tlsMode = RemotingTLSMode.permissive
    /// The certificate to use for the next handshake; nil refuses TLS.
    package var tlsContext: (@Sendable () -> NIOSSLContext?)?
    /// Takes HTTP/2 connections, with their first bytes, the client's address and whether TLS was taken off, on their event
    /// loop.
    package var adoptHTTP2: (@Sendable (any Channel, ByteBuffer, String, Bool) -> Void)?
    /// What an HTTP client reads when it knocks at this port.
    package var httpHint =
        "This port speaks the RocketMQ remoting protocol, not HTTP; gRPC clients connect to the proxy (port 8081)."

    /// The defaults.
    package init() {}
}
