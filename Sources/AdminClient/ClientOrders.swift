import MessageModel
import RemotingCodec

/// What a client said of a message that it was told to consume.
package struct DirectConsumption: Sendable, Hashable {
    /// CR_SUCCESS, CR_LATER, CR_THROW_EXCEPTION and so on.
    package var result: String
    /// Whether the client consumes in order.
    package var isOrdered: Bool
    /// Whether it commits by itself.
    package var commitsItself: Bool
    /// What it adds.
    package var remark: String?
    /// How long it took.
    package var spentMillis: Int64
}

extension AdminClient {
    /// Has one client of a group consume a stored message now; nil when the client is no push consumer.
    package func consumeDirectly(
        messageID: String, topic: String?, group: String, clientID: String
    ) async throws(AdminError) -> DirectConsumption? {
        let record = try await message(id: messageID, topic: topic)
        let storedID = OffsetMessageId(
            host: record.storeHost.address, port: record.storeHost.port, logOffset: record.logOffset)
        let broker = record.storeHost.description
        let ask = GetConsumerRunningInfoRequestHeader(consumerGroup: group, clientId: clientID, jstackEnable: false)
        let info = try Self.json(try await callBroker(broker, .getConsumerRunningInfo, ask, isRelayed: true))
        guard info["properties"]?["PROP_CONSUME_TYPE"]?.text == ConsumeType.passively.rawValue else { return nil }
        let header = ConsumeMessageDirectlyRequestHeader(
            consumerGroup: group, clientId: clientID, msgId: storedID.text,
            topic: topic ?? record.topic)
        let answer = try Self.json(try await callBroker(broker, .consumeMessageDirectly, header, isRelayed: true))
        do throws(ModelError) {
            let fields = try JSONFields(answer, of: "direct consumption")
            return DirectConsumption(
                result: try fields.string("consumeResult", default: ""),
                isOrdered: try fields.bool("order", default: false),
                commitsItself: try fields.bool("autoCommit", default: true), remark: try fields.string("remark"),
                spentMillis: try fields.int64("spentTimeMills", default: 0))
        } catch {
            throw AdminError(.badAnswer, error.message)
        }
    }

    static func json(_ answer: RemotingCommand) throws(AdminError) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue(parsing: answer.body.readableBytesView)
        } catch {
            throw AdminError(.badAnswer, error.message)
        }
    }

    /// All producers of a broker by group.
    package func producers(of address: String) async throws(AdminError) -> ProducerTable {
        try Self.decode(ProducerTable.self, try await callBroker(address, .getAllProducerInfo))
    }

    /// What a broker says of its replicas, as it came.
    package func replicationStatus(of address: String) async throws(AdminError) -> JSONValue {
        do throws(AdminError) {
            return try Self.json(try await callBroker(address, .getBrokerHaStatus))
        } catch  where error.response == .requestCodeNotSupported {
            throw AdminError(
                .refused, "\(address) has no replicas: it keeps every message on its own disk alone (\(error.message))",
                response: error.response)
        }
    }
}
