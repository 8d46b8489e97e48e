import NIOCore

/// Writes header fields straight into the output buffer, in the header format of the frame. Absent values are skipped.
package struct HeaderFieldWriter {
    /// The first field of a JSON header opens the object that holds them all.
    private static let jsonOpening: StaticString = ",\"extFields\":{\""
    private static let jsonContinuation: StaticString = ",\""
    /// `":"` and `"` around a value.
    private static let jsonFrameBytes = 4

    private(set) var buffer: ByteBuffer
    private let format: HeaderFormat
    private(set) var count = 0

    init(buffer: consuming ByteBuffer, format: HeaderFormat) {
        self.buffer = buffer
        self.format = format
    }

    /// Gives the buffer back.
    consuming func takeBuffer() -> ByteBuffer { buffer }

    /// Writes a text.
    package mutating func write(_ name: StaticString, _ value: String?) {
        guard var value else { return }
        value.withUTF8 { write(name, utf8: UnsafeRawBufferPointer($0)) }
    }

    /// Writes a text given as UTF-8 bytes, which the caller has checked.
    package mutating func write(_ name: StaticString, utf8 value: UnsafeRawBufferPointer) {
        name.withUTF8Buffer { put($0, value, escapes: JSONText.escapeOverhead(value)) }
    }

    /// Writes digits or letters: a text in which nothing needs an escape.
    package mutating func write(_ name: StaticString, plain value: UnsafeRawBufferPointer) {
        name.withUTF8Buffer { put($0, value, escapes: 0) }
    }

    /// Writes a text given as UTF-8 bytes, which the caller has checked.
    package mutating func write(_ name: StaticString, _ value: ByteBuffer?) {
        guard let value else { return }
        value.withUnsafeReadableBytes { write(name, utf8: $0) }
    }

    /// Writes a number.
    package mutating func write(_ name: StaticString, _ value: Int64?) {
        guard let value else { return }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: DecimalText.byteCountMax) { digits in
            guard let base = digits.baseAddress else { return }
            let count = DecimalText.write(value, at: base)
            write(name, plain: UnsafeRawBufferPointer(start: base, count: count))
        }
    }

    /// Writes a number.
    package mutating func write(_ name: StaticString, _ value: Int32?) {
        write(name, value.map(Int64.init))
    }

    /// Writes `true` or `false`.
    package mutating func write(_ name: StaticString, _ value: Bool?) {
        guard let value else { return }
        let text: StaticString = value ? "true" : "false"
        text.withUTF8Buffer { write(name, plain: UnsafeRawBufferPointer($0)) }
    }

    /// Writes a text under a name that is not known when compiling.
    package mutating func write(name: String, value: String) {
        var name = name
        var value = value
        name.withUTF8 { name in
            value.withUTF8 { value in
                let value = UnsafeRawBufferPointer(value)
                put(
                    name, value, nameEscapes: JSONText.escapeOverhead(UnsafeRawBufferPointer(name)),
                    escapes: JSONText.escapeOverhead(value))
            }
        }
    }

    /// Writes all fields of a received frame, as a relay does.
    package mutating func write(_ fields: HeaderFields) {
        for pair in fields.pairs() { write(name: pair.name, value: pair.value) }
    }

    /// Names known when compiling need no escapes.
    private mutating func put(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeRawBufferPointer, nameEscapes: Int = 0, escapes: Int
    ) {
        let name = UnsafeRawBufferPointer(name)
        switch format {
        case .json: putJSON(name, value, nameOverhead: nameEscapes, valueOverhead: escapes)
        case .rocketmq: putBinary(name, value)
        }
    }

    private mutating func putJSON(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, nameOverhead: Int, valueOverhead: Int
    ) {
        let opening = count == 0 ? Self.jsonOpening : Self.jsonContinuation
        count += 1
        let size =
            opening.utf8CodeUnitCount + name.count + nameOverhead + value.count + valueOverhead + Self.jsonFrameBytes
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { space in
            guard let base = space.assumingMemoryBound(to: UInt8.self).baseAddress else { return 0 }
            var end = base
            opening.withUTF8Buffer { Self.copy(UnsafeRawBufferPointer($0), 0, &end) }
            Self.copy(name, nameOverhead, &end)
            end[0] = UInt8(ascii: "\"")
            end[1] = UInt8(ascii: ":")
            end[2] = UInt8(ascii: "\"")
            end += 3
            Self.copy(value, valueOverhead, &end)
            end[0] = UInt8(ascii: "\"")
            return end + 1 - base
        }
    }

    /// Copies text to `end` and moves `end` behind it; escapes where there is something to escape.
    private static func copy(
        _ source: UnsafeRawBufferPointer, _ overhead: Int, _ end: inout UnsafeMutablePointer<UInt8>
    ) {
        if overhead > 0 {
            end += JSONText.escape(source, into: end)
        } else if let start = source.baseAddress {
            UnsafeMutableRawPointer(end).copyMemory(from: start, byteCount: source.count)
            end += source.count
        }
    }

    /// An empty text cannot be told from an absent one in this format, so it is left out.
    private mutating func putBinary(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        guard !name.isEmpty, !value.isEmpty, let nameLength = Int16(exactly: name.count),
            let valueLength = Int32(exactly: value.count)
        else { return }
        count += 1
        let size = 6 + name.count + value.count
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { space in
            space.storeBytes(of: nameLength.bigEndian, toByteOffset: 0, as: Int16.self)
            UnsafeMutableRawBufferPointer(rebasing: space[2...]).copyMemory(from: name)
            space.storeBytes(of: valueLength.bigEndian, toByteOffset: 2 + name.count, as: Int32.self)
            UnsafeMutableRawBufferPointer(rebasing: space[(6 + name.count)...]).copyMemory(from: value)
            return size
        }
    }
}
