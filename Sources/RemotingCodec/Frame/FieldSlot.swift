/// Where one header field lies in the header's bytes. A header is shorter than 2^24 bytes, so the upper byte of each
/// length is free for marks.
struct FieldSlot: Sendable {
    private static let escapedMark: UInt32 = 1 << 24
    private static let lengthMask: UInt32 = (1 << 24) - 1

    private let keyOffset: UInt32
    private let keyLength: UInt32
    private let valueOffset: UInt32
    private let valueLength: UInt32

    init(key: Range<Int>, keyIsEscaped: Bool, value: Range<Int>, valueIsEscaped: Bool) {
        keyOffset = UInt32(truncatingIfNeeded: key.lowerBound)
        keyLength = UInt32(truncatingIfNeeded: key.count) | (keyIsEscaped ? Self.escapedMark : 0)
        valueOffset = UInt32(truncatingIfNeeded: value.lowerBound)
        valueLength = UInt32(truncatingIfNeeded: value.count) | (valueIsEscaped ? Self.escapedMark : 0)
    }

    var keyIsEscaped: Bool { keyLength & Self.escapedMark != 0 }
    var valueIsEscaped: Bool { valueLength & Self.escapedMark != 0 }
    var keyCount: Int { Int(keyLength & Self.lengthMask) }
    var valueCount: Int { Int(valueLength & Self.lengthMask) }

    /// The key's bytes inside the header's.
    func key(in header: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let start = Int(keyOffset)
        return UnsafeRawBufferPointer(rebasing: header[start..<(start &+ keyCount)])
    }

    /// The value's bytes inside the header's, still escaped when marked so.
    func value(in header: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let start = Int(valueOffset)
        return UnsafeRawBufferPointer(rebasing: header[start..<(start &+ valueCount)])
    }

    /// Where the value starts, from the header's first byte.
    var valueStart: Int { Int(valueOffset) }

    /// Whether the key is this name.
    func isNamed(_ name: UnsafeBufferPointer<UInt8>, in header: UnsafeRawBufferPointer) -> Bool {
        if keyIsEscaped { return JSONText.string(key(in: header)).utf8.elementsEqual(name) }
        guard Int(keyLength) == name.count else { return false }
        var index = 0
        while index < name.count {
            if header[Int(keyOffset) &+ index] != name[index] { return false }
            index &+= 1
        }
        return true
    }
}
