import CZlib

/// Decompresses gzip messages into memory that is reused, with a bound on what may come out.
struct Inflater: ~Copyable {
    /// Why a message could not be decompressed.
    enum Failure: Error {
        /// The output would exceed the bound.
        case tooLarge
        /// The input is not one whole gzip stream.
        case corrupt
    }

    /// Memory kept between messages.
    private static let keptBytes = 64 << 10

    private var output = RawBuffer()

    init() {}

    /// Memory held now.
    var memoryBytes: Int { output.capacity }

    /// Gives back what a large message took, once it has been handled.
    mutating func release() {
        output.clear(keptBytes: Inflater.keptBytes)
    }

    /// The decompressed message, valid until the next call.
    mutating func inflate(_ input: UnsafeRawBufferPointer, bytesMax: Int) throws(Failure) -> UnsafeRawBufferPointer {
        release()
        var stream = z_stream()
        // 15 window bits, +16: gzip wrapper expected.
        guard rmq_inflate_init(&stream, 15 + 16) == Z_OK else { throw .corrupt }
        defer { inflateEnd(&stream) }
        let source = input.bindMemory(to: UInt8.self)
        stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
        stream.avail_in = UInt32(clamping: input.count)
        while true {
            // One byte more than allowed, so that an exact fit is told from an overflow.
            output.reserve(min(output.count + max(4_096, output.count), bytesMax + 1), capacityMax: bytesMax + 1)
            var result = Z_OK
            var produced = 0
            output.fill { room in
                stream.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.avail_out = UInt32(clamping: room.count)
                let before = stream.avail_out
                result = CZlib.inflate(&stream, Z_NO_FLUSH)
                produced = Int(before - stream.avail_out)
                return produced
            }
            if output.count > bytesMax { throw .tooLarge }
            if result == Z_STREAM_END { break }
            // Z_BUF_ERROR and no progress both mean that the input ended early.
            guard result == Z_OK, produced > 0 || stream.avail_in > 0 else { throw .corrupt }
        }
        guard stream.avail_in == 0 else { throw .corrupt }
        return output.bytes
    }
}
