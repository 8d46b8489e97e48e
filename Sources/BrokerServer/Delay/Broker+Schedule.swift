import DeliveryEngine
import MessageModel
import NIOCore
import StorageEngine

extension Broker {
    /// The form in which a message is stored that asks for later delivery with DELAY or a TIMER property: in the queue of
    /// its level or in the timer topic, with the topic and queue that it is for among its properties. A message that asks
    /// for nothing, or for a time that has passed, comes back as it is. With a time it can be taken back by the handle.
    ///
    /// `properties` of the message are in the stored form, without separator at the end.
    func scheduled(
        _ message: StoreMessage
    ) throws(ServiceError) -> (message: StoreMessage, recallHandle: String?) {
        let plan = message.properties.withUnsafeReadableBytes {
            DelayPlan(properties: $0, nowMillis: nowMillis(), rules: configuration.delay.rules)
        }
        switch plan {
        case .none: return (message, nil)
        case .level(let level):
            var waiting = message
            waiting.topic = NameRules.scheduleTopic
            waiting.queueId = level - 1
            waiting.properties = Self.waitingProperties(
                message, removing: Self.timerNames, adding: [(PropertyName.delayLevel, String(level))])
            return (waiting, nil)
        case .timer(let outMillis): return try timed(message, outMillis: outMillis)
        case .refused(.timersAreOff):
            throw ServiceError(
                code: .systemError, message: "accurate timer message is not enabled, timerWheelEnable is false")
        case .refused(.illegalTime):
            throw ServiceError(
                code: .messageIllegal,
                message: "timer message illegal, the delay time should not be bigger than the max delay "
                    + "\(configuration.delay.timerDelayMillisMax)ms; or if set del msg, the delay time should be bigger "
                    + "than the current time")
        }
    }

    private func timed(
        _ message: StoreMessage, outMillis: Int64
    ) throws(ServiceError) -> (message: StoreMessage, recallHandle: String?) {
        guard delay.timerCount < configuration.delay.timersMax else {
            throw ServiceError(
                code: .systemError,
                message: "timer message is under flow control, max num limit is \(configuration.delay.timersMax)")
        }
        var waiting = message
        waiting.topic = NameRules.timerTopic
        waiting.queueId = 0
        waiting.properties = Self.waitingProperties(
            message, removing: [], adding: [(PropertyName.timerOutMillis, String(outMillis))])
        guard !NameRules.isRetryTopic(message.topic),
            let key = message.properties.withUnsafeReadableBytes({ bytes in
                PropertyText.find("UNIQ_KEY", in: bytes).map {
                    String(decoding: UnsafeRawBufferPointer(rebasing: bytes[$0]), as: UTF8.self)
                }
            })
        else { return (waiting, nil) }
        // Plus 1, so that rounding down gives the same slot again.
        let handle = RecallHandle(
            topic: message.topic, brokerName: configuration.brokerName, deliverMillis: outMillis + 1, messageID: key)
        return (waiting, handle.text)
    }

    private static let timerNames: [StaticString] = ["DELAY", "TIMER_DELIVER_MS", "TIMER_DELAY_SEC", "TIMER_DELAY_MS"]

    /// The properties of a message without some, and with where it is to go at the end.
    private static func waitingProperties(
        _ message: StoreMessage, removing removed: [StaticString], adding added: [(name: String, value: String)]
    ) -> ByteBuffer {
        var text = ByteBuffer()
        text.reserveCapacity(message.properties.readableBytes + message.topic.utf8.count + 64)
        message.properties.withUnsafeReadableBytes { bytes in
            PropertyText.forEachEntry(in: bytes) { name, value in
                for replaced in removed where PropertyText.isEqual(bytes, name, replaced) { return }
                for replaced in Self.targetNames where PropertyText.isEqual(bytes, name, replaced) { return }
                text.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[name.lowerBound..<value.upperBound]))
                text.writeInteger(PropertyText.valueEnd)
            }
        }
        let target = [
            (name: PropertyName.realTopic, value: message.topic),
            (name: PropertyName.realQueueId, value: String(message.queueId)),
        ]
        text.writeString(PropertyText.encode(added + target))
        // Apache stores property text without the separator at its end.
        text.moveWriterIndex(to: text.writerIndex - 1)
        return text
    }

    /// What only the broker says about a waiting message; a sender's own would send its message elsewhere.
    private static let targetNames: [StaticString] = ["REAL_TOPIC", "REAL_QID"]
}
