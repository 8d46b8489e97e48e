import NIOCore

/// One message inside the body of SEND_BATCH_MESSAGE.
package struct BatchMessage: Sendable, Hashable {
    /// Size, kind, check sum, flag, body length, properties length.
    private static let fixedBytes = 22

    /// The user's flag.
    package var flag: Int32
    /// The body.
    package var body: ByteBuffer
    /// The property string.
    package var properties: ByteBuffer

    /// A message for a batch.
    package init(flag: Int32, body: ByteBuffer, properties: ByteBuffer) {
        self.flag = flag
        self.body = body
        self.properties = properties
    }

    /// Takes a batch apart, into at most `countMax` messages; bodies and properties are slices.
    package static func decode(_ batch: ByteBuffer, countMax: Int) throws(RemotingCodecError) -> [BatchMessage] {
        var rest = batch
        var messages: [BatchMessage] = []
        while rest.readableBytes > 0 {
            guard messages.count < countMax else {
                throw RemotingCodecError(.malformedRecord, "a batch of more than \(countMax) messages")
            }
            guard let size = rest.getInteger(at: rest.readerIndex, as: Int32.self), size >= fixedBytes,
                let bytes = rest.readSlice(length: Int(size))
            else {
                throw RemotingCodecError(.malformedRecord, "the size of a message does not fit into its batch")
            }
            messages.append(try BatchMessage(bytes))
        }
        return messages
    }

    private init(_ bytes: ByteBuffer) throws(RemotingCodecError) {
        var reader = RecordReader(bytes)
        _ = try reader.skip(12)
        flag = try reader.take(Int32.self)
        let bodyRange = try reader.skip(Int(try reader.take(Int32.self)))
        let propertiesRange = try reader.skip(Int(try reader.take(Int16.self)))
        guard reader.isAtEnd,
            let body = bytes.getSlice(at: bytes.readerIndex + bodyRange.lowerBound, length: bodyRange.count),
            let properties = bytes.getSlice(
                at: bytes.readerIndex + propertiesRange.lowerBound, length: propertiesRange.count)
        else {
            throw RemotingCodecError(.malformedRecord, "a message is shorter than its size in the batch")
        }
        self.body = body
        self.properties = properties
    }

    /// Writes the message at the end of a batch; its properties must fit into 32767 bytes.
    package func write(to batch: inout ByteBuffer) throws(RemotingCodecError) {
        guard let propertiesLength = Int16(exactly: properties.readableBytes),
            let size = Int32(exactly: Self.fixedBytes + body.readableBytes + properties.readableBytes)
        else {
            throw RemotingCodecError(.malformedRecord, "\(properties.readableBytes) bytes of properties are too many")
        }
        batch.writeMultipleIntegers(size, 0 as Int32, 0 as Int32, flag, Int32(clamping: body.readableBytes))
        batch.writeImmutableBuffer(body)
        batch.writeInteger(propertiesLength)
        batch.writeImmutableBuffer(properties)
    }
}
