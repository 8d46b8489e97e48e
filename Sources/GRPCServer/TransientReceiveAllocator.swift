import NIOCore

/// Gives every read a fresh buffer and keeps none, so that an idle connection holds no receive memory.
///
/// NIO's pool keeps the first buffer it gets for the channel's life, so that one is tiny: it holds little more than what
/// tells the protocol. With one message a read it keeps no others. The allocator hands the same hot memory to one connection after another.
struct TransientReceiveAllocator: RecvByteBufferAllocator {
    private static let firstBytes = 64
    /// Enough for most reads of a client that is not busy. It finds room in a gap of the heap, where a large buffer would
    /// touch fresh pages at its end.
    private static let smallBytes = 2 << 10
    private static let largeBytes = 64 << 10

    private var nextBytes = firstBytes

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        allocator.buffer(capacity: nextBytes)
    }

    /// True always, which keeps the pool from using its kept buffer again.
    mutating func record(actualReadBytes: Int) -> Bool {
        let isFull = actualReadBytes >= TransientReceiveAllocator.smallBytes
        nextBytes = isFull ? TransientReceiveAllocator.largeBytes : TransientReceiveAllocator.smallBytes
        return true
    }

    func nextBufferSize() -> Int? { nil }
}
