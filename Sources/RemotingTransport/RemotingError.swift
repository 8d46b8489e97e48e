import MessageModel

/// Why a remoting call got no answer, or could not be sent.
package struct RemotingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of failure, for programs.
    package enum Code: String, Sendable, Hashable {
        /// The peer could not be reached.
        case connectFailed
        /// The peer failed a moment ago; the next attempt is not due yet.
        case backingOff
        /// The connection closed before the answer came; the request may have been carried out.
        case connectionClosed
        /// No answer within the call's time; the request may have been carried out.
        case timeout
        /// Too many calls or bytes wait for this peer, or there are too many peers.
        case overloaded
        /// The client or server was shut down.
        case shutdown
        /// The request cannot be written as a frame.
        case unencodable
        /// The peer sent bytes that are no remoting frames.
        case malformedResponse
    }

    /// The kind of failure.
    package let code: Code
    /// The failure in words, with the peer's address.
    package let message: String

    /// An error of a kind, in words.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Whether the request surely never reached the peer, so that another peer may be asked without doing it twice.
    package var isUnsent: Bool {
        switch code {
        case .connectFailed, .backingOff, .overloaded, .unencodable: true
        case .connectionClosed, .timeout, .shutdown, .malformedResponse: false
        }
    }

    /// Code and words in one line.
    package var description: String { "\(code.rawValue): \(message)" }
}
