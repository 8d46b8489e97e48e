import CNghttp2
import Glibc
import NIOCore

/// One request and its answer: the header fields as nghttp2 decoded them, and the answer's bytes waiting for the peer's
/// flow-control window.
///
/// Belongs to one session and one thread. After `streamClosed` it is given back to its pool and must not be kept.
package final class HTTP2Stream {
    /// A decoded field: two counted buffers of nghttp2, kept without a copy, and where their bytes are.
    struct Field {
        let nameOwner: OpaquePointer
        let valueOwner: OpaquePointer
        let name: UnsafeRawBufferPointer
        let value: UnsafeRawBufferPointer

        func isNamed(_ wanted: StaticString) -> Bool {
            let count = wanted.utf8CodeUnitCount
            guard name.count == count, let base = name.baseAddress else { return false }
            return memcmp(base, wanted.utf8Start, count) == 0
        }

        func release() {
            nghttp2_rcbuf_decref(nameOwner)
            nghttp2_rcbuf_decref(valueOwner)
        }
    }

    /// Above this much in one buffer the next message starts a new one, so that sent memory is freed early.
    private static let bufferBytesMax = 64 << 10
    /// Room that is made at once: requests of gRPC clients have hardly more.
    private static let usualFields = 16
    /// A pooled stream keeps room for this many fields.
    private static let keptFieldsMax = 64

    /// The stream's number on its connection.
    package internal(set) var id: Int32 = 0
    /// What the layer above hangs on the stream; cleared when the stream closes.
    package var owner: AnyObject?
    /// The client has ended its side.
    package internal(set) var isRemoteEnded = false
    /// The header list was longer than allowed; the fields beyond the bound are not kept.
    package internal(set) var isHeaderListTooLong = false

    var fields = ContiguousArray<Field>()
    var headerListBytes = 0
    /// Position among the session's open streams.
    var openIndex = -1
    var isBodyStarted = false
    var isLocalEnded = false
    var isDeferred = false
    var trailers: HTTP2HeaderBlock?
    /// Answer bytes not yet framed.
    package private(set) var queuedBytes = 0
    private var output = ByteBuffer()
    private var backlog = CircularBuffer<ByteBuffer>(initialCapacity: 1)

    init() {}

    // MARK: Fields

    /// The request's path; empty when it is missing.
    package var path: UnsafeRawBufferPointer { field(":path") ?? UnsafeRawBufferPointer(start: nil, count: 0) }

    /// The bytes of the first field of this name, valid until the stream closes.
    package func field(_ name: StaticString) -> UnsafeRawBufferPointer? {
        for field in fields where field.isNamed(name) { return field.value }
        return nil
    }

    /// The bytes of the first field of this name, valid until the stream closes.
    package func field(named name: String) -> UnsafeRawBufferPointer? {
        var name = name
        return name.withUTF8 { wanted in
            for field in fields where field.name.count == wanted.count {
                guard let base = field.name.baseAddress, let start = wanted.baseAddress else { continue }
                if memcmp(base, start, wanted.count) == 0 { return field.value }
            }
            return nil
        }
    }

    /// Visits every field in order.
    package func forEachField(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void) {
        for field in fields { body(field.name, field.value) }
    }

    /// Keeps a decoded field; a list over the bound is noted and not kept.
    func keep(name: OpaquePointer, value: OpaquePointer, boundBytes: Int) {
        let nameBytes = nghttp2_rcbuf_get_buf(name)
        let valueBytes = nghttp2_rcbuf_get_buf(value)
        headerListBytes += nameBytes.len + valueBytes.len + 32
        if headerListBytes > boundBytes {
            isHeaderListTooLong = true
            return
        }
        nghttp2_rcbuf_incref(name)
        nghttp2_rcbuf_incref(value)
        if fields.isEmpty { fields.reserveCapacity(HTTP2Stream.usualFields) }
        fields.append(
            Field(
                nameOwner: name, valueOwner: value,
                name: UnsafeRawBufferPointer(start: nameBytes.base, count: nameBytes.len),
                value: UnsafeRawBufferPointer(start: valueBytes.base, count: valueBytes.len)))
    }

    /// Forgets every field but the first of this name, and their memory: for a request that waits long.
    package func forgetFields(but name: StaticString) {
        var kept: Field?
        for field in fields {
            if kept == nil, field.isNamed(name) {
                kept = field
            } else {
                field.release()
            }
        }
        fields = kept.map { [$0] } ?? []
    }

    private func releaseFields() {
        for field in fields { field.release() }
        fields.removeAll(keepingCapacity: fields.capacity <= HTTP2Stream.keptFieldsMax)
    }

    // MARK: Output

    /// Lets `write` append to the queue and answers how many bytes it added.
    func enqueue(_ pool: HTTP2StreamPool, _ write: (inout ByteBuffer) -> Void) -> Int {
        let added: Int
        if queuedBytes == 0 { output = pool.takeBuffer() }
        if backlog.isEmpty && output.readableBytes < HTTP2Stream.bufferBytesMax {
            let before = output.writerIndex
            write(&output)
            added = output.writerIndex - before
        } else if let last = backlog.indices.last, backlog[last].readableBytes < HTTP2Stream.bufferBytesMax {
            let before = backlog[last].writerIndex
            write(&backlog[last])
            added = backlog[last].writerIndex - before
        } else {
            var fresh = ByteBuffer()
            write(&fresh)
            added = fresh.readableBytes
            backlog.append(fresh)
        }
        queuedBytes += added
        return added
    }

    /// Bytes that can go into the next DATA frame without crossing into another buffer.
    var nextChunkBytes: Int {
        if output.readableBytes == 0, let next = backlog.popFirst() { output = next }
        return output.readableBytes
    }

    /// Moves `count` bytes of the current chunk to `target`. An empty queue has no memory: a stream may be silent for hours.
    func dequeue(_ count: Int, into target: inout ByteBuffer, _ pool: HTTP2StreamPool) {
        guard count > 0 else { return }
        output.withUnsafeReadableBytes { bytes in
            _ = target.writeBytes(UnsafeRawBufferPointer(rebasing: bytes.prefix(count)))
        }
        output.moveReaderIndex(forwardBy: count)
        queuedBytes -= count
        if queuedBytes == 0 { giveOutput(pool) }
    }

    private func giveOutput(_ pool: HTTP2StreamPool) {
        var emptied = ByteBuffer()
        swap(&emptied, &output)
        pool.give(emptied)
    }

    // MARK: Life

    func prepare(id: Int32) {
        self.id = id
    }

    /// Back to the state of a new stream.
    func recycle(_ pool: HTTP2StreamPool) {
        releaseFields()
        headerListBytes = 0
        openIndex = -1
        owner = nil
        isRemoteEnded = false
        isHeaderListTooLong = false
        isBodyStarted = false
        isLocalEnded = false
        isDeferred = false
        trailers = nil
        if queuedBytes > 0 { giveOutput(pool) }
        queuedBytes = 0
        if !backlog.isEmpty { backlog = CircularBuffer(initialCapacity: 1) }
    }

    deinit {
        releaseFields()
    }
}

/// What the sessions of one event loop share: closed streams and buffers for answers, kept for reuse.
package final class HTTP2StreamPool {
    /// Buffers up to this size are kept.
    private static let bufferBytesMax = 8 << 10
    private static let buffersMax = 64

    private var free = ContiguousArray<HTTP2Stream>()
    private var buffers = ContiguousArray<ByteBuffer>()
    private let countMax: Int

    /// A pool that keeps at most `countMax` streams.
    package init(countMax: Int = 256) {
        self.countMax = countMax
    }

    func take(id: Int32) -> HTTP2Stream {
        let stream = free.popLast() ?? HTTP2Stream()
        stream.prepare(id: id)
        return stream
    }

    func give(_ stream: consuming HTTP2Stream) {
        stream.recycle(self)
        guard free.count < countMax else { return }
        free.append(stream)
    }

    func takeBuffer() -> ByteBuffer { buffers.popLast() ?? ByteBuffer() }

    func give(_ buffer: consuming ByteBuffer) {
        guard buffers.count < HTTP2StreamPool.buffersMax, buffer.capacity > 0,
            buffer.capacity <= HTTP2StreamPool.bufferBytesMax
        else { return }
        buffer.clear()
        buffers.append(buffer)
    }
}
