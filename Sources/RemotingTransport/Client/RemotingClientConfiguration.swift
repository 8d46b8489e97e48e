import NIOSSL
import RemotingCodec

/// Limits and options of a remoting client. Every queue it has is bounded by one of these.
package struct RemotingClientConfiguration: Sendable {
    /// The header format of requests; JSON reaches every peer, and alone carries codes above 32767.
    package var headerFormat = HeaderFormat.json
    /// Time for a TCP connection to come up.
    package var connectTimeoutMillis: Int64 = 3_000
    /// Calls to one peer without an answer yet.
    package var inFlightMax = 16_384
    /// Unsent bytes to one peer, beyond which further calls fail at once.
    package var outputBytesMax = 64 * 1024 * 1024
    /// Unsent bytes handed to the socket's queue before it counts as full.
    package var outputBytesHigh = 1024 * 1024
    /// The largest frame accepted.
    package var frameBytesMax = RemotingFrameEncoder.frameBytesMax
    /// Peers remembered at one time; the ones without connection give way.
    package var peersMax = 1024
    /// Time without attempts after the first failed one; it doubles with each further failure.
    package var backOffMillisFirst: Int64 = 100
    /// The longest time without attempts.
    package var backOffMillisMax: Int64 = 2_000
    /// A connection is given up when calls time out and not a byte was received for this long.
    package var silenceMillisMax: Int64 = 10_000
    /// The TLS set-up to use; nil for plain text.
    package var tlsContext: NIOSSLContext?

    /// The defaults.
    package init() {}
}
