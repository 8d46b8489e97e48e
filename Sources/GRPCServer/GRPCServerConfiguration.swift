import HTTP2Session
import NIOCore
import NIOSSL

/// The bounds and options of a gRPC server.
package struct GRPCServerConfiguration: Sendable {
    /// The HTTP/2 settings and abuse limits.
    package var http2 = HTTP2Configuration()
    /// Gives the TLS context for a new connection; asked each time, so certificates can be renewed. Without it TLS is refused.
    package var tlsContext: (@Sendable () -> NIOSSLContext?)?
    /// Cleartext connections are served.
    package var isPlaintextAllowed = true
    /// PROXY protocol headers are read and their source address believed.
    package var isProxyProtocolAllowed = true
    /// Most connections open at once; more are closed at once.
    package var connectionsMax = 10_000
    /// Largest message accepted, before and after decompression.
    package var messageBytesMax = 130 << 20
    /// Memory one loop may hold in half-received messages.
    package var assemblyBytesMaxPerLoop = 256 << 20
    /// Answer bytes one connection may have waiting for its peer.
    package var outputQueueBytesMax = 64 << 20
    /// Time from accept to the first HTTP/2 bytes, TLS handshake included.
    package var handshakeMillisMax: Int64 = 10_000
    /// A connection without calls is closed after this time.
    package var idleMillisMax: Int64 = 120_000
    /// A connection that is older is asked to go, so that clients spread over servers that were added: with GOAWAY, and
    /// what is left after `connectionAgeGraceMillis` ends with UNAVAILABLE. Each connection's own bound lies within a tenth
    /// of this, so that not all go at once. 0 is no bound.
    package var connectionAgeMillisMax: Int64 = 0
    /// Time for the calls of a connection that is asked to go.
    package var connectionAgeGraceMillis: Int64 = 30_000
    /// A connection with calls whose peer has been silent this long is pinged.
    package var keepaliveMillis: Int64 = 120_000
    /// The answer to that ping must come within this time.
    package var keepaliveTimeoutMillis: Int64 = 20_000
    /// A peer that does not read for this long is disconnected.
    package var writeStallMillisMax: Int64 = 60_000
    /// Takes connections of the remoting protocol, with their first bytes and the client's address, on their event loop;
    /// without it such clients read that they are wrong here.
    package var adoptRemoting: (@Sendable (any Channel, ByteBuffer, String) -> Void)?
    /// Sentence for clients that speak something else on this port.
    package var wrongProtocolHint =
        "This is the gRPC port (HTTP/2) of a RocketMQ proxy; use a v5 client here, with or without TLS."

    /// The defaults.
    package init() {}
}
