import GRPCServer
import MessageModel
import NIOCore
import ProtoMessages

/// Writes the messages of one pop into the stream of the receive that asked for them.
struct DeliveryWriter {
    private let service: ProxyService
    private let pending: ProxyService.PendingReceive
    private let answer: PopAnswer
    private let client: OpenDeliveries.Client?
    private let nowMillis: Int64
    private(set) var sentCount = 0
    /// Of the bodies that go out as they are stored, in hexadecimal.
    private var digests: [UInt8] = []
    /// Messages that were looked at while the call was open.
    private var handledCount = 0
    /// Lite topics whose messages were given back.
    private var givenBack: Set<String> = []

    init(service: ProxyService, pending: ProxyService.PendingReceive, answer: PopAnswer) {
        self.service = service
        self.pending = pending
        self.answer = answer
        nowMillis = service.context.clock.wallMillis()
        if pending.isAutoRenew, let id = pending.call.metadataBytes("x-mq-client-id") {
            client = service.deliveries.client(id, nowMillis: service.context.clock.uptimeMillis())
        } else {
            client = nil
        }
    }

    /// Sends each message, or deals with it otherwise. `bytes` is what the answer's ranges refer to.
    mutating func addAll(_ bytes: UnsafeRawBufferPointer) {
        if !pending.call.isClosed { digests = Self.digests(answer.messages, bytes) }
        for (index, message) in answer.messages.enumerated() { add(message, at: index, bytes) }
    }

    /// The digests of all bodies that go out as they are stored, each at its message's place.
    private static func digests(_ messages: [PoppedMessage], _ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: messages.count * MD5.hexBytes) { hex, count in
            guard let base = hex.baseAddress else { return }
            let bodies = messages.map { UnsafeRawBufferPointer(rebasing: isPlain($0) ? bytes[$0.body] : bytes[..<0]) }
            MD5.upperHex(bodies, into: base)
            count = messages.count * MD5.hexBytes
        }
    }

    private static func isPlain(_ message: PoppedMessage) -> Bool { !message.sysFlag.contains(.compressed) }

    private mutating func add(_ message: PoppedMessage, at index: Int, _ bytes: UnsafeRawBufferPointer) {
        let properties = StoredProperties(
            UnsafeRawBufferPointer(rebasing: bytes[message.properties]), names: service.propertyNames)
        guard !pending.call.isClosed else { return giveBack(message, properties) }
        handledCount += 1
        switch fate(of: message, properties) {
        case .skip: skip(message, properties)
        case .bury: bury(message, properties)
        case .send:
            if sentCount == 0 { pending.call.send { ResponseEncoder.statusOnly(.ok, into: &$0) } }
            sentCount += 1
            send(message, at: index, properties, bytes)
        }
    }

    /// Gives back what was sent, when the call was ended for a client that reads too slowly: nothing of an answer leaves
    /// before it is whole, so nothing of this one was delivered.
    mutating func takeBack(_ bytes: UnsafeRawBufferPointer) {
        guard pending.call.isClosed, sentCount > 0 else { return }
        for message in answer.messages.prefix(handledCount) {
            let properties = StoredProperties(
                UnsafeRawBufferPointer(rebasing: bytes[message.properties]), names: service.propertyNames)
            if fate(of: message, properties) == .send { giveBack(message, properties) }
        }
    }

    private enum Fate { case skip, bury, send }

    private func fate(of message: PoppedMessage, _ properties: StoredProperties) -> Fate {
        if let filter = pending.filter {
            let tag = properties.tag.map { String(decoding: properties.bytes($0), as: UTF8.self) }
            if !filter.matches(tag: tag) { return .skip }
        }
        return message.reconsumeTimes >= pending.attemptCountMax ? .bury : .send
    }

    // MARK: Messages that are not delivered

    private func request(_ message: PoppedMessage, _ properties: StoredProperties) -> ReceiptRequest? {
        var text = ByteBuffer()
        guard writeHandle(message, properties, into: &text) else { return nil }
        let fields = text.withUnsafeReadableBytes { ReceiptHandle($0) }
        guard let fields else { return nil }
        return ReceiptRequest(
            group: pending.group, topic: pending.topic.name, handle: fields, broker: pending.broker,
            handleText: String(buffer: text),
            messageID: properties.messageID.map { String(decoding: properties.bytes($0), as: UTF8.self) } ?? "",
            liteTopic: liteTopic(properties))
    }

    private func liteTopic(_ properties: StoredProperties) -> String {
        guard pending.isLite, let range = properties.liteTopic else { return "" }
        return String(decoding: properties.bytes(range), as: UTF8.self)
    }

    private mutating func giveBack(_ message: PoppedMessage, _ properties: StoredProperties) {
        guard let request = request(message, properties) else { return }
        // Once for all messages of a lite topic.
        guard request.liteTopic.isEmpty || givenBack.insert(request.liteTopic).inserted else { return }
        service.giveBack(
            handleText: request.handleText, group: request.group, topic: request.topic, broker: request.broker,
            liteTopic: request.liteTopic)
    }

    /// Tags that only share a hash with a wanted one: done with for this group.
    private func skip(_ message: PoppedMessage, _ properties: StoredProperties) {
        guard let request = request(message, properties) else { return }
        service.backend.acknowledge(request) { _ in }
    }

    private func bury(_ message: PoppedMessage, _ properties: StoredProperties) {
        guard let request = request(message, properties) else { return }
        let logger = service.context.logger
        service.backend.deadLetter(request) { error in
            guard let error else { return }
            logger.warning("a message was not moved to the dead-letter topic", metadata: ["reason": "\(error.message)"])
        }
    }

    // MARK: Messages that are

    private func writeHandle(
        _ message: PoppedMessage, _ properties: StoredProperties, into buffer: inout ByteBuffer
    ) -> Bool {
        if let checkpoint = properties.checkpoint {
            buffer.writeBytes(properties.bytes(checkpoint))
        } else if let checkpoint = message.checkpoint {
            buffer.writeDecimal(checkpoint.startOffset)
            buffer.writeInteger(0x20 as UInt8)
            buffer.writeDecimal(checkpoint.popMillis)
            buffer.writeInteger(0x20 as UInt8)
            buffer.writeDecimal(checkpoint.invisibleMillis)
            buffer.writeInteger(0x20 as UInt8)
            buffer.writeDecimal(Int64(checkpoint.reviveQueueId))
            buffer.writeInteger(0x20 as UInt8)
            buffer.writeDecimal(Int64(checkpoint.topicKind.rawValue))
            buffer.writeInteger(0x20 as UInt8)
            buffer.writeString(pending.broker.name)
            buffer.writeInteger(0x20 as UInt8)
            buffer.writeDecimal(Int64(message.queueId))
            buffer.writeInteger(0x20 as UInt8)
            buffer.writeDecimal(checkpoint.queueOffset)
        } else {
            return false
        }
        buffer.writeInteger(0x20 as UInt8)
        buffer.writeDecimal(message.logOffset)
        return true
    }

    private func send(
        _ message: PoppedMessage, at index: Int, _ properties: StoredProperties, _ bytes: UnsafeRawBufferPointer
    ) {
        var scratch = service.scratch
        service.scratch = ByteBuffer()
        scratch.clear()
        let hasHandle = writeHandle(message, properties, into: &scratch)
        let handle = 0..<scratch.writerIndex
        HostText.write(message.storeHost, withPort: true, into: &scratch)
        let storeHost = handle.upperBound..<scratch.writerIndex
        if properties.bornHost == nil { HostText.write(message.bornHost, withPort: true, into: &scratch) }
        let bornHost = storeHost.upperBound..<scratch.writerIndex
        if properties.messageID == nil { writeOffsetID(message, into: &scratch) }
        let messageID = bornHost.upperBound..<scratch.writerIndex
        let (source, encoding) = plainBody(message, bytes)
        let digest = scratch.writerIndex..<scratch.writerIndex + MD5.hexBytes
        source.withReadable(in: bytes, inflated: service.inflater.output) { body in
            scratch.writeWithUnsafeMutableBytes(minimumWritableBytes: MD5.hexBytes) { space in
                guard let base = space.baseAddress else { return 0 }
                if Self.isPlain(message) {
                    digests.withUnsafeBytes {
                        space.copyMemory(
                            from: UnsafeRawBufferPointer(rebasing: $0[(index * MD5.hexBytes)...].prefix(MD5.hexBytes)))
                    }
                } else {
                    MD5.upperHex(body, into: base.assumingMemoryBound(to: UInt8.self))
                }
                return MD5.hexBytes
            }
            scratch.withUnsafeReadableBytes { text in
                func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
                    UnsafeRawBufferPointer(rebasing: text[range])
                }
                var name = pending.topic.name
                name.withUTF8 { topic in
                    var outgoing = OutgoingMessage(topic: UnsafeRawBufferPointer(topic), body: body)
                    outgoing.bodyMD5 = part(digest)
                    outgoing.bodyEncoding = encoding
                    outgoing.messageType = properties.messageType
                    outgoing.messageID = properties.messageID.map(properties.bytes) ?? part(messageID)
                    outgoing.bornMillis = message.bornMillis
                    outgoing.bornHost = properties.bornHost.map(properties.bytes) ?? part(bornHost)
                    outgoing.storeMillis = message.storeMillis
                    outgoing.storeHost = part(storeHost)
                    outgoing.deliveryMillis = properties.number(properties.deliverMillis)
                    outgoing.receiptHandle = hasHandle ? part(handle) : nil
                    outgoing.queueID = message.queueId
                    outgoing.queueOffset = message.queueOffset
                    outgoing.deliveryAttempt = message.reconsumeTimes + 1
                    outgoing.invisibleMillis = answer.invisibleMillis > 0 ? answer.invisibleMillis : nil
                    pending.call.send { ResponseEncoder.receivedMessage(outgoing, properties, into: &$0) }
                    if hasHandle, client != nil { remember(part(handle), liteTopic: liteTopic(properties)) }
                }
            }
        }
        service.scratch = scratch
    }

    private func remember(_ handle: UnsafeRawBufferPointer, liteTopic: String) {
        service.remember(
            .init(
                group: pending.group, topic: pending.topic.name, handle: String(decoding: handle, as: UTF8.self),
                broker: pending.broker,
                untilMillis: nowMillis &+ max(0, min(answer.invisibleMillis, Int64.max / 2)), liteTopic: liteTopic),
            of: client)
    }

    /// Where the body to send is.
    private enum BodySource {
        case stored(Range<Int>)
        case inflated

        func withReadable(
            in bytes: UnsafeRawBufferPointer, inflated: ByteBuffer, _ run: (UnsafeRawBufferPointer) -> Void
        ) {
            switch self {
            case .stored(let range): run(UnsafeRawBufferPointer(rebasing: bytes[range]))
            case .inflated: inflated.withUnsafeReadableBytes(run)
            }
        }
    }

    /// The plain body where we can make it; else as it is, marked as compressed.
    private func plainBody(
        _ message: PoppedMessage, _ bytes: UnsafeRawBufferPointer
    ) -> (BodySource, ProtoEncoding) {
        guard !Self.isPlain(message) else { return (.stored(message.body), .identity) }
        let body = UnsafeRawBufferPointer(rebasing: bytes[message.body])
        return service.inflater.inflate(body) ? (.inflated, .identity) : (.stored(message.body), .gzip)
    }

    private func writeOffsetID(_ message: PoppedMessage, into buffer: inout ByteBuffer) {
        let host = message.storeHost
        var raw: [UInt8] = []
        withUnsafeBytes(of: host.high.bigEndian) { raw.append(contentsOf: host.isIPv6 ? $0[...] : $0[..<4]) }
        if host.isIPv6 { withUnsafeBytes(of: host.low.bigEndian) { raw.append(contentsOf: $0) } }
        buffer.writeString(OffsetMessageId(host: raw, port: host.port, logOffset: message.logOffset).text)
    }
}

/// Stored hosts as text.
enum HostText {
    static func write(_ host: StoredHost, withPort: Bool, into buffer: inout ByteBuffer) {
        if host.isIPv6 {
            if withPort { buffer.writeInteger(UInt8(ascii: "[")) }
            for (index, word) in [host.high, host.low].enumerated() {
                for shift in [48, 32, 16, 0] as [UInt64] {
                    if index > 0 || shift < 48 { buffer.writeInteger(UInt8(ascii: ":")) }
                    buffer.writeString(String(UInt16(truncatingIfNeeded: word >> shift), radix: 16))
                }
            }
            if withPort { buffer.writeInteger(UInt8(ascii: "]")) }
        } else {
            for shift in [56, 48, 40, 32] as [UInt64] {
                if shift < 56 { buffer.writeInteger(UInt8(ascii: ".")) }
                buffer.writeDecimal(Int64(UInt8(truncatingIfNeeded: host.high >> shift)))
            }
        }
        guard withPort else { return }
        buffer.writeInteger(UInt8(ascii: ":"))
        buffer.writeDecimal(Int64(host.port))
    }
}
