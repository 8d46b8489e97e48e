import NIOCore
import ProtoMessages

@testable import ProxyServer

/// Builds requests with the writer of the product; its bytes are pinned by ProtoMessagesTests.
struct MessageSample {
    var namespace = ""
    var topic = "topic"
    var body: [UInt8] = [1]
    var properties: [(String, String)] = []
    var tag: String?
    var keys: [String] = []
    var messageID = "01ID"
    var encoding: ProtoEncoding = .identity
    var type: ProtoMessageType = .normal
    var bornMillis: Int64? = 1_700_000_000_000
    var bornHost = "client-host"
    var deliveryMillis: Int64?
    var group: String?
    var trace: String?
    var recoveryMillis: Int64?
    var priority: Int32?
    var liteTopic: String?

    func write(_ writer: inout ProtoWriter) {
        writer.message(1) {
            $0.text(1, namespace)
            $0.text(2, topic)
        }
        for (key, value) in properties {
            writer.message(2) {
                $0.text(1, key)
                $0.text(2, value)
            }
        }
        writer.message(3) { system in
            if let tag { system.explicitText(1, tag) }
            for key in keys { system.explicitText(2, key) }
            system.text(3, messageID)
            system.integer(5, Int64(encoding.rawValue))
            system.integer(6, Int64(type.rawValue))
            if let bornMillis { system.timestamp(7, millis: bornMillis) }
            system.text(8, bornHost)
            if let deliveryMillis { system.timestamp(11, millis: deliveryMillis) }
            if let group { system.explicitText(17, group) }
            if let trace { system.explicitText(18, trace) }
            if let recoveryMillis { system.duration(19, millis: recoveryMillis) }
            if let liteTopic { system.explicitText(21, liteTopic) }
            if let priority { system.explicitInteger(22, Int64(priority)) }
        }
        body.withUnsafeBytes { writer.explicitBytes(4, $0) }
    }

    /// Hands the decoded message to `run`.
    func withView<Result>(_ run: (MessageView) throws -> Result) throws -> Result {
        let arena = DecodeArena()
        var buffer = ByteBuffer()
        let propertyBytes = properties.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count + 64 }
        let keyBytes = keys.reduce(0) { $0 + $1.utf8.count + 16 }
        buffer.writeProto(
            capacity: body.count + propertyBytes + keyBytes + (trace?.utf8.count ?? 0) + (group?.utf8.count ?? 0)
                + (tag?.utf8.count ?? 0) + messageID.utf8.count + topic.utf8.count + 1_024
        ) { writer in
            writer.message(1, sizeHint: body.count + 200) { write(&$0) }
        }
        return try buffer.withUnsafeReadableBytes { bytes in
            try run(try SendMessageRequestView(bytes, in: arena).message(0))
        }
    }
}

/// A string field for the tests of helpers.
func withText<Result>(_ text: String, _ run: (ProtoText) throws -> Result) rethrows -> Result {
    let bytes = Array(text.utf8)
    return try bytes.withUnsafeBytes { try run(ProtoText($0)) }
}
