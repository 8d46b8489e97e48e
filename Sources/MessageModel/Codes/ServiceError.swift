/// An answer other than success: the code and the remark the peer gets.
package struct ServiceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The response code for the peer.
    package var code: ResponseCode
    /// The remark for the peer: what was wrong and with which name.
    package var message: String

    /// Makes an answer.
    package init(code: ResponseCode, message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(code): \(message)" }
}
