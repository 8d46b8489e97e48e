/// A failure of the helpers that programs share, other than a wrong configuration (`ConfigurationError`).
package struct ServerSupportError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure.
    package enum Code: Sendable {
        case certificate
        case signals
        /// A port that cannot be opened.
        case port
    }

    /// The kind of failure.
    package let code: Code
    /// What failed, for the operator.
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
