/// Escapes of JSON strings, on raw bytes.
enum JSONText {
    /// Undoes the escapes of `source` into `target`, which must have room for as many bytes. Returns the bytes written.
    /// Half a surrogate pair becomes U+FFFD, `\u` without four digits a question mark (never more bytes than were
    /// read); any other unknown escape stands for the character itself.
    static func unescape(_ source: UnsafeRawBufferPointer, into target: UnsafeMutablePointer<UInt8>) -> Int {
        var read = 0
        var written = 0
        let count = source.count
        while read < count {
            let byte = source[read]
            read &+= 1
            guard byte == UInt8(ascii: "\\"), read < count else {
                target[written] = byte
                written &+= 1
                continue
            }
            let escape = source[read]
            read &+= 1
            if escape == UInt8(ascii: "u") {
                let scalar = unicodeEscape(source, &read)
                written &+= put(scalar, at: target + written)
            } else {
                target[written] = simpleEscape(escape)
                written &+= 1
            }
        }
        return written
    }

    /// The text of a JSON string's inside.
    static func string(_ source: UnsafeRawBufferPointer) -> String {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(source.count, 1)) { scratch in
            guard let base = scratch.baseAddress else { return "" }
            let count = unescape(source, into: base)
            return String(decoding: UnsafeBufferPointer(start: base, count: count), as: UTF8.self)
        }
    }

    private static func simpleEscape(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "t"): 0x09
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        default: byte
        }
    }

    /// Reads the digits after `\u`, and the second half of a surrogate pair when there is one.
    private static func unicodeEscape(_ source: UnsafeRawBufferPointer, _ read: inout Int) -> UInt32 {
        guard let first = fourDigits(source, at: read) else { return UInt32(UInt8(ascii: "?")) }
        read &+= 4
        guard first & 0xF800 == 0xD800 else { return first }
        guard first < 0xDC00, read &+ 6 <= source.count,
            source[read] == UInt8(ascii: "\\"), source[read &+ 1] == UInt8(ascii: "u"),
            let second = fourDigits(source, at: read &+ 2), second & 0xFC00 == 0xDC00
        else { return 0xFFFD }
        read &+= 6
        return 0x10000 + ((first & 0x3FF) << 10 | second & 0x3FF)
    }

    private static func fourDigits(_ source: UnsafeRawBufferPointer, at start: Int) -> UInt32? {
        guard start &+ 4 <= source.count else { return nil }
        var value: UInt32 = 0
        for index in start..<(start &+ 4) {
            let byte = source[index]
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte &- 0x30
            case 0x41...0x46: digit = byte &- 0x41 &+ 10
            case 0x61...0x66: digit = byte &- 0x61 &+ 10
            default: return nil
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    /// Writes a scalar as UTF-8, at most 4 bytes where its escape took at least 6 (or 12, for a pair).
    private static func put(_ scalar: UInt32, at target: UnsafeMutablePointer<UInt8>) -> Int {
        switch scalar {
        case ..<0x80:
            target[0] = UInt8(truncatingIfNeeded: scalar)
            return 1
        case ..<0x800:
            target[0] = 0xC0 | UInt8(truncatingIfNeeded: scalar >> 6)
            target[1] = 0x80 | UInt8(truncatingIfNeeded: scalar & 0x3F)
            return 2
        case ..<0x10000:
            target[0] = 0xE0 | UInt8(truncatingIfNeeded: scalar >> 12)
            target[1] = 0x80 | UInt8(truncatingIfNeeded: scalar >> 6 & 0x3F)
            target[2] = 0x80 | UInt8(truncatingIfNeeded: scalar & 0x3F)
            return 3
        default:
            target[0] = 0xF0 | UInt8(truncatingIfNeeded: scalar >> 18)
            target[1] = 0x80 | UInt8(truncatingIfNeeded: scalar >> 12 & 0x3F)
            target[2] = 0x80 | UInt8(truncatingIfNeeded: scalar >> 6 & 0x3F)
            target[3] = 0x80 | UInt8(truncatingIfNeeded: scalar & 0x3F)
            return 4
        }
    }

    // MARK: Escaping

    /// How many bytes escapes add to `source`.
    static func escapeOverhead(_ source: UnsafeRawBufferPointer) -> Int {
        var extra = 0
        for byte in source where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            extra &+= byte < 0x20 ? 5 : 1
        }
        return extra
    }

    /// Writes `source` escaped into `target`, which must have room. Returns the bytes written.
    static func escape(_ source: UnsafeRawBufferPointer, into target: UnsafeMutablePointer<UInt8>) -> Int {
        var written = 0
        for byte in source {
            if byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
                target[written] = byte
                written &+= 1
                continue
            }
            target[written] = UInt8(ascii: "\\")
            if byte >= 0x20 {
                target[written &+ 1] = byte
                written &+= 2
                continue
            }
            target[written &+ 1] = UInt8(ascii: "u")
            target[written &+ 2] = UInt8(ascii: "0")
            target[written &+ 3] = UInt8(ascii: "0")
            target[written &+ 4] = byte >= 0x10 ? UInt8(ascii: "1") : UInt8(ascii: "0")
            let low = byte & 0x0F
            target[written &+ 5] = low < 10 ? low &+ UInt8(ascii: "0") : low &- 10 &+ UInt8(ascii: "a")
            written &+= 6
        }
        return written
    }
}
