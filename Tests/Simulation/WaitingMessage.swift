import BrokerServer
import DeliveryEngine
import MessageModel
import NIOCore
import StorageEngine

/// A message that waits, and what its producer was told of it.
struct WaitingMessage {
    enum Kind {
        /// It may not be delivered before.
        case delayed(dueMillis: Int64)
        /// A half message; its producer never decides where nil.
        case half(EndTransaction.Decision?)
    }

    let kind: Kind
    /// As it is stored until then.
    let stored: StoreMessage
    var fate = ShadowModel.Sent.Fate.open
    /// Where the waiting record is; of a half message both name it.
    var queueOffset: Int64 = -1
    var logOffset: Int64 = -1
    /// Nothing but retention may take it.
    var isDurable = false
    /// Taken by retention, or by a loss of power that may take it.
    var isGone = false
    /// Its producer asked to have it back, and when it was certain to.
    var isRecallAsked = false
    var isRecalled = false
    /// Its producer asked to end the transaction.
    var isEndAsked = false
    /// The producer was told that it ended as decided, and that is on the disk.
    var isEnded = false
    var isEndDurable = false
    /// Its copy was seen, and on the disk: where it is for, or among those given up.
    var isDelivered = false
    var isGivenUp = false

    /// A delayed message, in the queue of a level or with a time.
    static func delayed(_ id: Int, level: Int?, dueMillis: Int64, nowMillis: Int64) -> WaitingMessage {
        var properties = "UNIQ_KEY\u{1}\(id)\u{2}"
        if let level {
            properties += "DELAY\u{1}\(level)\u{2}"
        } else {
            properties += "TIMER_DELIVER_MS\u{1}\(dueMillis)\u{2}"
            properties += "TIMER_OUT_MS\u{1}\(TimerTime.outMillis(dueMillis: dueMillis))\u{2}"
        }
        properties += "REAL_TOPIC\u{1}\(WaitingServices.delayedTopic)\u{2}REAL_QID\u{1}0"
        return WaitingMessage(
            kind: .delayed(dueMillis: dueMillis),
            stored: message(
                id, level == nil ? NameRules.timerTopic : NameRules.scheduleTopic, Int32(level ?? 1) - 1, properties,
                nowMillis))
    }

    /// A half message.
    static func half(_ id: Int, _ decision: EndTransaction.Decision?, nowMillis: Int64) -> WaitingMessage {
        let properties = "UNIQ_KEY\u{1}\(id)\u{2}TRAN_MSG\u{1}true\u{2}PGROUP\u{1}\(WaitingServices.group)"
        return WaitingMessage(
            kind: .half(decision),
            stored: message(id, WaitingServices.transactionTopic, 0, properties, nowMillis))
    }

    /// The order to take a delayed message back.
    static func recall(_ id: Int, dueMillis: Int64, nowMillis: Int64) -> StoreMessage {
        let outMillis = TimerTime.outMillis(dueMillis: dueMillis)
        let properties =
            "TAGS\u{1}_RECALL_TAG_\u{2}UNIQ_KEY\u{1}\(id)\u{2}TIMER_DELIVER_MS\u{1}\(outMillis + 1)\u{2}"
            + "TIMER_DEL_UNIQKEY\u{1}\(WaitingServices.delayedTopic)+\(id)\u{2}TIMER_OUT_MS\u{1}\(outMillis)\u{2}"
            + "REAL_TOPIC\u{1}\(WaitingServices.delayedTopic)\u{2}REAL_QID\u{1}0"
        return message(id, NameRules.timerTopic, 0, properties, nowMillis)
    }

    private static func message(
        _ id: Int, _ topic: String, _ queueID: Int32, _ properties: String, _ nowMillis: Int64
    ) -> StoreMessage {
        StoreMessage(
            topic: topic, queueId: queueID, bornTimestampMillis: nowMillis,
            bornHost: SocketHost(bytes: [10, 0, 0, 1], port: 1), storeHost: WaitingServices.host,
            properties: ByteBuffer(string: properties), body: ByteBuffer(string: "waiting \(id)"))
    }

    mutating func didFlushLog() {
        if fate == .accepted { isDurable = true }
        if isEnded { isEndDurable = true }
    }
}
