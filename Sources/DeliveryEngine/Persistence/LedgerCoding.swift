/// Bytes that are not an encoded ledger.
package struct LedgerCodingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong.
    package enum Code: Sendable, Hashable {
        /// The bytes end inside a value.
        case truncated
        /// A value has no meaning here.
        case malformed
        /// The checksum differs.
        case checksum
        /// Written by a version this one does not know.
        case unknownVersion
    }

    /// What is wrong.
    package var code: Code
    /// The same for people.
    package var message: String

    /// An error with its code.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Code and message.
    package var description: String { "\(code): \(message)" }
}

/// Writes little: variable-length integers and texts with their length before them.
struct LedgerWriter {
    static func unsigned(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    static func signed(_ value: Int64, to bytes: inout [UInt8]) {
        unsigned(UInt64(bitPattern: (value << 1) ^ (value >> 63)), to: &bytes)
    }

    static func text(_ text: String, to bytes: inout [UInt8]) {
        var text = text
        text.withUTF8 { utf8 in
            unsigned(UInt64(utf8.count), to: &bytes)
            bytes.append(contentsOf: utf8)
        }
    }
}

/// Reads what `LedgerWriter` wrote, checking every bound.
struct LedgerReader {
    let bytes: ArraySlice<UInt8>
    private(set) var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    var isAtEnd: Bool { position == bytes.endIndex }
    var remaining: Int { bytes.endIndex - position }

    mutating func byte() throws(LedgerCodingError) -> UInt8 {
        guard position < bytes.endIndex else { throw LedgerCodingError(.truncated, "a byte is missing") }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func unsigned() throws(LedgerCodingError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            guard shift < 63 || next <= 1 else { throw LedgerCodingError(.malformed, "an integer over 64 bits") }
            value |= UInt64(next & 0x7F) << shift
            guard next & 0x80 != 0 else { return value }
            shift += 7
        }
    }

    mutating func signed() throws(LedgerCodingError) -> Int64 {
        let value = try unsigned()
        return Int64(bitPattern: (value >> 1) ^ (0 &- (value & 1)))
    }

    /// A number of things of which each takes at least one byte.
    mutating func count() throws(LedgerCodingError) -> Int {
        let value = try unsigned()
        guard value <= UInt64(remaining) else { throw LedgerCodingError(.truncated, "a count runs past the end") }
        return Int(value)
    }

    /// A signed number, written as its distance from another.
    mutating func offset(after base: Int64 = 0) throws(LedgerCodingError) -> Int64 {
        let (value, overflow) = base.addingReportingOverflow(try signed())
        guard !overflow else { throw LedgerCodingError(.malformed, "a number out of range") }
        // Half the range is left free, so that sums of offsets and times cannot overflow.
        guard value.magnitude <= UInt64(Int64.max / 2) else {
            throw LedgerCodingError(.malformed, "a number out of range")
        }
        return value
    }

    mutating func int32() throws(LedgerCodingError) -> Int32 {
        guard let value = Int32(exactly: try signed()) else {
            throw LedgerCodingError(.malformed, "a number over 32 bits")
        }
        return value
    }

    mutating func text() throws(LedgerCodingError) -> String {
        let slice = try take(try count())
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw LedgerCodingError(.malformed, "a text that is not UTF-8")
        }
        return text
    }

    mutating func take(_ length: Int) throws(LedgerCodingError) -> ArraySlice<UInt8> {
        guard length <= remaining else { throw LedgerCodingError(.truncated, "\(length - remaining) bytes missing") }
        defer { position += length }
        return bytes[position..<position + length]
    }
}

/// CRC-32 with the polynomial of zlib.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in
            value & 1 == 1 ? (value >> 1) ^ 0xEDB8_8320 : value >> 1
        }
    }

    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        let table = table
        return ~bytes.reduce(~UInt32(0)) { value, byte in
            table[Int((value ^ UInt32(byte)) & 0xFF)] ^ (value >> 8)
        }
    }
}
