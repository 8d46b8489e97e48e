/// The little of the protobuf encoding that the demo needs: fields are written and found by number.
enum ProtoFields {
    /// A text or bytes field.
    static func bytes(_ number: UInt8, _ value: some Collection<UInt8>) -> [UInt8] {
        [number << 3 | 2] + varint(UInt64(value.count)) + value
    }

    /// A text field.
    static func text(_ number: UInt8, _ value: String) -> [UInt8] {
        bytes(number, Array(value.utf8))
    }

    /// A number or enum field.
    static func integer(_ number: UInt8, _ value: UInt64) -> [UInt8] {
        [number << 3] + varint(value)
    }

    /// Every text, bytes or message field with this number; nil when the bytes are no protobuf message.
    static func values(_ number: UInt64, in message: [UInt8]) -> [[UInt8]]? {
        var found: [[UInt8]] = []
        let isSound = forEachField(message) { field, _, payload in
            if field == number, let payload { found.append(Array(payload)) }
        }
        return isSound ? found : nil
    }

    /// The text of a field; empty when it is absent.
    static func text(_ number: UInt64, in message: [UInt8]) -> String {
        String(decoding: values(number, in: message)?.last ?? [], as: UTF8.self)
    }

    /// The number of a field; 0 when it is absent.
    static func integer(_ number: UInt64, in message: [UInt8]) -> UInt64 {
        var found: UInt64 = 0
        _ = forEachField(message) { field, value, _ in
            if field == number { found = value }
        }
        return found
    }

    private static func forEachField(
        _ message: [UInt8], _ body: (_ field: UInt64, _ value: UInt64, _ payload: ArraySlice<UInt8>?) -> Void
    ) -> Bool {
        var rest = message[...]
        while !rest.isEmpty {
            guard let key = takeVarint(&rest) else { return false }
            switch key & 7 {
            case 0:
                guard let value = takeVarint(&rest) else { return false }
                body(key >> 3, value, nil)
            case 1, 5:
                let count = key & 7 == 1 ? 8 : 4
                guard rest.count >= count else { return false }
                rest = rest.dropFirst(count)
            case 2:
                guard let count = takeVarint(&rest), count <= UInt64(rest.count) else { return false }
                body(key >> 3, 0, rest.prefix(Int(count)))
                rest = rest.dropFirst(Int(count))
            default: return false
            }
        }
        return true
    }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        while rest > 0x7F {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    private static func takeVarint(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }
}
