import CZlib
import NIOCore

/// Whole zlib streams, as compressed bodies and messages use them.
package enum Zlib {
    /// Decompresses a stream into at most `byteCountMax` bytes.
    package static func inflate(_ input: ByteBuffer, byteCountMax: Int) throws(RemotingCodecError) -> ByteBuffer {
        var stream = z_stream()
        guard rmq_inflate_init(&stream, 15) == Z_OK else {
            throw RemotingCodecError(.malformedBody, "zlib cannot start")
        }
        defer { inflateEnd(&stream) }
        var output = ByteBuffer()
        var status = Z_OK
        input.withUnsafeReadableBytes { source in
            stream.next_in = UnsafeMutablePointer(mutating: source.bindMemory(to: UInt8.self).baseAddress)
            stream.avail_in = UInt32(clamping: source.count)
            while status == Z_OK && output.readableBytes <= byteCountMax {
                let room = min(max(4096, output.readableBytes), byteCountMax + 1 - output.readableBytes)
                guard room > 0 else { break }
                let produced = output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { space in
                    stream.next_out = space.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    stream.avail_out = UInt32(clamping: room)
                    status = CZlib.inflate(&stream, Z_NO_FLUSH)
                    return room - Int(stream.avail_out)
                }
                // Neither input nor room moved it: the stream ends early.
                if produced == 0 && status == Z_OK { status = Z_BUF_ERROR }
            }
        }
        guard output.readableBytes <= byteCountMax else {
            throw RemotingCodecError(.malformedBody, "more than \(byteCountMax) bytes after decompression")
        }
        guard status == Z_STREAM_END else {
            throw RemotingCodecError(.malformedBody, "not one whole zlib stream")
        }
        return output
    }

    /// Compresses bytes into a stream.
    package static func deflate(_ input: ByteBuffer, level: Int32 = 5) -> ByteBuffer {
        input.withUnsafeReadableBytes { source in
            let bound = compressBound(UInt(source.count))
            var output = ByteBuffer()
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: Int(bound)) { space in
                var count = bound
                let status = compress2(
                    space.baseAddress?.assumingMemoryBound(to: UInt8.self), &count,
                    source.bindMemory(to: UInt8.self).baseAddress, UInt(source.count), level)
                precondition(status == Z_OK, "compressBound gives room enough")
                return Int(count)
            }
            return output
        }
    }

    /// The IEEE check sum of bytes without its highest bit, as headers and records carry it.
    package static func checkSum(_ bytes: UnsafeRawBufferPointer) -> Int32 {
        guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return 0 }
        return Int32(truncatingIfNeeded: crc32(0, base, UInt32(clamping: bytes.count)) & 0x7FFF_FFFF)
    }
}
