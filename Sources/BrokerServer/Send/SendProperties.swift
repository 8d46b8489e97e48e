import MessageModel
import NIOCore

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What the broker has to know about the property text of a message that is sent to it, found in one pass.
struct SendProperties {
    /// Where the value of UNIQ_KEY stands; nil when the client sent none.
    private(set) var uniqueKey: Range<Int>?
    /// Whether the message asks to be delivered later.
    private(set) var isDelayed = false
    /// Where the name of its lite topic stands; nil for a message of none.
    private(set) var liteTopic: Range<Int>?
    /// Whether it is the first half of a transaction.
    private(set) var isTransactional = false
    /// Whether it has a priority.
    private(set) var hasPriority = false
    /// Whether entries must be left out in the stored form.
    private(set) var mustRewrite = false
    /// Number of bytes without the separator at the end.
    private(set) var count = 0

    /// Properties of a message that has none.
    init() {}

    /// Looks at the property text of a request, if it has one.
    init(of text: ByteBuffer?) {
        self = text.map { $0.withUnsafeReadableBytes { SendProperties(scanning: $0) } } ?? SendProperties()
    }

    /// Looks at all entries of a property text.
    init(scanning bytes: UnsafeRawBufferPointer) {
        count = bytes.count
        if let last = bytes.last, last == PropertyText.valueEnd { count -= 1 }
        Self.forEachEntry(bytes) { entry in
            let name = UnsafeRawBufferPointer(rebasing: bytes[entry.start..<entry.nameEnd])
            let value = (entry.nameEnd + 1)..<max(entry.nameEnd + 1, entry.end)
            inspect(name, value, in: bytes)
        } malformed: {
            mustRewrite = true
        }
    }

    private mutating func inspect(_ name: UnsafeRawBufferPointer, _ value: Range<Int>, in bytes: UnsafeRawBufferPointer)
    {
        guard let first = name.first else { return }
        switch first {
        case UInt8(ascii: "U"):
            if Self.isEqual(name, "UNIQ_KEY") { uniqueKey = value }
        case UInt8(ascii: "D"):
            if Self.isEqual(name, "DELAY"), Self.isPositive(bytes[value]) { isDelayed = true }
        case UInt8(ascii: "T"):
            if Self.isEqual(name, "TRAN_MSG") {
                isTransactional = value.count == 4 && bytes[value].elementsEqual("true".utf8) { $0 | 0x20 == $1 }
            } else if Self.asksForDelay(name) {
                isDelayed = true
            } else if Self.isEqual(name, "TRACE_ON") {
                mustRewrite = true
            }
        case UInt8(ascii: "P"), UInt8(ascii: "M"), UInt8(ascii: "C"), UInt8(ascii: "I"), UInt8(ascii: "_"):
            if Self.isReplaced(name) { mustRewrite = true }
            if first == UInt8(ascii: "_") {
                if Self.isEqual(name, "__LITE_TOPIC") { liteTopic = value }
                if Self.isEqual(name, PriorityQueues.propertyName) { hasPriority = true }
            }
        default: break
        }
    }

    /// The text to store: the client's entries, without those that only the broker sets, and the broker's own behind.
    ///
    /// - Parameters:
    ///   - source: the client's text, the one that was scanned.
    ///   - suffix: the broker's entries, without separator at the end.
    ///   - newUniqueKey: the id for a message that came without.
    ///   - dropsDelay: whether to leave out what asks for later delivery.
    func stored(
        from source: ByteBuffer?, suffix: ByteBuffer, newUniqueKey: String?, dropsDelay: Bool = false
    ) -> ByteBuffer {
        let added = suffix.readableBytes + (newUniqueKey == nil ? 1 : 48)
        var text = ByteBufferAllocator().buffer(capacity: count + added)
        if let source, count > 0 {
            source.withUnsafeReadableBytes { bytes in
                if mustRewrite || (dropsDelay && isDelayed) {
                    Self.copyKept(bytes, to: &text, dropsDelay: dropsDelay)
                } else {
                    text.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
                    text.writeInteger(PropertyText.valueEnd)
                }
            }
        }
        if let newUniqueKey {
            text.writeStaticString("UNIQ_KEY\u{1}")
            text.writeString(newUniqueKey)
            text.writeInteger(PropertyText.valueEnd)
        }
        // Not `writeImmutableBuffer`, which counts references to what all event loops share.
        suffix.withUnsafeReadableBytes { _ = text.writeBytes($0) }
        return text
    }

    private static func copyKept(
        _ bytes: UnsafeRawBufferPointer, to text: inout ByteBuffer, dropsDelay: Bool
    ) {
        forEachEntry(bytes) { entry in
            let name = UnsafeRawBufferPointer(rebasing: bytes[entry.start..<entry.nameEnd])
            guard !isReplaced(name), !(dropsDelay && asksForDelay(name)) else { return }
            text.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[entry.start..<entry.end]))
            text.writeInteger(PropertyText.valueEnd)
        } malformed: {
        }
    }

    /// Whether the broker removes the entry: it sets the property itself, or the property is never stored.
    private static func isReplaced(_ name: UnsafeRawBufferPointer) -> Bool {
        isEqual(name, "MSG_REGION") || isEqual(name, "TRACE_ON") || isEqual(name, "CLUSTER")
            || isEqual(name, "POP_CK") || isEqual(name, "INNER_MULTI_DISPATCH")
            || isEqual(name, "INNER_MULTI_QUEUE_OFFSET") || hasPrefix(name, "__RMQ.TRANSIENT.")
    }

    private static func asksForDelay(_ name: UnsafeRawBufferPointer) -> Bool {
        isEqual(name, "DELAY") || isEqual(name, "TIMER_DELIVER_MS") || isEqual(name, "TIMER_DELAY_SEC")
            || isEqual(name, "TIMER_DELAY_MS")
    }

    // MARK: Text

    private struct Entry {
        var start: Int
        var nameEnd: Int
        var end: Int
    }

    /// Calls `body` for each entry with a name and a value, `malformed` for each that Apache drops when it reads.
    @inline(__always)
    private static func forEachEntry(
        _ bytes: UnsafeRawBufferPointer, _ body: (Entry) -> Void, malformed: () -> Void
    ) {
        guard let base = bytes.baseAddress else { return }
        var start = 0
        while start < bytes.count {
            let end =
                memchr(base + start, Int32(PropertyText.valueEnd), bytes.count - start).map { base.distance(to: $0) }
                ?? bytes.count
            let nameEnd =
                end > start
                ? memchr(base + start, Int32(PropertyText.nameEnd), end - start).map { base.distance(to: $0) } : nil
            if let nameEnd, nameEnd > start, nameEnd + 1 < end {
                body(Entry(start: start, nameEnd: nameEnd, end: end))
            } else {
                malformed()
            }
            start = end + 1
        }
    }

    private static func isEqual(_ name: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard name.count == text.utf8CodeUnitCount, let base = name.baseAddress else { return false }
        return memcmp(base, text.utf8Start, name.count) == 0
    }

    private static func hasPrefix(_ name: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard name.count >= text.utf8CodeUnitCount, let base = name.baseAddress else { return false }
        return memcmp(base, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    private static func isPositive(_ digits: Slice<UnsafeRawBufferPointer>) -> Bool {
        digits.contains { $0 != UInt8(ascii: "0") } && digits.allSatisfy { (0x30...0x39).contains($0) }
    }
}
