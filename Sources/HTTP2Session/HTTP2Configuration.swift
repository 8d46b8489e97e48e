/// The settings a server session announces and the bounds it keeps.
package struct HTTP2Configuration: Sendable {
    /// Most streams a client may have open at once; more are refused.
    package var concurrentStreamsMax: UInt32 = 1_000
    /// Receive window of one stream.
    package var streamWindowBytes: Int32 = 1 << 20
    /// Receive window of the connection.
    package var connectionWindowBytes: Int32 = 8 << 20
    /// Largest decoded header list of one request, counted as RFC 9113 6.5.2 does (32 bytes a field on top).
    package var headerListBytesMax: Int = 16 << 10
    /// Largest frame payload we accept.
    package var frameBytesMax: UInt32 = 16 << 10
    /// How much of a peer's unusual behaviour is borne before the connection is ended.
    package var abuse = AbuseLimits.Configuration()

    /// The defaults.
    package init() {}
}

/// Why a session ended before its peer closed it.
package struct HTTP2Error: Error, Sendable, CustomStringConvertible {
    /// The kind of failure.
    package enum Code: String, Sendable {
        /// The peer broke the protocol.
        case protocolViolation
        /// The peer did something legal far too often.
        case enhanceYourCalm
        /// Our own trouble (memory, a failed call into the library).
        case internalError
    }

    /// The kind of failure.
    package let code: Code
    /// What happened, for the operator's log.
    package let message: String

    /// Code and message in one line.
    package var description: String { "\(code.rawValue): \(message)" }
}

/// HTTP/2 error codes as they stand in RST_STREAM and GOAWAY.
package enum HTTP2ErrorCode {
    /// No error.
    package static let noError: UInt32 = 0x0
    /// The peer broke the protocol.
    package static let protocolError: UInt32 = 0x1
    /// Our own trouble.
    package static let internalError: UInt32 = 0x2
    /// The stream was not processed.
    package static let refusedStream: UInt32 = 0x7
    /// The stream is no longer wanted.
    package static let cancel: UInt32 = 0x8
    /// The peer asks too much.
    package static let enhanceYourCalm: UInt32 = 0xb
}
