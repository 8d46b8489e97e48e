import GRPCServer
import MessageModel
import NIOCore
import ProtoMessages

extension ProxyService {
    func sendMessage(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try SendMessageRequestView(message, in: arena)
        let count = request.messageCount
        guard count > 0 else { throw ProxyError(.messageCorrupted, "no message to send") }
        let first = try request.message(0)
        try MessageValidation.checkTopic(first.topic.name)
        if count == 1 {
            try validation.check(first, nowMillis: context.clock.wallMillis())
            guard let topic = try topic(first.topic.name, for: message, call) else { return }
            try sendOne(first, topic, call)
        } else {
            try sendSeveral(request, first, message, call)
        }
    }

    private func sendOne(_ message: MessageView, _ topic: LoopMetadata.Topic, _ call: GRPCCall) throws(ProxyError) {
        let kind = try checkedKind(message, topic.snapshot)
        let queue = try chooseQueue(for: message, topic)
        let messageID = message.messageID.string
        if kind == .transaction { noteProducer(of: topic.snapshot, call) }
        send(message, kind, topic, queue, call) { [self] result in
            let entry = entry(for: result, messageID, topic.snapshot)
            call.send { ResponseEncoder.sendMessage(entry.status, entries: [entry], into: &$0) }
            call.finish(.ok)
        }
    }

    /// Several messages: one entry for each, in their order. What needs one place keeps it: messages of one group, and
    /// messages without any order, go to a broker as one unit; others one by one.
    private func sendSeveral(
        _ request: SendMessageRequestView, _ first: MessageView, _ bytes: UnsafeRawBufferPointer, _ call: GRPCCall
    ) throws {
        let count = request.messageCount
        guard count <= configuration.messages.messageCountMax else {
            throw ProxyError(
                .messageCorrupted,
                "\(count) messages in one request, at most "
                    + "\(configuration.messages.messageCountMax) are allowed")
        }
        var messages = [first]
        for index in 1..<count {
            let message = try request.message(index)
            guard message.topic.name == first.topic.name, message.topic.namespace == first.topic.namespace else {
                throw ProxyError(.messageCorrupted, "the messages have different topics")
            }
            messages.append(message)
        }
        let now = context.clock.wallMillis()
        for message in messages { try validation.check(message, nowMillis: now) }
        guard let topic = try topic(first.topic.name, for: bytes, call) else { return }
        var kinds: [TopicMessageType] = []
        for message in messages { kinds.append(try checkedKind(message, topic.snapshot)) }
        if isOneUnit(messages, kinds) {
            try sendBatch(messages, kinds[0], topic, call)
        } else {
            try sendEach(messages, kinds, topic, call)
        }
    }

    private func isOneUnit(_ messages: [MessageView], _ kinds: [TopicMessageType]) -> Bool {
        guard kinds.allSatisfy({ $0 == kinds[0] }) else { return false }
        switch kinds[0] {
        case .normal: return messages.allSatisfy { $0.bodyEncoding != .gzip }
        case .fifo:
            let group = messages[0].messageGroup ?? .empty
            return messages.allSatisfy { ($0.messageGroup ?? .empty) == group && $0.bodyEncoding != .gzip }
        default: return false
        }
    }

    private func sendEach(
        _ messages: [MessageView], _ kinds: [TopicMessageType], _ topic: LoopMetadata.Topic, _ call: GRPCCall
    ) throws(ProxyError) {
        var queues: [SendQueue] = []
        for message in messages { queues.append(try chooseQueue(for: message, topic)) }
        let gathering = SendGathering(messageIDs: messages.map(\.messageID.string))
        for (index, message) in messages.enumerated() {
            send(message, kinds[index], topic, queues[index], call) { [self] result in
                let entry = entry(for: result, gathering.messageIDs[index], topic.snapshot)
                if gathering.finish(index, entry) { answer(call, gathering.entries) }
            }
        }
    }

    private func sendBatch(
        _ messages: [MessageView], _ kind: TopicMessageType, _ topic: LoopMetadata.Topic, _ call: GRPCCall
    ) throws(ProxyError) {
        let queue = try chooseQueue(for: messages[0], topic)
        var body = ByteBuffer()
        var properties = ByteBuffer()
        for message in messages {
            properties.clear()
            PropertyComposer.write(
                message, kind: kind, topic: topic.snapshot.name, remoteAddress: call.remoteAddress, into: &properties)
            if properties.readableBytes > PropertyComposer.bytesMax { throw PropertyComposer.tooLong }
            BatchBody.append(body: message.body, properties: properties, to: &body)
        }
        let messageIDs = messages.map(\.messageID.string)
        properties.clear()
        let born = messages[0].bornTimestamp.millis ?? context.clock.wallMillis()
        body.withUnsafeReadableBytes { bodyBytes in
            properties.withUnsafeReadableBytes { propertyBytes in
                let request = SendRequest(
                    topic: topic.snapshot, queue: queue, sysFlag: [], bornMillis: born, properties: propertyBytes,
                    body: bodyBytes, isBatch: true)
                sendWithFailover(request, topic, isQueueFixed: kind == .fifo, call) { [self] result in
                    let entries = messageIDs.enumerated().map { index, messageID in
                        var entry = entry(for: result, messageID, topic.snapshot)
                        if case .success = result { entry.offset &+= Int64(index) }
                        return entry
                    }
                    answer(call, entries)
                }
            }
        }
    }

    private func send(
        _ message: MessageView, _ kind: TopicMessageType, _ topic: LoopMetadata.Topic, _ queue: SendQueue,
        _ call: GRPCCall,
        completion: @escaping (Result<SendReceipt, ProxyError>) -> Void
    ) {
        scratch.clear(minimumCapacity: 0)
        PropertyComposer.write(
            message, kind: kind, topic: topic.snapshot.name, remoteAddress: call.remoteAddress, into: &scratch)
        if scratch.readableBytes > PropertyComposer.bytesMax { return completion(.failure(PropertyComposer.tooLong)) }
        let born = message.bornTimestamp.millis ?? context.clock.wallMillis()
        scratch.withUnsafeReadableBytes { properties in
            sendWithFailover(
                SendRequest(
                    topic: topic.snapshot, queue: queue, sysFlag: PropertyComposer.sysFlag(of: message, kind),
                    bornMillis: born, properties: properties, body: message.body, isBatch: false),
                topic, isQueueFixed: kind == .fifo || kind == .lite, call, completion: completion)
        }
    }

    private func checkedKind(
        _ message: MessageView, _ topic: TopicSnapshot
    ) throws(ProxyError) -> TopicMessageType {
        let kind = PropertyComposer.kind(of: message)
        if configuration.isMessageTypeChecked, !topic.takesAnyKind, !topic.messageType.accepts(kind) {
            throw ProxyError(
                .messagePropertyConflictWithType,
                "TopicMessageType validate failed, the expected type is \(topic.messageType.rawValue), "
                    + "but actual type is \(kind.rawValue)")
        }
        return kind
    }

    private func chooseQueue(for message: MessageView, _ topic: LoopMetadata.Topic) throws(ProxyError) -> SendQueue {
        let queues = topic.snapshot.sendQueues
        guard !queues.isEmpty else {
            metadata.refreshTopic(topic.snapshot.name)
            throw ProxyError(.forbidden, "no writable queue")
        }
        if let group = message.messageGroup, !group.isEmpty {
            return queues[QueueSelection.index(messageGroup: group, queueCount: queues.count)]
        }
        if let lite = message.liteTopic, !lite.isEmpty {
            // The same place for all messages of a lite topic, as brokers of Apache's expect it.
            return queues[QueueSelection.index(messageGroup: lite, queueCount: queues.count)]
        }
        topic.nextQueue &+= 1
        let queue = brokerHealth.queue(
            queues, start: topic.nextQueue & Int.max, nowMillis: context.clock.uptimeMillis())
        guard let queue else { throw ProxyError(.forbidden, "no writable queue") }
        return queue
    }

    private func entry(
        for result: Result<SendReceipt, ProxyError>, _ messageID: String, _ topic: TopicSnapshot
    ) -> SendResultEntry {
        switch result {
        case .success(let receipt):
            return SendResultEntry(
                status: receipt.status, messageID: messageID, transactionID: receipt.transactionID?.text ?? messageID,
                offset: receipt.queueOffset,
                recallHandle: receipt.recallHandle)
        case .failure(let error):
            metadata.refreshTopic(topic.name)
            return SendResultEntry(status: error.status, messageID: messageID)
        }
    }

    /// Clients may send to topics that they did not name in their settings.
    private func noteProducer(of topic: TopicSnapshot, _ call: GRPCCall) {
        guard let clientID = call.metadata("x-mq-client-id") else { return }
        context.producers.note(clientID: clientID, topic: topic.name)
    }

    private func answer(_ call: GRPCCall, _ entries: [SendResultEntry]) {
        let isUniform = entries.allSatisfy { $0.status.code == entries[0].status.code }
        let status = isUniform ? entries[0].status : ProtoStatus(.multipleResults, "MULTIPLE_RESULTS")
        call.send { ResponseEncoder.sendMessage(status, entries: entries, into: &$0) }
        call.finish(.ok)
    }
}

/// The answers of messages that are sent one by one.
private final class SendGathering {
    let messageIDs: [String]
    private var slots: [SendResultEntry?]
    private var missing: Int

    init(messageIDs: [String]) {
        self.messageIDs = messageIDs
        slots = Array(repeating: nil, count: messageIDs.count)
        missing = messageIDs.count
    }

    var entries: [SendResultEntry] { slots.compactMap { $0 } }

    /// Whether this was the last one.
    func finish(_ index: Int, _ entry: SendResultEntry) -> Bool {
        if slots[index] == nil { missing -= 1 }
        slots[index] = entry
        return missing == 0
    }
}

/// The body of SEND_BATCH_MESSAGE: messages in their short form, one after the other.
enum BatchBody {
    static func append(body: UnsafeRawBufferPointer, properties: ByteBuffer, to buffer: inout ByteBuffer) {
        let size = 4 + 4 + 4 + 4 + 4 + body.count + 2 + properties.readableBytes
        buffer.reserveCapacity(minimumWritableBytes: size)
        buffer.writeInteger(Int32(clamping: size))
        // Magic code and body checksum: the broker fills both in.
        buffer.writeInteger(0 as Int32)
        buffer.writeInteger(0 as Int32)
        buffer.writeInteger(0 as Int32)
        buffer.writeInteger(Int32(clamping: body.count))
        buffer.writeBytes(body)
        buffer.writeInteger(Int16(clamping: properties.readableBytes))
        buffer.writeImmutableBuffer(properties)
    }
}
