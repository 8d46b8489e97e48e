import NIOCore

/// Walks over the fields of one protobuf message where it lies, for the few fields that our own clients read of answers.
///
/// It knows no schema: text and nested messages are byte ranges of the memory that was handed in. A message that is cut
/// off or has a wire type that protobuf does not use any more ends the walk.
package struct ProtoFieldReader {
    /// The value of a field.
    package enum Value {
        /// A number, boolean or enum value.
        case integer(UInt64)
        /// Text, bytes or a message.
        case bytes(UnsafeRawBufferPointer)
        /// A fixed-width number, which no answer that we read has.
        case fixed
    }

    private var rest: UnsafeRawBufferPointer

    /// A reader at the start of a message.
    package init(_ message: UnsafeRawBufferPointer) {
        rest = message
    }

    /// The next field; nil at the end of the message and of what makes sense.
    package mutating func next() -> (field: UInt64, value: Value)? {
        guard let key = varint() else { return nil }
        switch key & 7 {
        case 0:
            guard let value = varint() else { return nil }
            return (key >> 3, .integer(value))
        case 1: return take(8) == nil ? nil : (key >> 3, .fixed)
        case 2:
            guard let count = varint(), let bytes = take(count) else { return nil }
            return (key >> 3, .bytes(bytes))
        case 5: return take(4) == nil ? nil : (key >> 3, .fixed)
        default: return nil
        }
    }

    /// The number in a field, 0 when it is absent.
    package static func integer(_ field: UInt64, in message: UnsafeRawBufferPointer) -> Int64 {
        var reader = ProtoFieldReader(message)
        var found: UInt64 = 0
        while let next = reader.next() {
            if next.field == field, case .integer(let value) = next.value { found = value }
        }
        return Int64(bitPattern: found)
    }

    /// The bytes of a field, those of its last occurrence; nil when it is absent.
    package static func bytes(_ field: UInt64, in message: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var reader = ProtoFieldReader(message)
        var found: UnsafeRawBufferPointer?
        while let next = reader.next() {
            if next.field == field, case .bytes(let value) = next.value { found = value }
        }
        return found
    }

    /// The text of a field, empty when it is absent.
    package static func text(_ field: UInt64, in message: UnsafeRawBufferPointer) -> String {
        bytes(field, in: message).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private mutating func take(_ count: UInt64) -> UnsafeRawBufferPointer? {
        guard count <= UInt64(rest.count) else { return nil }
        let taken = UnsafeRawBufferPointer(rebasing: rest[..<Int(count)])
        rest = UnsafeRawBufferPointer(rebasing: rest[Int(count)...])
        return taken
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for (index, byte) in rest.prefix(10).enumerated() {
            value |= UInt64(byte & 0x7F) << UInt64(index * 7)
            if byte & 0x80 == 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[(index + 1)...])
                return value
            }
        }
        return nil
    }
}
