import Glibc
import HTTP2Session

/// What a request's header fields must say, and what they say about the call.
enum RequestHeaders {
    /// An answer in place of a call.
    struct Refusal {
        let status: GRPCStatus
        let message: String
        var httpStatus = "200"
        var extra: [(name: String, value: String)] = []
    }

    /// Deadlines further away than this (some SDKs ask for 60 years) count as none.
    private static let timeoutMillisMax: Int64 = 30 * 24 * 3_600_000

    /// Nil when the request is a gRPC request we can read.
    static func refusal(of stream: HTTP2Stream) -> Refusal? {
        if stream.isHeaderListTooLong {
            return Refusal(
                status: .resourceExhausted, message: "header list is longer than the server allows", httpStatus: "431")
        }
        guard let method = stream.field(":method"), equal(method, "POST") else {
            return Refusal(
                status: .unimplemented, message: "gRPC requests are POST requests", httpStatus: "405",
                extra: [(name: "allow", value: "POST")])
        }
        guard let type = stream.field("content-type"), isGRPC(type) else {
            return Refusal(
                status: .unknown, message: "content-type application/grpc expected", httpStatus: "415")
        }
        return nil
    }

    private static func isGRPC(_ type: UnsafeRawBufferPointer) -> Bool {
        let prefix: StaticString = "application/grpc"
        guard starts(type, prefix) else { return false }
        guard type.count > prefix.utf8CodeUnitCount else { return true }
        let next = type[prefix.utf8CodeUnitCount]
        return next == UInt8(ascii: "+") || next == UInt8(ascii: ";")
    }

    /// How messages are compressed if their flag says so.
    enum Encoding {
        case identity
        case gzip
        case unknown(String)
    }

    /// The request's `grpc-encoding`.
    static func encoding(of stream: HTTP2Stream) -> Encoding {
        guard let value = stream.field("grpc-encoding") else { return .identity }
        if equal(value, "gzip") { return .gzip }
        if equal(value, "identity") { return .identity }
        return .unknown(String(decoding: value.prefix(32), as: UTF8.self))
    }

    /// The request's `grpc-timeout`.
    enum Timeout {
        case none
        case millis(Int64)
        case malformed
    }

    /// Reads `grpc-timeout`: one to eight digits and a unit, rounded up to milliseconds.
    static func timeout(of stream: HTTP2Stream) -> Timeout {
        guard let value = stream.field("grpc-timeout") else { return .none }
        return timeout(value)
    }

    /// Reads the text of a `grpc-timeout`.
    static func timeout(_ value: UnsafeRawBufferPointer) -> Timeout {
        guard value.count >= 2, value.count <= 9 else { return .malformed }
        var number: Int64 = 0
        for byte in value.dropLast() {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return .malformed }
            number = number * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        let millis: Int64
        switch value[value.count - 1] {
        case UInt8(ascii: "H"): millis = number * 3_600_000
        case UInt8(ascii: "M"): millis = number * 60_000
        case UInt8(ascii: "S"): millis = number * 1_000
        case UInt8(ascii: "m"): millis = number
        case UInt8(ascii: "u"): millis = (number + 999) / 1_000
        case UInt8(ascii: "n"): millis = (number + 999_999) / 1_000_000
        default: return .malformed
        }
        return millis > timeoutMillisMax ? .none : .millis(millis)
    }

    private static func equal(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        bytes.count == text.utf8CodeUnitCount && starts(bytes, text)
    }

    private static func starts(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard bytes.count >= text.utf8CodeUnitCount else { return false }
        return bytes.baseAddress.map { memcmp($0, text.utf8Start, text.utf8CodeUnitCount) == 0 } ?? false
    }
}
