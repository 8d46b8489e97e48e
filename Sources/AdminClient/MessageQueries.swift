import MessageModel
import NIOCore
import RemotingCodec

extension AdminClient {
    /// The message of an id: of the one that its producer gave it, when the topic is known, else of an offset id.
    package func message(
        id: String, topic: String?, routeTopic: String? = nil
    ) async throws(AdminError) -> MessageRecord {
        guard let topic, !nameServers.isEmpty else { return try await message(id: id) }
        do throws(AdminError) {
            // A message that was sent twice is the newer one.
            let found = try await messages(
                topic: topic, key: id, isUnique: true, maxCount: 32, routeTopic: routeTopic)
            if let newest = found.last { return newest }
        } catch  where error.code == .notFound {
            return try await message(id: id)
        }
        return try await message(id: id)
    }

    /// The message of an offset id, asked of the broker that the id names.
    package func message(id: String) async throws(AdminError) -> MessageRecord {
        let parsed: OffsetMessageId
        do throws(ModelError) {
            parsed = try OffsetMessageId(parsing: id)
        } catch {
            throw AdminError(.invalidArgument, error.message)
        }
        let broker = RecordHost(address: parsed.host, port: parsed.port).description
        return try await message(at: parsed.logOffset, broker: broker)
    }

    /// The message at an offset of a broker's log.
    func message(at logOffset: Int64, broker: String) async throws(AdminError) -> MessageRecord {
        let answer = try await callBroker(broker, .viewMessageById, ViewMessageByIdRequestHeader(offset: logOffset))
        guard let record = try Self.records(answer).first else {
            throw AdminError(.notFound, "\(broker) has no message at log offset \(logOffset)")
        }
        return record
    }

    /// Messages of a topic with a key, or with a unique key, from all its brokers, oldest first.
    ///
    /// - Parameter routeTopic: the topic whose brokers are asked instead; every cluster has one of its name.
    package func messages(
        topic: String, key: String, isUnique: Bool, maxCount: Int32, fromMillis: Int64 = 0, toMillis: Int64 = .max,
        routeTopic: String? = nil
    ) async throws(AdminError) -> [MessageRecord] {
        guard let route = try await route(of: routeTopic ?? topic) else { throw Self.noTopic(routeTopic ?? topic) }
        var header = QueryMessageRequestHeader(
            topic: topic, key: key, maxCount: maxCount, beginTimestampMillis: fromMillis, endTimestampMillis: toMillis)
        header.isUniqueKey = isUnique
        var found: [MessageRecord] = []
        for address in route.brokers.compactMap(\.preferredAddress) {
            do throws(AdminError) {
                found += try Self.records(try await callBroker(address, .queryMessage, header))
            } catch  where error.response == .queryNotFound {
                continue
            }
        }
        guard !found.isEmpty else { throw AdminError(.notFound, "no message of \(topic) has the key \(key)") }
        return Array(found.sorted { $0.storeTimestampMillis < $1.storeTimestampMillis }.prefix(Int(maxCount)))
    }

    static func records(_ answer: RemotingCommand) throws(AdminError) -> [MessageRecord] {
        do throws(RemotingCodecError) {
            return try MessageRecord.all(in: answer.body)
        } catch {
            throw AdminError(.badAnswer, error.message)
        }
    }

    /// The group in whose name tools send.
    static let producerGroup = "admin_ext_group"

    /// Where a message went.
    package struct SentMessage: Sendable, Hashable {
        /// The broker's name.
        package var brokerName: String
        /// The queue.
        package var queueId: Int32
        /// Id by store host and log offset.
        package var messageId: String
        /// The message's UNIQ_KEY, which the broker made.
        package var uniqueKey: String?
        /// Offset in the queue.
        package var queueOffset: Int64
    }

    /// Sends one message to a queue of a topic.
    package func send(
        topic: String, body: String, keys: String?, tags: String?, brokerName: String?, queueId: Int32?,
        nowMillis: Int64
    ) async throws(AdminError) -> SentMessage {
        let queue = try await writableQueue(of: topic, onBroker: brokerName)
        var pairs: [(name: String, value: String)] = [(name: "WAIT", value: "true")]
        if let keys { pairs.append((name: "KEYS", value: keys)) }
        if let tags { pairs.append((name: "TAGS", value: tags)) }
        return try await send(
            topic: topic, body: ByteBuffer(string: body), properties: ByteBuffer(string: PropertyText.encode(pairs)),
            queueId: queueId ?? -1, brokerName: queue.broker, address: queue.address, nowMillis: nowMillis)
    }

    /// Sends a stored message once more, as a new one with the same keys and properties and the body as it is stored.
    package func resend(_ record: MessageRecord, nowMillis: Int64) async throws(AdminError) -> SentMessage {
        let compression = record.sysFlag.compression
        guard compression != nil || !record.sysFlag.contains(.compressed) else {
            throw AdminError(
                .invalidArgument,
                "the message's body is compressed in a way that is not known here (\(record.sysFlag.compressionType))")
        }
        let queue = try await writableQueue(of: record.topic)
        // What the broker adds by itself, and what would make it a half message.
        let dropped: Set<String> = [
            PropertyName.region, PropertyName.traceOn, PropertyName.cluster, PropertyName.transactionPrepared,
        ]
        let kept = PropertyText.dictionary(String(buffer: record.properties)).filter { !dropped.contains($0.key) }
        let pairs = kept.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
        return try await send(
            topic: record.topic, body: record.body, properties: ByteBuffer(string: PropertyText.encode(pairs)),
            queueId: -1, brokerName: queue.broker, address: queue.address, flag: record.flag,
            sysFlag: MessageSysFlag().with(compression), nowMillis: nowMillis)
    }

    /// Sends one message to a queue of a broker; a negative queue is the broker's to choose.
    func send(
        topic: String, body: ByteBuffer, properties: ByteBuffer, queueId: Int32, brokerName: String, address: String,
        flag: Int32 = 0, sysFlag: MessageSysFlag = [], nowMillis: Int64
    ) async throws(AdminError) -> SentMessage {
        let fields = SendMessageFields(
            producerGroup: Self.producerGroup, topic: topic, defaultTopic: NameRules.autoCreateTopic,
            defaultTopicQueueCount: 4, queueId: queueId, sysFlag: sysFlag.rawValue, bornTimestampMillis: nowMillis,
            flag: flag, properties: properties)
        let answer = try await callBroker(address, .sendMessageV2, SendMessageRequestHeaderV2(fields), body: body)
        let header = try Self.header(SendMessageResponseHeader.self, answer)
        return SentMessage(
            brokerName: brokerName, queueId: header.queueId, messageId: header.messageId,
            uniqueKey: header.transactionId, queueOffset: header.queueOffset)
    }
}
