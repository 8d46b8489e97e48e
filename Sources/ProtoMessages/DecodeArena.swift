import CProtobufC
import CRocketMQProtos

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Memory for one decoded request at a time: protobuf-c allocates by moving a cursor, and `reset()` gives all of it back.
///
/// One arena belongs to one event loop. Views of a decoded request point into it and die with the next `reset()`.
/// A message of many empty parts decodes to far more than its own size, so what one request may take is bounded too;
/// the bound grows with the request, and a request beyond it fails as `.tooComplex`.
package final class DecodeArena {
    /// Bytes of the block that is kept between requests.
    private static let blockBytes = 64 * 1024
    /// What a request may take: this, and `growthFactorMax` times its own size.
    private static let allowanceBytes = 1024 * 1024
    private static let growthFactorMax = 6

    private let state: UnsafeMutablePointer<ArenaState>
    private let allocator: UnsafeMutablePointer<ProtobufCAllocator>

    /// Makes an arena with its first block.
    package init() {
        state = .allocate(capacity: 1)
        let block = UnsafeMutableRawPointer.allocate(byteCount: Self.blockBytes, alignment: 16)
        state.initialize(
            to: ArenaState(block: block, blockEnd: block + Self.blockBytes, cursor: block, end: block + Self.blockBytes)
        )
        allocator = .allocate(capacity: 1)
        allocator.initialize(
            to: ProtobufCAllocator(
                alloc: arenaAllocate, free: arenaFree, allocator_data: UnsafeMutableRawPointer(state)))
    }

    deinit {
        reset()
        state.pointee.block.deallocate()
        state.deallocate()
        allocator.deallocate()
    }

    /// Gives back everything that was decoded; views of it must not be used afterwards.
    package func reset() {
        if state.pointee.overflow != nil { state.pointee.releaseOverflow() }
        state.pointee.cursor = state.pointee.block
        state.pointee.end = state.pointee.blockEnd
        state.pointee.refused = false
    }

    /// Bytes in use beyond the block that is always kept.
    package var overflowBytes: Int { state.pointee.overflowBytes }

    typealias Unpack<Message> = (
        UnsafeMutablePointer<ProtobufCAllocator>?, Int, UnsafePointer<UInt8>?
    ) -> UnsafeMutablePointer<Message>?

    /// Runs one of protobuf-c's unpack functions on `bytes`.
    func decode<Message>(
        _ bytes: UnsafeRawBufferPointer, with unpack: Unpack<Message>
    ) throws(ProtoError) -> UnsafePointer<Message> {
        state.pointee.remainingBytes = Self.allowanceBytes + bytes.count * Self.growthFactorMax
        // An empty message is no bytes at all, and protobuf-c still wants a pointer.
        let base = bytes.baseAddress ?? UnsafeRawPointer(state)
        guard let message = unpack(allocator, bytes.count, base.assumingMemoryBound(to: UInt8.self)) else {
            throw state.pointee.refused
                ? ProtoError(code: .tooComplex, message: "the message has too many parts for its size")
                : ProtoError(code: .malformed, message: "the message is not valid protobuf")
        }
        return UnsafePointer(message)
    }
}

/// The arena as its C call-backs see it.
private struct ArenaState {
    let block: UnsafeMutableRawPointer
    let blockEnd: UnsafeMutableRawPointer
    var cursor: UnsafeMutableRawPointer
    var end: UnsafeMutableRawPointer
    /// Blocks beyond the first: each begins with the address of the one before it.
    var overflow: UnsafeMutableRawPointer?
    var overflowBytes = 0
    var remainingBytes = 0
    var refused = false

    static let headerBytes = 16
    static let overflowBlockBytes = 64 * 1024

    mutating func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        let rounded = (size + 15) & ~15
        guard rounded <= remainingBytes else {
            refused = true
            return nil
        }
        remainingBytes -= rounded
        if end - cursor < rounded { return allocateOverflow(rounded) }
        let result = cursor
        cursor += rounded
        return result
    }

    /// A block of its own for what is large; a further shared block for what is small.
    private mutating func allocateOverflow(_ size: Int) -> UnsafeMutableRawPointer? {
        let isLarge = size >= Self.overflowBlockBytes / 4
        let bytes = Self.headerBytes + (isLarge ? size : Self.overflowBlockBytes)
        guard let fresh = malloc(bytes) else {
            refused = true
            return nil
        }
        fresh.storeBytes(of: overflow, as: UnsafeMutableRawPointer?.self)
        overflow = fresh
        overflowBytes += bytes
        let result = fresh + Self.headerBytes
        if !isLarge {
            cursor = result + size
            end = fresh + bytes
        }
        return result
    }

    mutating func releaseOverflow() {
        while let block = overflow {
            overflow = block.load(as: UnsafeMutableRawPointer?.self)
            free(block)
        }
        overflowBytes = 0
    }
}

private func arenaAllocate(_ data: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
    guard let data else { return nil }
    return data.assumingMemoryBound(to: ArenaState.self).pointee.allocate(size)
}

private func arenaFree(_ data: UnsafeMutableRawPointer?, _ pointer: UnsafeMutableRawPointer?) {}
