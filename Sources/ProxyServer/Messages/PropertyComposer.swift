import MessageModel
import NIOCore
import ProtoMessages

/// Builds the stored form of a message: its properties as text and its flags.
enum PropertyComposer {
    /// What a message is, told by what it carries; its own word counts for transactions only.
    static func kind(of message: MessageView) -> TopicMessageType {
        if message.messageType == .transaction { return .transaction }
        if message.deliveryTimestamp.millis != nil { return .delay }
        if let group = message.messageGroup, !group.isEmpty { return .fifo }
        if message.priority != nil { return .priority }
        if let lite = message.liteTopic, !lite.isEmpty { return .lite }
        return .normal
    }

    /// A stored message has 15 bits for the length of its properties.
    static let bytesMax = Int(Int16.max)

    /// The keys' separators and the system's own properties count too, which the limits of a message leave out.
    static let tooLong = ProxyError(
        .messagePropertiesTooLarge, "the stored form of all properties has more than \(bytesMax) bytes")

    /// Flags of the stored message.
    static func sysFlag(of message: MessageView, _ kind: TopicMessageType) -> MessageSysFlag {
        var flag: MessageSysFlag = []
        if message.bodyEncoding == .gzip { flag.insert(.compressed) }
        if kind == .transaction { flag.insert(.transactionPrepared) }
        return flag
    }

    /// Appends the properties' text form. The message has passed validation.
    static func write(
        _ message: MessageView, kind: TopicMessageType, topic: String, remoteAddress: String,
        into buffer: inout ByteBuffer
    ) {
        var writer = PairWriter(buffer: consume buffer)
        for index in 0..<message.propertyEntryCount where !message.isPropertyReplaced(index) {
            writer.pair(message.propertyKey(index), message.propertyValue(index))
        }
        if let tag = message.tag { writer.pair("TAGS", tag) }
        if message.keyCount > 0 {
            writer.name("KEYS")
            for index in 0..<message.keyCount {
                if index > 0 { writer.blank() }
                writer.value(message.key(index).bytes)
            }
            writer.end()
        }
        writer.pair("UNIQ_KEY", message.messageID)
        switch kind {
        case .transaction:
            writer.pair("TRAN_MSG", "true")
            if let millis = message.orphanedTransactionRecoveryMillis, millis > 0 {
                writer.pair("CHECK_IMMUNITY_TIME_IN_SECONDS", millis / 1000)
            }
        case .delay: break
        default: break
        }
        if let millis = message.deliveryTimestamp.millis { writer.pair("TIMER_DELIVER_MS", millis) }
        writer.pair("PGROUP", topic)
        if let group = message.messageGroup { writer.pair("__SHARDINGKEY", group) }
        if let priority = message.priority { writer.pair("_SYS_MSG_PRIORITY_", Int64(priority)) }
        if let lite = message.liteTopic { writer.pair("__LITE_TOPIC", lite) }
        if let trace = message.traceContext { writer.pair("TRACE_CONTEXT", trace) }
        let bornHost = message.bornHost
        if bornHost.isEmpty || bornHost.hasControlCharacter || bornHost.count > 255 {
            writer.pair("__BORNHOST", remoteAddress)
        } else {
            writer.pair("__BORNHOST", bornHost)
        }
        if let born = message.bornTimestamp.millis { writer.pair("BORN_TIMESTAMP", born) }
        buffer = writer.takeBuffer()
    }
}

/// Writes `name 0x01 value 0x02`. A pair without a value is left out: readers drop it anyway.
private struct PairWriter {
    private var buffer: ByteBuffer

    init(buffer: consuming ByteBuffer) {
        self.buffer = buffer
    }

    consuming func takeBuffer() -> ByteBuffer { buffer }

    mutating func name(_ name: StaticString) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: name.utf8CodeUnitCount + 1) { space in
            guard let base = space.baseAddress else { return 0 }
            base.copyMemory(from: name.utf8Start, byteCount: name.utf8CodeUnitCount)
            base.storeBytes(of: PropertyText.nameEnd, toByteOffset: name.utf8CodeUnitCount, as: UInt8.self)
            return name.utf8CodeUnitCount + 1
        }
    }

    mutating func value(_ value: UnsafeRawBufferPointer) { buffer.writeBytes(value) }

    mutating func blank() { buffer.writeInteger(0x20 as UInt8) }

    mutating func end() { buffer.writeInteger(PropertyText.valueEnd) }

    mutating func pair(_ name: ProtoText, _ value: ProtoText) {
        guard !value.isEmpty else { return }
        let size = name.count + value.count + 2
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { space in
            guard let base = space.baseAddress, let from = name.bytes.baseAddress,
                let valueFrom = value.bytes.baseAddress
            else { return 0 }
            base.copyMemory(from: from, byteCount: name.count)
            base.storeBytes(of: PropertyText.nameEnd, toByteOffset: name.count, as: UInt8.self)
            (base + name.count + 1).copyMemory(from: valueFrom, byteCount: value.count)
            base.storeBytes(of: PropertyText.valueEnd, toByteOffset: size - 1, as: UInt8.self)
            return size
        }
    }

    mutating func pair(_ name: StaticString, _ value: ProtoText) {
        pair(ProtoText(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)), value)
    }

    mutating func pair(_ name: StaticString, _ value: String) {
        guard !value.isEmpty else { return }
        self.name(name)
        buffer.writeString(value)
        end()
    }

    mutating func pair(_ name: StaticString, _ value: StaticString) {
        pair(name, ProtoText(UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount)))
    }

    mutating func pair(_ name: StaticString, _ value: Int64) {
        self.name(name)
        buffer.writeDecimal(value)
        end()
    }
}

extension ByteBuffer {
    /// Appends a number as decimal text.
    mutating func writeDecimal(_ value: Int64) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: 20) { space in
            guard let base = space.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return 0 }
            var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
            return withUnsafeMutableBytes(of: &digits) { scratch in
                var rest = value.magnitude
                var count = 0
                repeat {
                    scratch[count] = UInt8(truncatingIfNeeded: rest % 10) + 0x30
                    rest /= 10
                    count += 1
                } while rest > 0
                if value < 0 {
                    scratch[count] = UInt8(ascii: "-")
                    count += 1
                }
                for index in 0..<count { base[index] = scratch[count - 1 - index] }
                return count
            }
        }
    }
}
