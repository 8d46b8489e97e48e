import MessageModel

/// What is wrong with bytes of the remoting protocol, or with a value that has to become such bytes.
package struct RemotingCodecError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of fault, for programs.
    package enum Code: String, Sendable, Hashable {
        /// The length word of a frame passes the limit.
        case frameTooLarge
        /// A length inside the frame points outside it.
        case lyingLength
        /// The byte that names the header format is neither JSON nor ROCKETMQ.
        case unknownHeaderFormat
        /// The header is not what its format demands.
        case malformedHeader
        /// Text that has to be UTF-8 is not.
        case invalidUTF8
        /// A header field that the request needs is absent.
        case missingField
        /// A header field is present but its text is not of its type.
        case invalidField
        /// The body is not what the request code demands.
        case malformedBody
        /// A stored message record or batch is damaged.
        case malformedRecord
    }

    /// The kind of fault.
    package let code: Code
    /// The fault in words, with the name of the field or the numbers that matter.
    package let message: String

    /// An error of a kind, in words.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Whether the stream of frames is lost, so that the connection has to be closed.
    package var breaksFraming: Bool {
        switch code {
        case .frameTooLarge, .lyingLength, .unknownHeaderFormat, .malformedHeader, .invalidUTF8: true
        case .missingField, .invalidField, .malformedBody, .malformedRecord: false
        }
    }

    /// Code and words in one line.
    package var description: String { "\(code.rawValue): \(message)" }

    static func missing(_ name: StaticString) -> RemotingCodecError {
        RemotingCodecError(.missingField, "the header field \(name) is required")
    }

    static func invalid(_ name: StaticString, _ type: StaticString) -> RemotingCodecError {
        RemotingCodecError(.invalidField, "the header field \(name) is not of type \(type)")
    }
}
