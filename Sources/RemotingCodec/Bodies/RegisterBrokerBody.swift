import MessageModel
import NIOCore

/// The request body of REGISTER_BROKER: a broker's topics.
package struct RegisterBrokerBody: JSONBody, Hashable {
    /// The topics.
    package var topicTable: TopicConfigTable
    /// Legacy filter servers.
    package var filterServers: [String]

    /// Compressed bodies may grow to this.
    private static let inflatedBytesMax = 64 * 1024 * 1024

    /// A broker's topics.
    package init(topicTable: TopicConfigTable, filterServers: [String] = []) {
        self.topicTable = topicTable
        self.filterServers = filterServers
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "register body")
        self.init(
            topicTable: try TopicConfigTable(json: fields.value("topicConfigSerializeWrapper") ?? [:]),
            filterServers: try fields.texts("filterServerList"))
    }

    /// The JSON form.
    package var json: JSONValue {
        ["filterServerList": .texts(filterServers), "topicConfigSerializeWrapper": topicTable.json]
    }

    /// Reads a body in whichever form the broker sent: check sum first, then the compressed form, the JSON form or,
    /// from very old brokers, the topic table alone.
    package init(
        decoding body: ByteBuffer, header: RegisterBrokerRequestHeader, senderVersion: Int32
    ) throws(RemotingCodecError) {
        if let expected = header.bodyCrc32, expected != 0 {
            let found = body.withUnsafeReadableBytes { Zlib.checkSum($0) }
            guard found == expected else {
                throw RemotingCodecError(.malformedBody, "check sum \(found) of the register body, not \(expected)")
            }
        }
        if senderVersion < ProtocolVersion.v3_0_11 {
            self.init(topicTable: try TopicConfigTable(decoding: body))
        } else if header.isCompressed == true {
            try self.init(compressed: body, hasMappings: senderVersion >= ProtocolVersion.v5_0_0)
        } else if body.readableBytes == 0 {
            self.init(topicTable: TopicConfigTable())
        } else {
            try self.init(decoding: body)
        }
    }

    // MARK: Compressed form

    /// Reads the compressed form.
    package init(compressed body: ByteBuffer, hasMappings: Bool) throws(RemotingCodecError) {
        var plain = try Zlib.inflate(body, byteCountMax: Self.inflatedBytesMax)
        self.init(topicTable: TopicConfigTable())
        topicTable.dataVersion = try DataVersion(decoding: try Self.takeText(&plain))
        for _ in 0..<(try Self.takeCount(&plain)) {
            let text = String(buffer: try Self.takeText(&plain))
            let topic = try Self.modelled { () throws(ModelError) in try TopicConfig(compactText: text) }
            topicTable.topics[topic.name] = topic
        }
        filterServers = (try Self.takeJSON(&plain).elements ?? []).compactMap(\.text)
        guard hasMappings, plain.readableBytes > 0 else { return }
        var mappings = JSONObject()
        for _ in 0..<(try Self.takeCount(&plain)) {
            let mapping = try Self.takeJSON(&plain)
            if let topic = mapping.members?["topic"]?.text { mappings.append(topic, mapping) }
        }
        if !mappings.isEmpty { topicTable.mappings.append("topicQueueMappingInfoMap", .object(mappings)) }
    }

    /// The compressed form.
    package func encodeCompressed(withMappings: Bool) -> ByteBuffer {
        var plain = ByteBuffer()
        Self.putText(topicTable.dataVersion.json.serialize(), &plain)
        let topics = topicTable.topics.values.sorted { $0.name < $1.name }
        plain.writeInteger(Int32(clamping: topics.count))
        for topic in topics { Self.putText(Array(topic.compactText.utf8), &plain) }
        Self.putText(JSONValue.texts(filterServers).serialize(), &plain)
        if withMappings {
            let mappings = topicTable.mappings["topicQueueMappingInfoMap"]?.members ?? JSONObject()
            plain.writeInteger(Int32(clamping: mappings.count))
            for mapping in mappings { Self.putText(mapping.value.serialize(unquotedIntegerKeys: true), &plain) }
        }
        return Zlib.deflate(plain, level: 9)
    }

    private static func putText(_ text: [UInt8], _ buffer: inout ByteBuffer) {
        buffer.writeInteger(Int32(clamping: text.count))
        buffer.writeBytes(text)
    }

    private static func takeCount(_ buffer: inout ByteBuffer) throws(RemotingCodecError) -> Int {
        guard let count = buffer.readInteger(as: Int32.self), count >= 0, Int(count) <= buffer.readableBytes else {
            throw RemotingCodecError(.malformedBody, "a count inside the compressed register body is out of range")
        }
        return Int(count)
    }

    private static func takeText(_ buffer: inout ByteBuffer) throws(RemotingCodecError) -> ByteBuffer {
        let count = try takeCount(&buffer)
        guard let text = buffer.readSlice(length: count) else {
            throw RemotingCodecError(.malformedBody, "the compressed register body ends early")
        }
        return text
    }

    private static func takeJSON(_ buffer: inout ByteBuffer) throws(RemotingCodecError) -> JSONValue {
        let text = try takeText(&buffer)
        return try modelled { () throws(ModelError) in try JSONValue(parsing: text.readableBytesView) }
    }

    /// Turns an error about a value into one about the body.
    private static func modelled<Value>(
        _ read: () throws(ModelError) -> Value
    ) throws(RemotingCodecError) -> Value {
        do throws(ModelError) {
            return try read()
        } catch {
            throw RemotingCodecError(.malformedBody, error.message)
        }
    }
}
