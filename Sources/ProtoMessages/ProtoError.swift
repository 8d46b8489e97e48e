/// Why bytes are not a message of ours.
package struct ProtoError: Error, Sendable, Hashable {
    /// The kinds of failure.
    package enum Code: Sendable, Hashable {
        /// Not protobuf, or not the expected message.
        case malformed
        /// A string field is not UTF-8.
        case invalidText
        /// Decoding would take far more memory than the message has bytes.
        case tooComplex
    }

    /// The kind of failure.
    package let code: Code
    /// What to tell the peer.
    package let message: String

    /// An error of the given kind.
    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }
}
