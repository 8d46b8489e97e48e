import MessageModel
import NIOCore

/// The two ways a frame writes its header; each frame names its own.
package enum HeaderFormat: UInt8, Sendable, Hashable {
    /// JSON text.
    case json = 0
    /// The binary form that Apache calls ROCKETMQ; codes are cut to 16 bits.
    case rocketmq = 1
}

/// What of a request its answer needs; small, so that parked requests need not keep their frame.
package struct RequestTicket: Sendable, Hashable {
    /// The id that the answer echoes.
    package var opaque: Int32
    /// The request's code, for logs and statistics.
    package var code: Int32
    /// The header format of the request, which the answer uses as well.
    package var headerFormat: HeaderFormat
    /// Whether the requester wants no answer.
    package var isOneway: Bool

    /// A ticket made by hand, for requests that come from no frame.
    package init(opaque: Int32, code: Int32, headerFormat: HeaderFormat = .json, isOneway: Bool = false) {
        self.opaque = opaque
        self.code = code
        self.headerFormat = headerFormat
        self.isOneway = isOneway
    }
}

/// A decoded frame: request or response. Fields and body are slices of the received bytes.
package struct RemotingCommand: Sendable {
    static let responseFlag: Int32 = 1
    static let onewayFlag: Int32 = 2

    /// Request code or response code, as `isResponse` says.
    package var code: Int32
    /// The language of the sender's program.
    package var language: LanguageCode
    /// The sender's version, an ordinal of Apache's list of releases.
    package var version: Int32
    /// The id that pairs request and response on one connection.
    package var opaque: Int32
    /// Bit 0: response, bit 1: one-way.
    package var flag: Int32
    /// Error text of a response.
    package var remark: String?
    /// The fields of the typed header, and whatever else the sender added.
    package var fields: HeaderFields
    /// What follows the header.
    package var body: ByteBuffer
    /// How the header was written.
    package var headerFormat: HeaderFormat

    /// A command made by hand: requests of in-process callers, and tests.
    package init(
        code: Int32, language: LanguageCode = .other, version: Int32 = ProtocolVersion.current, opaque: Int32 = 0,
        flag: Int32 = 0, remark: String? = nil, fields: HeaderFields = HeaderFields(), body: ByteBuffer = ByteBuffer(),
        headerFormat: HeaderFormat = .json
    ) {
        self.code = code
        self.language = language
        self.version = version
        self.opaque = opaque
        self.flag = flag
        self.remark = remark
        self.fields = fields
        self.body = body
        self.headerFormat = headerFormat
    }

    /// The code of a request.
    package var requestCode: RequestCode { RequestCode(rawValue: code) }
    /// The code of a response.
    package var responseCode: ResponseCode { ResponseCode(rawValue: code) }
    /// Whether this is an answer.
    package var isResponse: Bool { flag & Self.responseFlag != 0 }
    /// Whether the sender wants no answer.
    package var isOneway: Bool { flag & Self.onewayFlag != 0 }
    /// What an answer to this request needs.
    package var ticket: RequestTicket {
        RequestTicket(opaque: opaque, code: code, headerFormat: headerFormat, isOneway: isOneway)
    }

    /// Decodes the typed header.
    package func header<Header: RemotingHeader>(_ type: Header.Type) throws(RemotingCodecError) -> Header {
        try Header(fields: fields)
    }
}
