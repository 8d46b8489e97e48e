import AdminClient
import MessageModel
import NIOCore
import RemotingCodec

/// Stored messages in words and as JSON.
enum MessageText {
    /// The id by store host and log offset.
    static func id(_ record: MessageRecord) -> String {
        OffsetMessageId(host: record.storeHost.address, port: record.storeHost.port, logOffset: record.logOffset).text
    }

    /// The body as text.
    static func body(_ record: MessageRecord) -> String { String(buffer: record.unpackedBody) }

    /// The properties by name.
    static func properties(_ record: MessageRecord) -> [String: String] {
        PropertyText.dictionary(String(buffer: record.properties))
    }

    private static func text(of properties: [String: String]) -> String {
        "{\(properties.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ", "))}"
    }

    /// `MessageQueue [topic=T, brokerName=broker-a, queueId=0]`
    static func queue(_ queue: MessageQueue) -> String {
        "MessageQueue [topic=\(queue.topic), brokerName=\(queue.brokerName), queueId=\(queue.queueId)]"
    }

    /// What came of a send, as clients print it.
    static func line(_ sent: AdminClient.SentMessage, topic: String) -> String {
        "SendResult [sendStatus=SEND_OK, msgId=\(sent.uniqueKey ?? sent.messageId), offsetMsgId=\(sent.messageId), "
            + "messageQueue=\(queue(place(of: sent, topic))), queueOffset=\(sent.queueOffset)]"
    }

    /// The same as JSON.
    static func json(_ sent: AdminClient.SentMessage, topic: String) -> JSONValue {
        [
            "sendStatus": "SEND_OK", "msgId": .string(sent.uniqueKey ?? sent.messageId),
            "offsetMsgId": .string(sent.messageId), "messageQueue": place(of: sent, topic).json,
            "queueOffset": .integer(sent.queueOffset),
        ]
    }

    private static func place(of sent: AdminClient.SentMessage, _ topic: String) -> MessageQueue {
        MessageQueue(topic: topic, brokerName: sent.brokerName, queueId: sent.queueId)
    }

    /// The members of a message with names, for one below the other.
    static func fields(_ record: MessageRecord) -> [(name: String, text: String)] {
        [
            ("OffsetID", id(record)), ("Topic", record.topic), ("Tags", "[\(record.property("TAGS") ?? "null")]"),
            ("Keys", "[\(record.property("KEYS") ?? "null")]"), ("Queue ID", "\(record.queueId)"),
            ("Queue Offset", "\(record.queueOffset)"), ("CommitLog Offset", "\(record.logOffset)"),
            ("Reconsume Times", "\(record.reconsumeTimes)"),
            ("Born Timestamp", LocalTime.text(millis: record.bornTimestampMillis)),
            ("Store Timestamp", LocalTime.text(millis: record.storeTimestampMillis)),
            ("Born Host", "\(record.bornHost)"), ("Store Host", "\(record.storeHost)"),
            ("System Flag", "\(record.sysFlag.rawValue)"), ("Properties", text(of: properties(record))),
            ("Message Body", body(record)),
        ]
    }

    /// One line, as printMsg shows a message.
    static func line(_ record: MessageRecord, brokerName: String, showsBody: Bool) -> String {
        let properties = properties(record)
        let id = properties["UNIQ_KEY"] ?? id(record)
        return "MSGID: \(id) MessageExt [brokerName=\(brokerName), queueId=\(record.queueId), "
            + "storeSize=\(record.byteCount), queueOffset=\(record.queueOffset), sysFlag=\(record.sysFlag.rawValue), "
            + "bornTimestamp=\(record.bornTimestampMillis), bornHost=/\(record.bornHost), "
            + "storeTimestamp=\(record.storeTimestampMillis), storeHost=/\(record.storeHost), "
            + "msgId=\(self.id(record)), commitLogOffset=\(record.logOffset), bodyCRC=\(record.bodyCheckSum), "
            + "reconsumeTimes=\(record.reconsumeTimes), "
            + "preparedTransactionOffset=\(record.preparedTransactionOffset), toString()=Message{topic='\(record.topic)', "
            + "flag=\(record.flag), properties=\(text(of: properties))}] "
            + "BODY: \(showsBody ? body(record) : "NOT PRINT BODY")"
    }

    /// What groups made of a message, one a line.
    static func lines(_ tracks: Result<[MessageTrack], AdminError>) -> [String] {
        switch tracks {
        case .failure(let error): ["WARN: the broker does not tell who consumed it: \(error)"]
        case .success([]): ["WARN: No Consumer"]
        case .success(let tracks):
            tracks.map {
                "MessageTrack [consumerGroup=\($0.group), trackType=\($0.kind.rawValue), "
                    + "exceptionDesc=\($0.failure ?? "null")]"
            }
        }
    }

    /// The members as JSON, with what groups made of the message.
    static func json(_ record: MessageRecord, tracks: Result<[MessageTrack], AdminError>) -> JSONValue {
        var object = json(record).members ?? JSONObject()
        let list = (try? tracks.get())?.map { track -> JSONValue in
            [
                "consumerGroup": .string(track.group), "trackType": .string(track.kind.rawValue),
                "exceptionDesc": track.failure.map { .string($0) } ?? .null,
            ]
        }
        object.append("messageTracks", list.map { .array($0) } ?? .null)
        return .object(object)
    }

    /// The members as JSON.
    static func json(_ record: MessageRecord, showsBody: Bool = true) -> JSONValue {
        var object: JSONObject = [
            "msgId": .string(id(record)), "topic": .string(record.topic), "queueId": .integer(Int64(record.queueId)),
            "queueOffset": .integer(record.queueOffset), "commitLogOffset": .integer(record.logOffset),
            "reconsumeTimes": .integer(Int64(record.reconsumeTimes)),
            "bornTimestamp": .integer(record.bornTimestampMillis),
            "storeTimestamp": .integer(record.storeTimestampMillis),
            "properties": .object(JSONObject(sorted: properties(record)) { .string($0) }),
        ]
        if showsBody { object.append("body", .string(body(record))) }
        return .object(object)
    }
}
