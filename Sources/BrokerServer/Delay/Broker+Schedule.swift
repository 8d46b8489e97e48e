import DeliveryEngine
import MessageModel
import NIOCore
import StorageEngine

extension Broker {
    /// The form in which a message is stored that asks for later delivery with DELAY or a TIMER property: in the queue of
    /// its level or in the timer topic, with the topic and queue that it is for among its properties. A message that asks
    /// for nothing, or for a time that has passed, comes back as it is.
    ///
    /// `properties` of the message are in the stored form, without separator at the end.
    func scheduled(_ message: StoreMessage) throws(ServiceError) -> StoreMessage {
        let plan = message.properties.withUnsafeReadableBytes {
            DelayPlan(properties: $0, nowMillis: nowMillis(), rules: configuration.delay.rules)
        }
        switch plan {
        case .none: return message
        case .level(let level):
            var waiting = message
            waiting.topic = NameRules.scheduleTopic
            waiting.queueId = level - 1
            waiting.properties = Self.waitingProperties(
                message, removing: Self.timerNames, adding: [(PropertyName.delayLevel, String(level))])
            return waiting
        case .timer:
            throw ServiceError(code: .messageIllegal, message: "timer messages are not supported yet by this broker")
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
