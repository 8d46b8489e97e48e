import NIOCore
import RemotingCodec

/// The bytes of one connection that wait for the next flush. Frames are encoded straight into its tail; a large body
/// is queued behind its header as it is.
struct OutputBuffer {
    /// Bodies up to this size are copied behind their header: cheaper than one more buffer in the socket write.
    static let inlineBodyBytesMax = 16 * 1024
    private static let firstCapacity = 4096

    private var closed: [ByteBuffer] = []
    private var closedBytes = 0
    private var tail: ByteBuffer

    init() {
        tail = ByteBuffer()
    }

    /// All bytes that wait.
    var byteCount: Int { closedBytes + tail.readableBytes }

    /// Encodes one frame at the end; nothing stays behind when it fails.
    mutating func append(
        _ head: RemotingFrameHead, header: some RemotingHeader, body: ByteBuffer?, pool: BufferPool
    ) throws(RemotingCodecError) {
        prepareTail(pool)
        if let body, body.readableBytes > Self.inlineBodyBytesMax {
            try RemotingFrameEncoder.encode(head, into: &tail, followingByteCount: body.readableBytes) {
                header.write(to: &$0)
            }
            closeTail()
            closed.append(body)
            closedBytes += body.readableBytes
        } else {
            try RemotingFrameEncoder.encode(head, header: header, body: body, into: &tail)
        }
    }

    /// Encodes one frame whose fields and body the caller writes in place.
    mutating func append(
        _ head: RemotingFrameHead, pool: BufferPool, fields: (inout HeaderFieldWriter) -> Void,
        body: (inout ByteBuffer) -> Void
    ) throws(RemotingCodecError) {
        prepareTail(pool)
        try RemotingFrameEncoder.encode(head, into: &tail, fields: fields, body: body)
    }

    /// Takes all bytes out as buffers in order; the last may go back to the pool once written.
    mutating func takeAll() -> (closed: [ByteBuffer], tail: ByteBuffer) {
        var taken = OutputBuffer()
        swap(&taken, &self)
        return (taken.closed, taken.tail)
    }

    /// Forgets everything.
    mutating func removeAll() {
        closed = []
        closedBytes = 0
        tail = ByteBuffer()
    }

    private mutating func prepareTail(_ pool: BufferPool) {
        if tail.capacity == 0 { tail = pool.take(capacity: Self.firstCapacity) }
    }

    private mutating func closeTail() {
        closedBytes += tail.readableBytes
        var last = ByteBuffer()
        swap(&last, &tail)
        closed.append(last)
    }
}

extension ChannelHandlerContext {
    /// Writes buffers taken out of an `OutputBuffer`, with one flush. A write may call back at once (the socket is full, or
    /// broken), and what it calls may use the output: so the bytes are taken out before.
    func writeAndFlush(_ taken: (closed: [ByteBuffer], tail: ByteBuffer), pool: BufferPool) {
        let (closed, tail) = taken
        for buffer in closed { write(NIOAny(buffer), promise: nil) }
        if tail.readableBytes > 0 {
            write(NIOAny(tail), promise: nil)
            pool.give(tail)
        }
        flush()
    }
}

/// Output buffers of one event loop for the next use. A buffer that the socket still holds is recognised by its
/// shared storage and replaced when taken. Bound to its loop.
final class BufferPool {
    private static let countMax = 32
    private static let capacityMax = 256 * 1024

    private var spare: [ByteBuffer] = []

    /// An empty buffer.
    func take(capacity: Int) -> ByteBuffer {
        guard var buffer = spare.popLast() else { return ByteBufferAllocator().buffer(capacity: capacity) }
        buffer.clear(minimumCapacity: capacity)
        return buffer
    }

    /// Keeps a written buffer, unless there are enough or it is large.
    func give(_ buffer: ByteBuffer) {
        guard spare.count < Self.countMax, buffer.capacity <= Self.capacityMax else { return }
        spare.append(buffer)
    }
}
