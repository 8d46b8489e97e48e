import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport
import StorageEngine

extension RequestRouter {
    /// SEND_MESSAGE (10), SEND_MESSAGE_V2 (310) and SEND_BATCH_MESSAGE (320).
    func sendMessage(
        _ request: RemotingCommand, names: SendFieldNames, from connection: RemotingServerConnection
    ) throws(RemotingCodecError) {
        let message = try SendRequest(request, names, bornHost: connection.remoteHost)
        let ticket = request.ticket
        broker.send(message) { [sendFields] outcome in
            switch outcome {
            case .stored(let receipt):
                connection.respond(
                    to: ticket, code: .success, header: SendAnswer(common: sendFields, receipt: receipt))
            case .unconfirmed(let receipt, let error):
                // Clients read where the message is with these codes, too.
                connection.respond(
                    to: ticket, code: error.code, remark: error.message,
                    header: SendAnswer(common: sendFields, receipt: receipt))
            case .refused(let error):
                connection.respond(to: ticket, code: error.code, remark: error.message, header: sendFields)
            }
        }
    }
}

/// The names of a send request's fields: words in SEND_MESSAGE, letters in its version 2 and in batches.
struct SendFieldNames: Sendable {
    let topic: StaticString
    let defaultTopic: StaticString
    let defaultTopicQueueCount: StaticString
    let queueID: StaticString
    let sysFlag: StaticString
    let bornTimestamp: StaticString
    let flag: StaticString
    let properties: StaticString
    let reconsumeTimes: StaticString
    let unitMode: StaticString
    let maxReconsumeTimes: StaticString
    let batch: StaticString

    static let long = SendFieldNames(
        topic: "topic", defaultTopic: "defaultTopic", defaultTopicQueueCount: "defaultTopicQueueNums",
        queueID: "queueId", sysFlag: "sysFlag", bornTimestamp: "bornTimestamp", flag: "flag",
        properties: "properties", reconsumeTimes: "reconsumeTimes", unitMode: "unitMode",
        maxReconsumeTimes: "maxReconsumeTimes", batch: "batch")

    static let short = SendFieldNames(
        topic: "b", defaultTopic: "c", defaultTopicQueueCount: "d", queueID: "e", sysFlag: "f", bornTimestamp: "g",
        flag: "h", properties: "i", reconsumeTimes: "j", unitMode: "k", maxReconsumeTimes: "l", batch: "m")

    var areLetters: Bool { topic.utf8CodeUnitCount == 1 }
}

extension SendRequest {
    /// Decodes straight into the typed request: this is the hot path, and the producer group is of no use here.
    init(
        _ request: borrowing RemotingCommand, _ names: SendFieldNames, bornHost: SocketHost
    ) throws(RemotingCodecError) {
        var fields = request.fields
        if names.areLetters { fields.indexLetters() }
        self.init(
            topic: try fields.string(names.topic), bornTimestampMillis: try fields.int64(names.bornTimestamp),
            bornHost: bornHost, body: request.body)
        queueID = try fields.int32(names.queueID)
        sysFlag = MessageSysFlag(rawValue: try fields.int32(names.sysFlag))
        flag = try fields.int32(names.flag)
        properties = fields.buffer(names.properties)
        reconsumeTimes = try fields.optionalInt32(names.reconsumeTimes) ?? 0
        if let name = fields.optionalString(names.defaultTopic) { defaultTopic = name }
        if let count = try fields.optionalInt32(names.defaultTopicQueueCount) { defaultTopicQueueCount = count }
        isUnitMode = fields.optionalBool(names.unitMode) ?? false
        // Older clients do not mean what they write here.
        if request.version >= ProtocolVersion.v3_4_9 {
            maxReconsumeTimes = try fields.optionalInt32(names.maxReconsumeTimes)
        }
        // The C++ client writes booleans as 0 and 1.
        isBatch = fields.optionalBool(names.batch) == true || fields.optionalString(names.batch) == "1"
    }
}

/// The header of the answer to a send, written without intermediate strings; `SendMessageResponseHeader` reads it.
struct SendAnswer: RemotingHeader {
    /// The fields of every answer to a send, refusals included.
    struct Common: RemotingHeader {
        var regionID: String
        var isTraceOn: Bool

        init(regionID: String, isTraceOn: Bool) {
            self.regionID = regionID
            self.isTraceOn = isTraceOn
        }

        init(fields: HeaderFields) throws(RemotingCodecError) {
            self.init(regionID: try fields.string("MSG_REGION"), isTraceOn: fields.optionalBool("TRACE_ON") ?? false)
        }

        func write(to writer: inout HeaderFieldWriter) {
            writer.write("MSG_REGION", regionID)
            writer.write("TRACE_ON", isTraceOn)
        }
    }

    var common: Common
    var receipt: SendReceipt

    init(common: Common, receipt: SendReceipt) {
        self.common = common
        self.receipt = receipt
    }

    init(fields: HeaderFields) throws(RemotingCodecError) {
        throw RemotingCodecError(.malformedHeader, "the answer to a send is read as SendMessageResponseHeader")
    }

    func write(to writer: inout HeaderFieldWriter) {
        switch receipt.logOffsets {
        case .one(let offset):
            OffsetMessageDigits.with(receipt.storeHost, offset) { writer.write("msgId", plain: $0) }
        case .many: writer.write("msgId", receipt.messageIDs)
        }
        writer.write("queueId", receipt.queueID)
        writer.write("queueOffset", receipt.queueOffset)
        writer.write("transactionId", receipt.uniqueKey)
        writer.write("recallHandle", receipt.recallHandle)
        common.write(to: &writer)
    }
}

/// The digits of an offset message id, made on the stack.
enum OffsetMessageDigits {
    static func with(_ host: SocketHost, _ logOffset: Int64, _ body: (UnsafeRawBufferPointer) -> Void) {
        let count = (host.byteCount + 12) * 2
        withUnsafeTemporaryAllocation(byteCount: count, alignment: 1) { digits in
            var end = 0
            func put(_ byte: UInt8) {
                digits[end] = digit(byte >> 4)
                digits[end + 1] = digit(byte & 15)
                end += 2
            }
            host.withBytes { $0.forEach(put) }
            withUnsafeBytes(of: host.port.bigEndian) { $0.forEach(put) }
            withUnsafeBytes(of: logOffset.bigEndian) { $0.forEach(put) }
            body(UnsafeRawBufferPointer(digits))
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}
