import DeliveryEngine
import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine

/// A message that waits in the schedule or timer topic, as read from there.
struct DelayedMessage {
    let record: MessageRecord
    /// The topic that it is for.
    let realTopic: String
    /// The queue that it is for.
    let realQueueID: Int32

    /// Nil for a record that does not say where to deliver it, or that names a topic where nothing may be delivered: it
    /// was not written by a broker.
    init?(_ record: MessageRecord) {
        guard let topic = record.property("REAL_TOPIC"), let queue = record.property("REAL_QID"),
            let queueID = Int32(queue), queueID >= 0, !topic.isEmpty,
            topic.utf8.count <= NameRules.derivedTopicLengthMax,
            topic != NameRules.halfTopic, topic != NameRules.scheduleTopic, topic != LedgerJournal.topic
        else { return nil }
        self.record = record
        realTopic = topic
        realQueueID = queueID
    }

    /// The message to deliver: everything as the producer sent it. Apache keeps the properties of the waiting message,
    /// REAL_TOPIC and DELAY included (store.md 11), and so do we: consumers of both then see the same.
    func copy(properties: ByteBuffer? = nil) -> StoreMessage {
        let born = record.bornHost
        let store = record.storeHost
        return StoreMessage(
            topic: realTopic, queueId: realQueueID, flag: record.flag, sysFlag: record.sysFlag,
            bornTimestampMillis: record.bornTimestampMillis,
            bornHost: SocketHost(bytes: born.address, port: born.port),
            storeHost: SocketHost(bytes: store.address, port: store.port), reconsumeTimes: record.reconsumeTimes,
            properties: properties ?? record.properties, body: record.body)
    }

    /// What a copy of it has in common with it.
    var identity: DeliveredCopies.Identity {
        DeliveredCopies.Identity(
            topic: realTopic, queueID: realQueueID, uniqueKey: record.property("UNIQ_KEY") ?? "",
            bornTimestampMillis: record.bornTimestampMillis, reconsumeTimes: record.reconsumeTimes,
            delay: record.property("TIMER_OUT_MS") ?? record.property("DELAY") ?? "")
    }

    /// Whether a record of the log is a copy that was delivered.
    var isDeliveredCopy: Bool { record.topic == realTopic && record.queueId == realQueueID }
}
