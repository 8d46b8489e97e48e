/// Growable raw memory with one owner, so that pointers into it stay valid between calls.
struct RawBuffer: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private(set) var count = 0
    private(set) var capacity = 0

    init() {}

    /// The bytes held, valid until the next mutation.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Copies bytes to the end; room grows by doubling, not beyond `capacityMax` unless the bytes need it.
    mutating func append(_ bytes: UnsafeRawBufferPointer, capacityMax: Int) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(count + bytes.count, capacityMax: capacityMax)
        base?.advanced(by: count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    /// Makes room for `needed` bytes in all.
    mutating func reserve(_ needed: Int, capacityMax: Int) {
        guard needed > capacity else { return }
        let grown = max(needed, min(capacityMax, max(capacity * 2, 4_096)))
        let fresh = UnsafeMutableRawPointer.allocate(byteCount: grown, alignment: 16)
        if let base {
            fresh.copyMemory(from: base, byteCount: count)
            base.deallocate()
        }
        base = fresh
        capacity = grown
    }

    /// Lets `body` fill unused room and answer how much it used.
    mutating func fill(_ body: (UnsafeMutableRawBufferPointer) -> Int) {
        guard let base else { return }
        let room = UnsafeMutableRawBufferPointer(start: base + count, count: capacity - count)
        count += body(room)
    }

    /// Forgets the bytes; keeps the memory up to `keptBytes`.
    mutating func clear(keptBytes: Int = 0) {
        count = 0
        guard capacity > keptBytes else { return }
        base?.deallocate()
        base = nil
        capacity = 0
    }

    deinit {
        base?.deallocate()
    }
}

/// Cuts gRPC messages out of a call's body: one flag byte, four bytes of length, the message.
///
/// A message that lies whole in the input is handed on without a copy; parts are collected. Memory grows with what has
/// arrived, not with what a prefix claims.
struct MessageDeframer: ~Copyable {
    /// What the input holds next.
    enum Step {
        /// The input is used up.
        case needsMore
        /// A whole message, valid until the deframer is used again or the input ends.
        case message(UnsafeRawBufferPointer, isCompressed: Bool)
        /// The body is wrong; the call must end with this.
        case failure(GRPCStatus, String)
    }

    private static let prefixBytes = 5

    private let messageBytesMax: Int
    private var partial = RawBuffer()
    /// The partial buffer has been handed out and is free again.
    private var isPartialUsed = false
    /// A message kept for later, in the partial buffer from `heldOffset` on.
    private var heldOffset: Int?
    private var isHeldCompressed = false

    init(messageBytesMax: Int) {
        self.messageBytesMax = messageBytesMax
    }

    /// Memory in use.
    var memoryBytes: Int { partial.capacity }

    /// Part of a message is there and the rest is not.
    var isInsideMessage: Bool { heldOffset == nil && !isPartialUsed && partial.count > 0 }

    /// Takes the next message off the front of `input`.
    mutating func next(from input: inout UnsafeRawBufferPointer) -> Step {
        if isPartialUsed {
            isPartialUsed = false
            partial.clear()
        }
        guard !input.isEmpty else { return .needsMore }
        // Only the one message of a call that takes one is ever held.
        if heldOffset != nil { return .failure(.internal, "more than one message in a call that takes one") }
        if partial.count == 0 && input.count >= MessageDeframer.prefixBytes {
            switch check(input) {
            case .failure(let status, let message): return .failure(status, message)
            case .length(let length, let isCompressed):
                let total = MessageDeframer.prefixBytes + length
                if input.count >= total {
                    let body = UnsafeRawBufferPointer(rebasing: input[MessageDeframer.prefixBytes..<total])
                    input = UnsafeRawBufferPointer(rebasing: input[total...])
                    return .message(body, isCompressed: isCompressed)
                }
            }
        }
        return collect(from: &input)
    }

    private mutating func collect(from input: inout UnsafeRawBufferPointer) -> Step {
        if partial.count < MessageDeframer.prefixBytes {
            take(MessageDeframer.prefixBytes - partial.count, from: &input, total: MessageDeframer.prefixBytes)
            guard partial.count == MessageDeframer.prefixBytes else { return .needsMore }
        }
        switch check(partial.bytes) {
        case .failure(let status, let message): return .failure(status, message)
        case .length(let length, let isCompressed):
            let total = MessageDeframer.prefixBytes + length
            take(total - partial.count, from: &input, total: total)
            guard partial.count == total else { return .needsMore }
            isPartialUsed = true
            return .message(
                UnsafeRawBufferPointer(rebasing: partial.bytes[MessageDeframer.prefixBytes...]),
                isCompressed: isCompressed)
        }
    }

    private mutating func take(_ count: Int, from input: inout UnsafeRawBufferPointer, total: Int) {
        let taken = min(count, input.count)
        partial.append(UnsafeRawBufferPointer(rebasing: input.prefix(taken)), capacityMax: total)
        input = UnsafeRawBufferPointer(rebasing: input[taken...])
    }

    private enum Prefix {
        case length(Int, isCompressed: Bool)
        case failure(GRPCStatus, String)
    }

    private func check(_ bytes: UnsafeRawBufferPointer) -> Prefix {
        guard bytes[0] <= 1 else {
            return .failure(.internal, "message prefix has flag byte \(bytes[0]); 0 or 1 expected")
        }
        let length = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 1, as: UInt32.self)))
        guard length <= messageBytesMax else {
            return .failure(
                .resourceExhausted, "message of \(length) bytes exceeds the limit of \(messageBytesMax) bytes")
        }
        return .length(length, isCompressed: bytes[0] == 1)
    }

    // MARK: Held message

    /// Keeps the message just handed out until `releaseHeld`.
    mutating func hold(_ message: UnsafeRawBufferPointer, isCompressed: Bool) {
        isHeldCompressed = isCompressed
        if isPartialUsed {
            isPartialUsed = false
            heldOffset = MessageDeframer.prefixBytes
        } else {
            partial.clear()
            partial.append(message, capacityMax: message.count)
            heldOffset = 0
        }
    }

    /// Hands out the held message, if there is one, as `next` would.
    mutating func releaseHeld() -> (message: UnsafeRawBufferPointer, isCompressed: Bool)? {
        guard let offset = heldOffset else { return nil }
        heldOffset = nil
        isPartialUsed = true
        return (UnsafeRawBufferPointer(rebasing: partial.bytes[offset...]), isHeldCompressed)
    }

    /// Frees the memory; a pointer handed out is no longer valid.
    mutating func clear() {
        partial.clear()
        isPartialUsed = false
        heldOffset = nil
    }
}
