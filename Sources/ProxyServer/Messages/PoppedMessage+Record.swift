import MessageModel
import NIOCore

extension PoppedMessage {
    /// Size of the parts before the born host.
    private static let fixedBytes = 48

    /// Reads the stored record at the start of `bytes[from...]`; answers its size too. `nil` when the bytes are no record.
    ///
    /// The same form in the log and in the answers of brokers; `isRetryTopic` and the kind are told by its topic.
    package static func read(
        _ bytes: UnsafeRawBufferPointer, from start: Int
    ) -> (message: PoppedMessage, topicKind: PopTopicKind, byteCount: Int)? {
        var reader = Reader(bytes: bytes, index: start)
        guard let size = reader.int32(), size >= fixedBytes, start + Int(size) <= bytes.count,
            let magic = reader.int32(), reader.skip(4) != nil, let queueId = reader.int32(), reader.skip(4) != nil,
            let queueOffset = reader.int64(), let logOffset = reader.int64(), let rawFlag = reader.int32(),
            let bornMillis = reader.int64()
        else { return nil }
        let isLongTopic = UInt32(bitPattern: magic) == 0xDAA3_20AB
        guard isLongTopic || UInt32(bitPattern: magic) == 0xDAA3_20A7 else { return nil }
        let sysFlag = MessageSysFlag(rawValue: rawFlag)
        guard let bornHost = reader.host(isIPv6: sysFlag.contains(.bornHostV6)), let storeMillis = reader.int64(),
            let storeHost = reader.host(isIPv6: sysFlag.contains(.storeHostV6)), let reconsumeTimes = reader.int32(),
            reader.skip(8) != nil, let bodyCount = reader.int32(), let body = reader.skip(Int(bodyCount)),
            let topicCount = isLongTopic ? reader.int16().map(Int.init) : reader.int8().map(Int.init),
            let topic = reader.skip(topicCount), let propertyCount = reader.int16(),
            let properties = reader.skip(Int(propertyCount)), reader.index <= start + Int(size)
        else { return nil }
        let kind = topicKind(UnsafeRawBufferPointer(rebasing: bytes[topic]))
        let message = PoppedMessage(
            body: body, properties: properties, sysFlag: sysFlag, queueId: queueId, queueOffset: queueOffset,
            logOffset: logOffset, bornMillis: bornMillis, storeMillis: storeMillis, bornHost: bornHost,
            storeHost: storeHost, reconsumeTimes: reconsumeTimes, checkpoint: nil)
        return (message, kind, Int(size))
    }

    /// Reads records that stand back to back; `nil` when the bytes are something else.
    package static func readAll(_ bytes: UnsafeRawBufferPointer) -> [PoppedMessage]? {
        var messages: [PoppedMessage] = []
        var index = 0
        while index < bytes.count {
            guard let record = read(bytes, from: index) else { return nil }
            messages.append(record.message)
            index += record.byteCount
        }
        return messages
    }

    private static func topicKind(_ topic: UnsafeRawBufferPointer) -> PopTopicKind {
        guard topic.starts(with: NameRules.retryPrefix.utf8) else { return .normal }
        return topic.contains(UInt8(ascii: "+")) ? .retryV2 : .retryV1
    }

    private struct Reader {
        let bytes: UnsafeRawBufferPointer
        var index: Int

        private mutating func load<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
            let size = MemoryLayout<Number>.size
            guard index >= 0, bytes.count - index >= size else { return nil }
            defer { index += size }
            return Number(bigEndian: bytes.loadUnaligned(fromByteOffset: index, as: Number.self))
        }

        mutating func int8() -> UInt8? { load(UInt8.self) }
        mutating func int16() -> Int16? { load(Int16.self) }
        mutating func int32() -> Int32? { load(Int32.self) }
        mutating func int64() -> Int64? { load(Int64.self) }

        mutating func skip(_ count: Int) -> Range<Int>? {
            guard count >= 0, count <= bytes.count - index else { return nil }
            defer { index += count }
            return index..<index + count
        }

        mutating func host(isIPv6: Bool) -> StoredHost? {
            if isIPv6 {
                guard let high = load(UInt64.self), let low = load(UInt64.self), let port = int32() else { return nil }
                return StoredHost(high: high, low: low, isIPv6: true, port: port)
            }
            guard let address = load(UInt32.self), let port = int32() else { return nil }
            return StoredHost(high: UInt64(address) << 32, port: port)
        }
    }
}
