import MessageModel

/// Writes the three texts of a pop answer that tell which messages came from where. Queues are added one after the
/// other, each followed by its messages, in the order of the answer's body.
package struct PopInfoWriter: Sendable {
    private var starts: [UInt8] = []
    private var offsets: [UInt8] = []
    private var counts: [UInt8] = []
    private var isFirstMessage = true

    /// Nothing popped yet.
    package init() {}

    /// Text of startOffsetInfo: `kind queue start;…`.
    package var startOffsetInfo: String { String(decoding: starts, as: UTF8.self) }
    /// Text of msgOffsetInfo: `kind queue offset,offset;…`.
    package var messageOffsetInfo: String { String(decoding: offsets, as: UTF8.self) }
    /// Text of orderCountInfo: `kind queue count;…` and `kind qo<queue>%<offset> count;…`.
    package var orderCountInfo: String { String(decoding: counts, as: UTF8.self) }

    /// Starts the messages of one queue.
    package mutating func beginQueue(_ kind: PopTopicKind, queueId: Int32, startOffset: Int64) {
        Self.open(&starts, kind, queueId)
        Self.put(startOffset, &starts)
        Self.open(&offsets, kind, queueId)
        isFirstMessage = true
    }

    /// Adds a message of the queue.
    package mutating func addMessage(offset: Int64) {
        if !isFirstMessage { offsets.append(UInt8(ascii: ",")) }
        isFirstMessage = false
        Self.put(offset, &offsets)
    }

    /// Tells how often the messages of an ordered queue were delivered before, unless told by message.
    package mutating func addOrderCount(_ kind: PopTopicKind, queueId: Int32, count: Int32) {
        Self.open(&counts, kind, queueId)
        Self.put(Int64(count), &counts)
    }

    /// Tells how often one message of an ordered queue was delivered before.
    package mutating func addOrderCount(_ kind: PopTopicKind, queueId: Int32, offset: Int64, count: Int32) {
        Self.separate(&counts)
        Self.put(Int64(kind.rawValue), &counts)
        counts.append(contentsOf: " qo".utf8)
        Self.put(Int64(queueId), &counts)
        counts.append(UInt8(ascii: "%"))
        Self.put(offset, &counts)
        counts.append(UInt8(ascii: " "))
        Self.put(Int64(count), &counts)
    }

    private static func separate(_ text: inout [UInt8]) {
        if !text.isEmpty { text.append(UInt8(ascii: ";")) }
    }

    private static func open(_ text: inout [UInt8], _ kind: PopTopicKind, _ queueId: Int32) {
        separate(&text)
        put(Int64(kind.rawValue), &text)
        text.append(UInt8(ascii: " "))
        put(Int64(queueId), &text)
        text.append(UInt8(ascii: " "))
    }

    private static func put(_ number: Int64, _ text: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: DecimalText.byteCountMax) { digits in
            guard let base = digits.baseAddress else { return }
            let count = DecimalText.write(number, at: base)
            text.append(contentsOf: UnsafeBufferPointer(start: base, count: count))
        }
    }
}

/// Reads the three texts of a pop answer: which hand-out each message of the body belongs to.
package struct PopInfo: Sendable {
    /// Messages of one pop; the texts of a larger one are refused.
    private static let entriesMax = 65_536

    private struct Queue {
        var kind: Int32
        var queueId: Int32
        var startOffset: Int64
        var offsets: Range<Int>
    }

    private struct OrderCount {
        var kind: Int32
        var queueId: Int32
        /// Nil for all messages of the queue.
        var offset: Int64?
        var count: Int32
    }

    private var queues: [Queue] = []
    private var offsets: [Int64] = []
    private var counts: [OrderCount] = []

    /// Reads the texts; absent ones, of old brokers, are empty.
    package init(
        startOffsetInfo: String?, messageOffsetInfo: String?, orderCountInfo: String?
    ) throws(RemotingCodecError) {
        var starts = PopInfoScanner(startOffsetInfo ?? "", "startOffsetInfo")
        while starts.next() {
            let kind = try starts.number32()
            let queueId = try starts.number32()
            queues.append(Queue(kind: kind, queueId: queueId, startOffset: try starts.number(), offsets: 0..<0))
            try starts.endEntry()
            try Self.check(queues.count)
        }
        var messages = PopInfoScanner(messageOffsetInfo ?? "", "msgOffsetInfo")
        while messages.next() {
            let kind = try messages.number32()
            let queueId = try messages.number32()
            let first = offsets.count
            repeat {
                offsets.append(try messages.number())
                try Self.check(offsets.count)
            } while messages.accept(",")
            try messages.endEntry()
            guard let index = queues.firstIndex(where: { $0.kind == kind && $0.queueId == queueId }) else { continue }
            queues[index].offsets = first..<offsets.count
        }
        var orders = PopInfoScanner(orderCountInfo ?? "", "orderCountInfo")
        while orders.next() {
            let kind = try orders.number32()
            let isMessage = orders.accept("q") && orders.accept("o")
            let queueId = try orders.number32()
            let offset = isMessage && orders.accept("%") ? try orders.number() : nil
            counts.append(OrderCount(kind: kind, queueId: queueId, offset: offset, count: try orders.number32()))
            try orders.endEntry()
            try Self.check(counts.count)
        }
    }

    /// Where the hand-out of a queue started; nil when the answer does not tell.
    package func startOffset(_ kind: PopTopicKind, queueId: Int32) -> Int64? {
        queue(kind, queueId)?.startOffset
    }

    /// The offset under which the n-th message of a queue in the body was handed out; nil when the answer does not
    /// tell. It differs from the record's own for messages that were stored as a batch.
    package func messageOffset(_ kind: PopTopicKind, queueId: Int32, index: Int) -> Int64? {
        guard let queue = queue(kind, queueId), index >= 0, index < queue.offsets.count else { return nil }
        return offsets[queue.offsets.lowerBound + index]
    }

    /// Earlier deliveries of a message of an ordered queue: by message first, by queue otherwise.
    package func orderCount(_ kind: PopTopicKind, queueId: Int32, offset: Int64) -> Int32? {
        var ofQueue: Int32?
        for entry in counts where entry.kind == kind.rawValue && entry.queueId == queueId {
            if entry.offset == offset { return entry.count }
            if entry.offset == nil { ofQueue = entry.count }
        }
        return ofQueue
    }

    private func queue(_ kind: PopTopicKind, _ queueId: Int32) -> Queue? {
        queues.first { $0.kind == kind.rawValue && $0.queueId == queueId }
    }

    private static func check(_ count: Int) throws(RemotingCodecError) {
        guard count <= entriesMax else {
            throw RemotingCodecError(.invalidField, "more than \(entriesMax) entries in a pop answer")
        }
    }
}

/// Steps through the blank-separated numbers of a pop answer's texts.
private struct PopInfoScanner {
    private let text: [UInt8]
    private let name: StaticString
    private var index = 0

    init(_ text: String, _ name: StaticString) {
        self.text = Array(text.utf8)
        self.name = name
    }

    /// Moves to the next entry, if there is one.
    mutating func next() -> Bool {
        while index < text.count, text[index] == UInt8(ascii: ";") || text[index] == UInt8(ascii: " ") { index += 1 }
        return index < text.count
    }

    mutating func accept(_ character: Unicode.Scalar) -> Bool {
        while index < text.count, text[index] == UInt8(ascii: " ") { index += 1 }
        guard index < text.count, text[index] == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    mutating func number() throws(RemotingCodecError) -> Int64 {
        while index < text.count, text[index] == UInt8(ascii: " ") { index += 1 }
        let start = index
        while index < text.count, text[index] == UInt8(ascii: "-") || text[index] &- 0x30 < 10 { index += 1 }
        let value = text.withUnsafeBytes { DecimalText.parse(UnsafeRawBufferPointer(rebasing: $0[start..<index])) }
        guard let value else { throw .invalid(name, "list of numbers") }
        return value
    }

    mutating func number32() throws(RemotingCodecError) -> Int32 {
        guard let value = Int32(exactly: try number()) else { throw .invalid(name, "list of numbers") }
        return value
    }

    mutating func endEntry() throws(RemotingCodecError) {
        guard index == text.count || accept(";") else { throw .invalid(name, "list of numbers") }
    }
}
