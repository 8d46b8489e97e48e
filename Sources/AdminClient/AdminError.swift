import MessageModel

/// Why an administrative command failed.
package struct AdminError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of failure.
    package enum Code: String, Sendable {
        /// No name server, or not the broker, could be reached.
        case unreachable
        /// The server answered with another code than success.
        case refused
        /// The answer could not be read.
        case badAnswer
        /// There is no such cluster, broker, topic or group.
        case notFound
        /// A value that no server would take.
        case invalidArgument
    }

    /// The kind of failure.
    package let code: Code
    /// The server's code, when it refused.
    package let response: ResponseCode?
    /// The failure in words.
    package let message: String

    /// Makes an error.
    package init(_ code: Code, _ message: String, response: ResponseCode? = nil) {
        self.code = code
        self.response = response
        self.message = message
    }

    package var description: String { message }
}
