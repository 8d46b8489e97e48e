import MessageModel

/// What a scan of a header finds, besides the fields themselves.
struct ScannedHeader {
    var code: Int32 = 0
    var language = LanguageCode.other
    var version: Int32 = 0
    var opaque: Int32 = 0
    var flag: Int32 = 0
    var remark: String?
    var slots: [FieldSlot] = []
}

/// One pass over a JSON header: known keys are read, extension fields located, everything else stepped over.
///
/// Lenient where senders differ: keys in any order, numbers and booleans as field values, numbers in quotes, unknown
/// keys with any value. It builds no tree, and its only allocation is the list of slots.
struct JSONHeaderScanner {
    /// Nesting of values nobody asked for; deeper text is refused.
    private static let depthMax = 64
    /// Header fields of one frame; Apache's largest header has about twenty.
    static let fieldCountMax = 4096

    private struct Text {
        var range: Range<Int>
        var isEscaped: Bool
    }

    private let bytes: UnsafeRawBufferPointer
    private var index = 0

    private init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Scans a whole header.
    static func scan(_ bytes: UnsafeRawBufferPointer) throws(RemotingCodecError) -> ScannedHeader {
        guard UTF8Check.isValid(bytes) else {
            throw RemotingCodecError(.invalidUTF8, "the JSON header is not UTF-8")
        }
        var scanner = JSONHeaderScanner(bytes: bytes)
        return try scanner.scanHeader()
    }

    private mutating func scanHeader() throws(RemotingCodecError) -> ScannedHeader {
        var header = ScannedHeader()
        skipSpace()
        try expect(UInt8(ascii: "{"))
        skipSpace()
        if accept(UInt8(ascii: "}")) { return header }
        while true {
            let key = try scanString()
            skipSpace()
            try expect(UInt8(ascii: ":"))
            skipSpace()
            try scanMember(key, into: &header)
            skipSpace()
            if accept(UInt8(ascii: ",")) {
                skipSpace()
                continue
            }
            try expect(UInt8(ascii: "}"))
            return header
        }
    }

    private mutating func scanMember(_ key: Text, into header: inout ScannedHeader) throws(RemotingCodecError) {
        if isKey(key, "code") {
            header.code = try scanInteger("code")
        } else if isKey(key, "opaque") {
            header.opaque = try scanInteger("opaque")
        } else if isKey(key, "flag") {
            header.flag = try scanInteger("flag")
        } else if isKey(key, "version") {
            header.version = try scanInteger("version")
        } else if isKey(key, "language") {
            header.language = try scanLanguage()
        } else if isKey(key, "remark") {
            header.remark = try scanText()
        } else if isKey(key, "extFields") {
            try scanFields(into: &header)
        } else {
            try skipValue()
        }
    }

    private mutating func scanFields(into header: inout ScannedHeader) throws(RemotingCodecError) {
        guard peek == UInt8(ascii: "{") else {
            // `null` stands for no fields; any other kind of value carries none.
            return try skipValue()
        }
        index &+= 1
        skipSpace()
        if accept(UInt8(ascii: "}")) { return }
        header.slots.reserveCapacity(16)
        while true {
            let key = try scanString()
            skipSpace()
            try expect(UInt8(ascii: ":"))
            skipSpace()
            if let value = try scanFieldValue() {
                guard header.slots.count < Self.fieldCountMax else {
                    throw RemotingCodecError(.malformedHeader, "more than \(Self.fieldCountMax) header fields")
                }
                header.slots.append(
                    FieldSlot(
                        key: key.range, keyIsEscaped: key.isEscaped, value: value.range, valueIsEscaped: value.isEscaped
                    ))
            }
            skipSpace()
            if accept(UInt8(ascii: ",")) {
                skipSpace()
                continue
            }
            return try expect(UInt8(ascii: "}"))
        }
    }

    /// The text of a field's value; nil for `null`. Numbers, booleans and nested values keep their JSON text.
    private mutating func scanFieldValue() throws(RemotingCodecError) -> Text? {
        if peek == UInt8(ascii: "\"") { return try scanString() }
        let start = index
        try skipValue()
        let range = start..<index
        if range.count == 4 && bytes[start] == UInt8(ascii: "n") { return nil }
        return Text(range: range, isEscaped: false)
    }

    /// A number, also in quotes; `null` counts as 0.
    private mutating func scanInteger(_ name: StaticString) throws(RemotingCodecError) -> Int32 {
        guard let text = try scanFieldValue() else { return 0 }
        let digits = UnsafeRawBufferPointer(rebasing: bytes[text.range])
        guard let value = DecimalText.parse(digits), let small = Int32(exactly: value) else {
            throw RemotingCodecError(.malformedHeader, "\(name) is not a 32-bit number")
        }
        return small
    }

    private mutating func scanText() throws(RemotingCodecError) -> String? {
        guard let text = try scanFieldValue() else { return nil }
        let raw = UnsafeRawBufferPointer(rebasing: bytes[text.range])
        return text.isEscaped ? JSONText.string(raw) : String(decoding: raw, as: UTF8.self)
    }

    /// A language by its name or, as a number, by its code; unknown ones count as OTHER.
    private mutating func scanLanguage() throws(RemotingCodecError) -> LanguageCode {
        guard let text = try scanFieldValue() else { return .other }
        let raw = UnsafeRawBufferPointer(rebasing: bytes[text.range])
        if let code = DecimalText.parse(raw) {
            return UInt8(exactly: code).map { LanguageCode(rawValue: $0) } ?? .other
        }
        return LanguageCode(name: String(decoding: raw, as: UTF8.self)) ?? .other
    }

    // MARK: Text

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    private func isKey(_ key: Text, _ name: StaticString) -> Bool {
        name.withUTF8Buffer { name in
            guard name.count == key.range.count else { return false }
            var index = 0
            while index < name.count {
                if bytes[key.range.lowerBound &+ index] != name[index] { return false }
                index &+= 1
            }
            return true
        }
    }

    private mutating func skipSpace() {
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x09, 0x0A, 0x0D: index &+= 1
            default: return
            }
        }
    }

    private mutating func accept(_ byte: UInt8) -> Bool {
        guard index < bytes.count, bytes[index] == byte else { return false }
        index &+= 1
        return true
    }

    @inline(__always)
    private mutating func expect(_ byte: UInt8) throws(RemotingCodecError) {
        guard accept(byte) else { throw missing(byte) }
    }

    @inline(never)
    private func missing(_ byte: UInt8) -> RemotingCodecError {
        RemotingCodecError(
            .malformedHeader, "expected '\(Character(Unicode.Scalar(byte)))' at byte \(index) of the JSON header")
    }

    /// A string in quotes; the range is its inside.
    private mutating func scanString() throws(RemotingCodecError) -> Text {
        try expect(UInt8(ascii: "\""))
        let start = index
        var isEscaped = false
        while true {
            index = Self.quoteOrEscape(in: bytes, from: index)
            guard index < bytes.count else {
                throw RemotingCodecError(.malformedHeader, "a string of the JSON header does not end")
            }
            if bytes[index] == UInt8(ascii: "\"") {
                let end = index
                index &+= 1
                return Text(range: start..<end, isEscaped: isEscaped)
            }
            isEscaped = true
            index &+= 2
        }
    }

    /// The first quote or backslash at or after `start`, or the end; eight bytes at a time.
    private static func quoteOrEscape(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        let quotes = ones &* UInt64(UInt8(ascii: "\""))
        let escapes = ones &* UInt64(UInt8(ascii: "\\"))
        var index = start
        while index &+ 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let quote = word ^ quotes
            let escape = word ^ escapes
            let found = ((quote &- ones) & ~quote | (escape &- ones) & ~escape) & highs
            if found != 0 { return index &+ found.trailingZeroBitCount / 8 }
            index &+= 8
        }
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return index }
            index &+= 1
        }
        return min(index, bytes.count)
    }

    /// Steps over one value of any kind.
    private mutating func skipValue() throws(RemotingCodecError) {
        var depth = 0
        repeat {
            skipSpace()
            guard let byte = peek else {
                throw RemotingCodecError(.malformedHeader, "the JSON header ends inside a value")
            }
            switch byte {
            case UInt8(ascii: "\""):
                _ = try scanString()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                guard depth <= Self.depthMax else {
                    throw RemotingCodecError(.malformedHeader, "the JSON header nests deeper than \(Self.depthMax)")
                }
                index &+= 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard depth > 0 else {
                    throw RemotingCodecError(.malformedHeader, "a value is missing at byte \(index) of the JSON header")
                }
                depth -= 1
                index &+= 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                guard depth > 0 else {
                    throw RemotingCodecError(.malformedHeader, "a value is missing at byte \(index) of the JSON header")
                }
                index &+= 1
            default:
                try skipLiteral()
            }
        } while depth > 0
    }

    /// Steps over a number or one of `true`, `false`, `null`.
    private mutating func skipLiteral() throws(RemotingCodecError) {
        let start = index
        while index < bytes.count {
            switch bytes[index] {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."):
                index &+= 1
                continue
            default:
                break
            }
            break
        }
        guard index > start else {
            throw RemotingCodecError(.malformedHeader, "a value is missing at byte \(index) of the JSON header")
        }
    }
}
