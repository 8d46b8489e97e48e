import NIOCore

/// Writes protobuf fields one after the other into memory whose size was bounded beforehand.
///
/// A field with the value proto3 leaves out (0, empty) is left out; `explicit` variants write it all the same.
package struct ProtoWriter {
    private let start: UnsafeMutablePointer<UInt8>
    private var cursor: UnsafeMutablePointer<UInt8>
    private let end: UnsafeMutablePointer<UInt8>

    /// Room any one field needs beside its bytes: two varints and a margin.
    package static let fieldOverheadBytes = 24

    init(_ memory: UnsafeMutableRawBufferPointer) {
        let base = memory.bindMemory(to: UInt8.self).baseAddress
        // An empty region has no address; it also takes no writes.
        start = base ?? UnsafeMutablePointer<UInt8>(bitPattern: 1).unsafelyUnwrapped
        cursor = start
        end = start + memory.count
    }

    /// Bytes written so far.
    package var count: Int { cursor - start }

    @inline(__always)
    private mutating func raw(_ byte: UInt8) {
        precondition(cursor < end, "a protobuf message outgrew the room reserved for it")
        cursor.pointee = byte
        cursor += 1
    }

    @inline(__always)
    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            raw(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        raw(UInt8(truncatingIfNeeded: rest))
    }

    private mutating func raw(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        precondition(end - cursor >= bytes.count, "a protobuf message outgrew the room reserved for it")
        UnsafeMutableRawPointer(cursor).copyMemory(from: base, byteCount: bytes.count)
        cursor += bytes.count
    }

    /// One byte of a packed list.
    mutating func rawByte(_ byte: UInt8) { raw(byte) }

    /// A number, unless it is 0.
    package mutating func integer(_ field: Int, _ value: Int64) {
        if value != 0 { explicitInteger(field, value) }
    }

    /// A number, also when it is 0.
    package mutating func explicitInteger(_ field: Int, _ value: Int64) {
        varint(UInt64(field) << 3)
        varint(UInt64(bitPattern: value))
    }

    /// A single-precision number.
    package mutating func float(_ field: Int, _ value: Float) {
        varint(UInt64(field) << 3 | 5)
        var bits = value.bitPattern.littleEndian
        withUnsafeBytes(of: &bits) { raw($0) }
    }

    /// Bytes or text, unless empty.
    package mutating func bytes(_ field: Int, _ value: UnsafeRawBufferPointer) {
        if !value.isEmpty { explicitBytes(field, value) }
    }

    /// Bytes or text, also when empty.
    package mutating func explicitBytes(_ field: Int, _ value: UnsafeRawBufferPointer) {
        varint(UInt64(field) << 3 | 2)
        varint(UInt64(value.count))
        raw(value)
    }

    /// Text, unless empty.
    package mutating func text(_ field: Int, _ value: ProtoText) {
        bytes(field, value.bytes)
    }

    /// Text, unless empty.
    package mutating func text(_ field: Int, _ value: String) {
        if !value.isEmpty { explicitText(field, value) }
    }

    /// Text, also when empty.
    package mutating func explicitText(_ field: Int, _ value: String) {
        var copy = value
        copy.withUTF8 { explicitBytes(field, UnsafeRawBufferPointer($0)) }
    }

    /// Text that is in memory for the whole life of the program.
    package mutating func text(_ field: Int, _ value: StaticString) {
        bytes(field, UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
    }

    /// A message inside this one. `sizeHint` is what its size will be about: with a good one nothing has to be moved.
    @inline(__always)
    package mutating func message(_ field: Int, sizeHint: Int = 0, _ write: (inout ProtoWriter) -> Void) {
        varint(UInt64(field) << 3 | 2)
        let width = Self.varintBytes(sizeHint)
        precondition(end - cursor >= width, "a protobuf message outgrew the room reserved for it")
        let lengthAt = cursor
        cursor += width
        write(&self)
        finish(lengthAt, width)
    }

    private mutating func finish(_ lengthAt: UnsafeMutablePointer<UInt8>, _ width: Int) {
        let content = lengthAt + width
        let length = cursor - content
        let needed = Self.varintBytes(length)
        if needed != width {
            precondition(end - cursor >= needed - width, "a protobuf message outgrew the room reserved for it")
            UnsafeMutableRawPointer(lengthAt + needed).copyMemory(from: content, byteCount: length)
        }
        cursor = lengthAt
        varint(UInt64(length))
        cursor += length
    }

    private static func varintBytes(_ value: Int) -> Int {
        var rest = value
        var count = 1
        while rest >= 0x80 {
            rest >>= 7
            count += 1
        }
        return count
    }

    // MARK: Common messages

    /// A Status.
    package mutating func status(_ field: Int, _ status: ProtoStatus) {
        message(field, sizeHint: status.message.utf8.count + 8) { inner in
            inner.integer(1, Int64(status.code.rawValue))
            inner.text(2, status.message)
        }
    }

    /// A Timestamp.
    package mutating func timestamp(_ field: Int, millis: Int64) {
        var seconds = millis / 1000
        var rest = millis % 1000
        if rest < 0 {
            rest += 1000
            seconds -= 1
        }
        message(field) { inner in
            inner.integer(1, seconds)
            inner.integer(2, rest * 1_000_000)
        }
    }

    /// A Duration.
    package mutating func duration(_ field: Int, millis: Int64) {
        message(field) { inner in
            inner.integer(1, millis / 1000)
            inner.integer(2, millis % 1000 * 1_000_000)
        }
    }

    /// A Resource.
    package mutating func resource(_ field: Int, namespace: ProtoText = .empty, name: ProtoText) {
        message(field) { inner in
            inner.text(1, namespace)
            inner.text(2, name)
        }
    }

    /// Endpoints.
    package mutating func endpoints(_ field: Int, _ endpoints: ProtoEndpoints) {
        message(field) { inner in
            inner.integer(1, Int64(endpoints.scheme.rawValue))
            for address in endpoints.addresses {
                inner.message(2) { entry in
                    entry.text(1, address.host)
                    entry.integer(2, Int64(address.port))
                }
            }
        }
    }
}

extension ProtoEndpoints {
    /// Room the encoded form needs at most.
    package var encodedBytesMax: Int {
        addresses.reduce(ProtoWriter.fieldOverheadBytes * 2) { sum, address in
            sum + address.host.utf8.count + ProtoWriter.fieldOverheadBytes * 2
        }
    }
}

extension ByteBuffer {
    /// Appends a protobuf message that takes `capacity` bytes at most.
    package mutating func writeProto(capacity: Int, _ write: (inout ProtoWriter) -> Void) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { memory in
            var writer = ProtoWriter(UnsafeMutableRawBufferPointer(rebasing: memory[..<capacity]))
            write(&writer)
            return writer.count
        }
    }
}
