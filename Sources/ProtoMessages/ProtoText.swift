/// A string field of a decoded request: bytes in the arena, known to be UTF-8, with an explicit length.
package struct ProtoText {
    /// The bytes; valid until the arena is reset.
    package let bytes: UnsafeRawBufferPointer

    /// Text over the given bytes.
    package init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// No text.
    package static var empty: ProtoText { ProtoText(UnsafeRawBufferPointer(start: nil, count: 0)) }

    /// Length in bytes.
    package var count: Int { bytes.count }

    /// Whether there is nothing.
    package var isEmpty: Bool { bytes.isEmpty }

    /// A copy that outlives the arena.
    package var string: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether it is empty or nothing but white space.
    package var isBlank: Bool {
        for byte in bytes where byte > 0x20 { return bytes.contains { $0 >= 0x80 } ? Self.isBlank(string) : false }
        return true
    }

    /// Whether it holds a control character: U+0000...U+001F or U+007F...U+009F.
    package var hasControlCharacter: Bool {
        var previous: UInt8 = 0
        for byte in bytes {
            if byte < 0x20 || byte == 0x7F { return true }
            if previous == 0xC2, byte >= 0x80, byte <= 0x9F { return true }
            previous = byte
        }
        return false
    }

    /// Whether the bytes of both are the same.
    package static func == (left: ProtoText, right: ProtoText) -> Bool {
        left.bytes.count == right.bytes.count && left.bytes.elementsEqual(right.bytes)
    }

    /// Whether the bytes are those of `text`.
    package static func == (left: ProtoText, right: String) -> Bool {
        left.bytes.count == right.utf8.count && left.bytes.elementsEqual(right.utf8)
    }

    private static func isBlank(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.properties.isWhitespace }
    }
}

/// The check protobuf demands of every string field.
package enum UTF8Validation {
    /// Whether the bytes are well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF).
    package static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        let count = bytes.count
        while index < count {
            if index + 8 <= count {
                let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                if word & 0x8080_8080_8080_8080 == 0 {
                    index += 8
                    continue
                }
            }
            let byte = bytes[index]
            if byte < 0x80 {
                index += 1
                continue
            }
            let length = sequenceLength(bytes, at: index, first: byte)
            if length == 0 { return false }
            index += length
        }
        return true
    }

    /// Length of the well-formed multi-byte sequence at `index`, or 0.
    private static func sequenceLength(_ bytes: UnsafeRawBufferPointer, at index: Int, first: UInt8) -> Int {
        let length: Int
        var low: UInt8 = 0x80
        var high: UInt8 = 0xBF
        switch first {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, low) = (3, 0xA0)
        case 0xED: (length, high) = (3, 0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, low) = (4, 0x90)
        case 0xF4: (length, high) = (4, 0x8F)
        case 0xF1...0xF3: length = 4
        default: return 0
        }
        guard index + length <= bytes.count else { return 0 }
        guard bytes[index + 1] >= low, bytes[index + 1] <= high else { return 0 }
        for offset in 2..<max(2, length) where bytes[index + offset] & 0xC0 != 0x80 { return 0 }
        return length
    }
}
