import NIOCore

/// The extension fields of a frame, found where they lie in the received bytes: no dictionary and no string is built
/// until somebody asks for one. A name that occurs twice has its last value.
package struct HeaderFields: Sendable {
    private var bytes: ByteBuffer
    private var slots: [FieldSlot]
    /// Where the fields with names of one small letter are, once somebody asked for that; `noSlot` where there is none.
    private var letters: InlineArray<26, UInt8>?
    private static let noSlot = UInt8.max

    /// No fields.
    package init() {
        bytes = ByteBuffer()
        slots = []
    }

    init(bytes: ByteBuffer, slots: [FieldSlot]) {
        self.bytes = bytes
        self.slots = slots
    }

    /// Fields made by hand, for requests that come from no frame.
    package init(_ pairs: [(name: String, value: String)]) {
        var bytes = ByteBuffer()
        var slots: [FieldSlot] = []
        for pair in pairs {
            let start = bytes.writerIndex
            let middle = start + bytes.writeString(pair.name)
            let end = middle + bytes.writeString(pair.value)
            slots.append(
                FieldSlot(key: start..<middle, keyIsEscaped: false, value: middle..<end, valueIsEscaped: false))
        }
        self.bytes = bytes
        self.slots = slots
    }

    /// How many fields there are, repeated names included.
    package var count: Int { slots.count }

    /// Whether there is a field of this name.
    package func contains(_ name: StaticString) -> Bool { find(name) != nil }

    // MARK: Text

    /// A required text.
    package func string(_ name: StaticString) throws(RemotingCodecError) -> String {
        guard let value = optionalString(name) else { throw .missing(name) }
        return value
    }

    /// A text that may be absent.
    package func optionalString(_ name: StaticString) -> String? {
        withValue(name) { value, isEscaped in
            isEscaped ? JSONText.string(value) : String(decoding: value, as: UTF8.self)
        }
    }

    /// The UTF-8 bytes of a text: a slice of the frame where possible.
    package func buffer(_ name: StaticString) -> ByteBuffer? {
        guard let slot = find(name) else { return nil }
        if !slot.valueIsEscaped {
            return bytes.getSlice(at: bytes.readerIndex + slot.valueStart, length: slot.valueCount)
        }
        var result = ByteBufferAllocator().buffer(capacity: slot.valueCount)
        append(slot, to: &result)
        return result
    }

    /// Appends the UTF-8 bytes of a text to `target`; returns how many, or nil when the field is absent.
    @discardableResult
    package func append(_ name: StaticString, to target: inout ByteBuffer) -> Int? {
        guard let slot = find(name) else { return nil }
        return append(slot, to: &target)
    }

    @discardableResult
    private func append(_ slot: FieldSlot, to target: inout ByteBuffer) -> Int {
        bytes.withUnsafeReadableBytes { header in
            let value = slot.value(in: header)
            guard slot.valueIsEscaped else { return target.writeBytes(value) }
            return target.writeWithUnsafeMutableBytes(minimumWritableBytes: value.count) { space in
                guard let base = space.assumingMemoryBound(to: UInt8.self).baseAddress else { return 0 }
                return JSONText.unescape(value, into: base)
            }
        }
    }

    // MARK: Numbers

    /// A required 32-bit number.
    package func int32(_ name: StaticString) throws(RemotingCodecError) -> Int32 {
        guard let value = try optionalInt32(name) else { throw .missing(name) }
        return value
    }

    /// A 32-bit number that may be absent (or empty); text that is no such number is an error.
    package func optionalInt32(_ name: StaticString) throws(RemotingCodecError) -> Int32? {
        guard let wide = try number(name, "int32") else { return nil }
        guard let value = Int32(exactly: wide) else { throw .invalid(name, "int32") }
        return value
    }

    /// A required 64-bit number.
    package func int64(_ name: StaticString) throws(RemotingCodecError) -> Int64 {
        guard let value = try optionalInt64(name) else { throw .missing(name) }
        return value
    }

    /// A 64-bit number that may be absent (or empty); text that is no such number is an error.
    package func optionalInt64(_ name: StaticString) throws(RemotingCodecError) -> Int64? {
        try number(name, "int64")
    }

    private func number(_ name: StaticString, _ type: StaticString) throws(RemotingCodecError) -> Int64? {
        enum Outcome {
            case empty
            case bad
            case value(Int64)
        }
        let outcome: Outcome? = withValue(name) { text, _ in
            if text.isEmpty { return .empty }
            return DecimalText.parse(text).map { .value($0) } ?? .bad
        }
        switch outcome {
        case nil, .empty: return nil
        case .value(let value): return value
        case .bad: throw .invalid(name, type)
        }
    }

    // MARK: Booleans

    /// A required boolean.
    package func bool(_ name: StaticString) throws(RemotingCodecError) -> Bool {
        guard let value = optionalBool(name) else { throw .missing(name) }
        return value
    }

    /// A boolean as Java reads it: `true` in any case is true, any other text is false.
    package func optionalBool(_ name: StaticString) -> Bool? {
        withValue(name) { text, _ in
            text.count == 4 && zip(text, "true".utf8).allSatisfy { $0 | 0x20 == $1 }
        }
    }

    // MARK: All of them

    /// Every field in the order of the frame.
    package func pairs() -> [(name: String, value: String)] {
        bytes.withUnsafeReadableBytes { header in
            slots.map { slot in
                let key = slot.key(in: header)
                let value = slot.value(in: header)
                return (
                    slot.keyIsEscaped ? JSONText.string(key) : String(decoding: key, as: UTF8.self),
                    slot.valueIsEscaped ? JSONText.string(value) : String(decoding: value, as: UTF8.self)
                )
            }
        }
    }

    /// The value of a field whose name is not known when compiling.
    package func value(named name: String) -> String? {
        pairs().last { $0.name == name }?.value
    }

    // MARK: Search

    /// Makes it quick to find fields with names of one small letter, for a reader of most of them: those of
    /// SEND_MESSAGE_V2.
    package mutating func indexLetters() {
        guard slots.count < Int(Self.noSlot), !slots.contains(where: \.keyIsEscaped) else { return }
        var places = InlineArray<26, UInt8>(repeating: Self.noSlot)
        bytes.withUnsafeReadableBytes { header in
            for (place, slot) in slots.enumerated() where slot.keyCount == 1 {
                if let letter = Self.letterIndex(slot.key(in: header)[0]) { places[letter] = UInt8(place) }
            }
        }
        letters = places
    }

    private static func letterIndex(_ byte: UInt8) -> Int? {
        let index = Int(byte) - Int(UInt8(ascii: "a"))
        return 0..<26 ~= index ? index : nil
    }

    private func withValue<Result>(
        _ name: StaticString, _ body: (_ value: UnsafeRawBufferPointer, _ isEscaped: Bool) -> Result
    ) -> Result? {
        guard let slot = find(name) else { return nil }
        return bytes.withUnsafeReadableBytes { body(slot.value(in: $0), slot.valueIsEscaped) }
    }

    /// From the back, so that the last of several equal names wins.
    private func find(_ name: StaticString) -> FieldSlot? {
        guard !slots.isEmpty else { return nil }
        if let letters, name.utf8CodeUnitCount == 1, let letter = Self.letterIndex(name.utf8Start[0]) {
            let place = letters[letter]
            return place == Self.noSlot ? nil : slots[Int(place)]
        }
        return name.withUTF8Buffer { name in
            bytes.withUnsafeReadableBytes { header in
                var index = slots.count
                while index > 0 {
                    index &-= 1
                    if slots[index].isNamed(name, in: header) { return slots[index] }
                }
                return nil
            }
        }
    }
}
