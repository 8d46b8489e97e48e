/// A failure of the broker itself, for the operator. What a peer is told is a `ServiceError`.
package struct BrokerError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure.
    package enum Code: Sendable, Hashable {
        /// A file of the `config` directory cannot be read or written.
        case registryFile
        /// The message store did not open or close.
        case store
        /// The broker has no address that others can reach.
        case address
        /// A port cannot be bound.
        case port
    }

    /// The kind of failure.
    package let code: Code
    /// What failed, with the path or name.
    package let message: String
    /// The error beneath.
    package let cause: (any Error)?

    /// Creates an error.
    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String {
        cause.map { "\(message): \($0)" } ?? message
    }
}
