import NIOCore

/// What the load generator writes at the start of each body, so that whoever receives it knows whose it is, whether any is
/// missing, and when it was meant to be sent. Big-endian: producer 2, sequence 6, planned time 8 (nanoseconds since 1970),
/// and in bodies of 24 bytes or more the run 8.
package struct MessageStamp: Hashable, Sendable {
    /// Smallest body that holds a stamp.
    package static let bytesMin = 16
    /// Smallest body that also names its run.
    package static let bytesWithRun = 24
    /// One more than the largest sequence number.
    package static let sequenceEnd = UInt64(1) << 48

    /// Which run of the program made it; nil when the body is too small to say.
    package var run: UInt64?
    /// The producer within the run.
    package var producer: UInt16
    /// Counts up from 0 with each producer.
    package var sequence: UInt64
    /// When the message was due to be sent, nanoseconds since 1970.
    package var plannedNanos: UInt64

    /// A stamp.
    package init(run: UInt64?, producer: UInt16, sequence: UInt64, plannedNanos: UInt64) {
        self.run = run
        self.producer = producer
        self.sequence = sequence
        self.plannedNanos = plannedNanos
    }

    /// Reads the stamp of a body; nil when it is too short.
    package init?(_ body: ByteBuffer) {
        guard let head = body.getInteger(at: body.readerIndex, as: UInt64.self),
            let planned = body.getInteger(at: body.readerIndex + 8, as: UInt64.self)
        else { return nil }
        producer = UInt16(truncatingIfNeeded: head >> 48)
        sequence = head & (Self.sequenceEnd - 1)
        plannedNanos = planned
        run = body.getInteger(at: body.readerIndex + 16, as: UInt64.self)
    }

    /// A body of `size` bytes, at least `bytesMin`, that begins with the stamp.
    package func body(size: Int, filler: ByteBuffer) -> ByteBuffer {
        var body = ByteBuffer()
        body.reserveCapacity(size)
        body.writeMultipleIntegers(UInt64(producer) << 48 | sequence, plannedNanos)
        if size >= Self.bytesWithRun { body.writeInteger(run ?? 0) }
        if let rest = filler.getSlice(at: filler.readerIndex, length: size - body.writerIndex) {
            body.writeImmutableBuffer(rest)
        }
        return body
    }
}
