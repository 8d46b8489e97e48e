import CZlib
import NIOCore

/// Undoes the compression of producers that compress with zlib or gzip, as Java's and C++'s do: the plain body is the
/// only form that every client reads.
final class BodyInflater {
    /// The inflated body; valid until the next call.
    private(set) var output = ByteBuffer()
    private let bytesMax: Int

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    /// Inflates a body; false when it is neither zlib nor gzip, is damaged, or grows beyond the limit.
    func inflate(_ body: UnsafeRawBufferPointer) -> Bool {
        guard body.count >= 6, Self.looksCompressed(body), let base = body.baseAddress else { return false }
        output.clear(minimumCapacity: 0)
        var stream = z_stream()
        // 32 more than the window size: zlib tells zlib and gzip headers apart by itself.
        guard rmq_inflate_init(&stream, 15 + 32) == Z_OK else { return false }
        defer { inflateEnd(&stream) }
        stream.next_in = UnsafeMutablePointer(mutating: base.assumingMemoryBound(to: UInt8.self))
        stream.avail_in = UInt32(clamping: body.count)
        while true {
            let room = max(4_096, min(body.count * 4, 1 << 20))
            var status = Z_OK
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { space in
                stream.next_out = space.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.avail_out = UInt32(clamping: space.count)
                status = zlibStep(&stream)
                return space.count - Int(stream.avail_out)
            }
            if output.readableBytes > bytesMax { return false }
            if status == Z_STREAM_END { return true }
            guard status == Z_OK, stream.avail_out == 0 || stream.avail_in > 0 else { return false }
        }
    }

    private func zlibStep(_ stream: inout z_stream) -> Int32 {
        CZlib.inflate(&stream, Z_NO_FLUSH)
    }

    /// Releases a large buffer once it is not needed.
    func trim() {
        if output.capacity > 256 << 10 { output = ByteBuffer() }
    }

    private static func looksCompressed(_ body: UnsafeRawBufferPointer) -> Bool {
        if body[0] == 0x1F, body[1] == 0x8B { return true }
        return body[0] & 0x0F == 8 && (UInt16(body[0]) << 8 | UInt16(body[1])) % 31 == 0
    }
}
