import NIOCore

/// One producing connection. Bound to the loop of the run.
protocol MessageSender: AnyObject {
    /// Sends a message; the completion runs once, with nil or the code of the failure.
    func send(_ message: OutgoingMessage, completion: @escaping (_ failure: String?) -> Void)
    func close()
}

/// One consuming connection. Bound to the loop of the run.
protocol MessageReceiver: AnyObject {
    /// Receives, hands over and acknowledges until `stop`.
    func start(_ sink: any ReceiveSink)
    func stop()
}

/// Takes what receivers get.
protocol ReceiveSink: AnyObject {
    func received(_ body: ByteBuffer)
    func receiveFailed(_ code: String)
}

/// A message to send.
struct OutgoingMessage {
    var topic: String
    /// The place of the topic among those of the run.
    var topicIndex: Int
    var stamp: MessageStamp
    /// The number of the message group; nil unless FIFO.
    var fifoGroup: Int?
    /// When it is due, milliseconds since 1970; nil unless DELAY.
    var deliveryMillis: Int64?
    var body: ByteBuffer

    /// An id as the v5 SDKs make them: version 1, then run, producer and sequence in hexadecimal digits.
    var id: String {
        "01" + Self.hex(stamp.run ?? 0) + Self.hex(UInt64(stamp.producer) << 48 | stamp.sequence)
    }

    private static func hex(_ value: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { digits in
            for index in 0..<16 {
                let nibble = UInt8(truncatingIfNeeded: value >> UInt64(60 - index * 4)) & 0xF
                digits[index] = nibble < 10 ? nibble + 0x30 : nibble + 0x37
            }
            return 16
        }
    }
}

/// Why a run could not be made or ended early, in a sentence for people.
package struct LoadFailure: Error, CustomStringConvertible {
    package var message: String

    package var description: String { message }
}
