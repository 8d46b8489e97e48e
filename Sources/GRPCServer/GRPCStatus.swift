import HTTP2Session

/// A gRPC status code.
package struct GRPCStatus: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: Int

    /// A status of this number.
    package init(rawValue: Int) {
        self.rawValue = rawValue
    }

    /// 0: success.
    package static let ok = GRPCStatus(rawValue: 0)
    /// 1: the client went away.
    package static let cancelled = GRPCStatus(rawValue: 1)
    /// 2: an error nobody classified.
    package static let unknown = GRPCStatus(rawValue: 2)
    /// 3: the request makes no sense.
    package static let invalidArgument = GRPCStatus(rawValue: 3)
    /// 4: the call's time is over.
    package static let deadlineExceeded = GRPCStatus(rawValue: 4)
    /// 5: no such thing.
    package static let notFound = GRPCStatus(rawValue: 5)
    /// 7: not allowed.
    package static let permissionDenied = GRPCStatus(rawValue: 7)
    /// 8: a bound was reached.
    package static let resourceExhausted = GRPCStatus(rawValue: 8)
    /// 9: not in this state.
    package static let failedPrecondition = GRPCStatus(rawValue: 9)
    /// 12: unknown method or encoding.
    package static let unimplemented = GRPCStatus(rawValue: 12)
    /// 13: a broken invariant on either side.
    package static let `internal` = GRPCStatus(rawValue: 13)
    /// 14: try again, perhaps elsewhere.
    package static let unavailable = GRPCStatus(rawValue: 14)
    /// 16: no valid credentials.
    package static let unauthenticated = GRPCStatus(rawValue: 16)
}

/// The header blocks of answers. Those without a message are made once.
enum GRPCHeaders {
    /// Start of an answer with messages.
    static let response = HTTP2HeaderBlock(
        [(":status", "200"), ("content-type", "application/grpc")], permanent: true)
    /// End of a successful answer.
    static let trailersOK = HTTP2HeaderBlock([("grpc-status", "0")], permanent: true)

    /// End of an answer after messages.
    static func trailers(_ status: GRPCStatus, _ message: String) -> HTTP2HeaderBlock {
        if status == .ok && message.isEmpty { return trailersOK }
        return HTTP2HeaderBlock(statusFields(status, message))
    }

    /// An answer without any message.
    static func trailersOnly(
        _ status: GRPCStatus, _ message: String, httpStatus: String = "200", extra: [(name: String, value: String)] = []
    ) -> HTTP2HeaderBlock {
        HTTP2HeaderBlock(
            [(":status", httpStatus), ("content-type", "application/grpc")] + statusFields(status, message) + extra)
    }

    private static func statusFields(_ status: GRPCStatus, _ message: String) -> [(name: String, value: String)] {
        var fields = [(name: "grpc-status", value: String(status.rawValue))]
        if !message.isEmpty { fields.append((name: "grpc-message", value: percentEncode(message))) }
        return fields
    }

    /// Longest status message sent; the rest is cut, as clients bound their header lists too.
    static let messageBytesMax = 2_048

    /// The form `grpc-message` has on the wire: printable ASCII but `%`, everything else as `%XX`.
    static func percentEncode(_ message: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for scalar in message.unicodeScalars {
            let bytes = UTF8.encode(scalar).map(Array.init) ?? []
            guard encoded.count + bytes.count * 3 <= messageBytesMax else { break }
            for byte in bytes {
                if byte >= 0x20 && byte <= 0x7e && byte != UInt8(ascii: "%") {
                    encoded.append(byte)
                } else {
                    encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                }
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}
