/// Reads the blank-separated fields of a receipt handle one after the other, without a `String` in between.
struct HandleFieldReader {
    private let bytes: UnsafeRawBufferPointer
    private var index = 0

    /// A reader of a whole handle. It must not outlive the bytes.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Whether there is no further field, or an empty last one.
    var isAtEnd: Bool { index >= bytes.count }

    private mutating func field() -> UnsafeRawBufferPointer {
        let start = index
        while index < bytes.count, bytes[index] != 0x20 { index += 1 }
        defer { index += 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<index])
    }

    /// The next field as text; nil when it is empty.
    mutating func word() -> String? {
        guard !isAtEnd else { return nil }
        let text = field()
        return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
    }

    /// The next field as a number; nil when it is none.
    mutating func number() -> Int64? {
        guard !isAtEnd else { return nil }
        let text = field()
        guard !text.isEmpty, text.count <= 20 else { return nil }
        let isNegative = text[0] == UInt8(ascii: "-")
        var value: Int64 = 0
        let digits = text[(isNegative ? 1 : 0)...]
        guard !digits.isEmpty else { return nil }
        for byte in digits {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (next, overflowNext) = tens.subtractingReportingOverflow(Int64(byte - 0x30))
            guard !overflow, !overflowNext else { return nil }
            value = next
        }
        if isNegative { return value }
        guard value != Int64.min else { return nil }
        return -value
    }

    /// The next field as a number of 32 bits; nil when it is none.
    mutating func smallNumber() -> Int32? { number().flatMap { Int32(exactly: $0) } }
}
