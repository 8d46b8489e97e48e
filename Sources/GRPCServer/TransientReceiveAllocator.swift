import NIOCore

/// Gives every read a fresh buffer and keeps none, so that an idle connection holds no receive memory.
///
/// NIO's pool keeps the first buffer it gets for the channel's life, so that one is small; with one message a read it keeps
/// no others. The allocator hands the same hot memory to one connection after another.
struct TransientReceiveAllocator: RecvByteBufferAllocator {
    private static let firstBytes = 1 << 10
    private static let readBytes = 64 << 10

    private var isFirst = true

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        allocator.buffer(capacity: isFirst ? TransientReceiveAllocator.firstBytes : TransientReceiveAllocator.readBytes)
    }

    /// True always, which keeps the pool from using its kept buffer again.
    mutating func record(actualReadBytes: Int) -> Bool {
        isFirst = false
        return true
    }

    func nextBufferSize() -> Int? { nil }
}
