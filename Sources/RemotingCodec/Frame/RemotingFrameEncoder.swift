import MessageModel
import NIOCore

/// What a frame's header says besides its fields.
package struct RemotingFrameHead: Sendable {
    /// Request code or response code.
    package var code: Int32
    /// The id that pairs request and response.
    package var opaque: Int32
    /// Bit 0: response, bit 1: one-way.
    package var flag: Int32
    /// Error text of a response.
    package var remark: String?
    /// How to write the header.
    package var format: HeaderFormat
    /// The language we claim; there is no name for Swift.
    package var language: LanguageCode
    /// The version we claim.
    package var version: Int32

    /// A head with every part given.
    package init(
        code: Int32, opaque: Int32, flag: Int32, remark: String? = nil, format: HeaderFormat = .json,
        language: LanguageCode = .other, version: Int32 = ProtocolVersion.current
    ) {
        self.code = code
        self.opaque = opaque
        self.flag = flag
        self.remark = remark
        self.format = format
        self.language = language
        self.version = version
    }

    /// The head of a request.
    package static func request(
        _ code: RequestCode, opaque: Int32, isOneway: Bool = false, format: HeaderFormat = .json
    ) -> RemotingFrameHead {
        RemotingFrameHead(
            code: code.rawValue, opaque: opaque, flag: isOneway ? RemotingCommand.onewayFlag : 0, format: format)
    }

    /// The head of the answer to a request, in the request's header format.
    package static func response(
        to ticket: RequestTicket, code: ResponseCode, remark: String? = nil
    ) -> RemotingFrameHead {
        RemotingFrameHead(
            code: code.rawValue, opaque: ticket.opaque, flag: RemotingCommand.responseFlag, remark: remark,
            format: ticket.headerFormat)
    }
}

/// Writes frames straight into an output buffer. When a frame passes the limit, nothing of it stays in the buffer.
package enum RemotingFrameEncoder {
    /// The largest value of a frame's length word that Apache's peers accept.
    package static let frameBytesMax = 16_777_216
    private static let headerBytesMax = 0xFF_FFFF

    /// Writes a frame whose body is at hand.
    package static func encode(
        _ head: RemotingFrameHead, header: some RemotingHeader, body: ByteBuffer? = nil, into buffer: inout ByteBuffer
    ) throws(RemotingCodecError) {
        let frame = try open(head, into: &buffer) { header.write(to: &$0) }
        if let body { buffer.writeImmutableBuffer(body) }
        try close(frame, followingByteCount: 0, in: &buffer)
    }

    /// Writes a frame whose fields and body the caller writes in place.
    package static func encode(
        _ head: RemotingFrameHead, into buffer: inout ByteBuffer, fields: (inout HeaderFieldWriter) -> Void,
        body: (inout ByteBuffer) -> Void
    ) throws(RemotingCodecError) {
        let frame = try open(head, into: &buffer, fields: fields)
        body(&buffer)
        try close(frame, followingByteCount: 0, in: &buffer)
    }

    /// Writes all of a frame but its body, which the caller sends behind it without copying.
    package static func encode(
        _ head: RemotingFrameHead, into buffer: inout ByteBuffer, followingByteCount: Int,
        fields: (inout HeaderFieldWriter) -> Void
    ) throws(RemotingCodecError) {
        let frame = try open(head, into: &buffer, fields: fields)
        try close(frame, followingByteCount: followingByteCount, in: &buffer)
    }

    /// Writes a whole command again, fields as they are.
    package static func encode(
        _ command: RemotingCommand, into buffer: inout ByteBuffer
    ) throws(RemotingCodecError) {
        let head = RemotingFrameHead(
            code: command.code, opaque: command.opaque, flag: command.flag, remark: command.remark,
            format: command.headerFormat, language: command.language, version: command.version)
        try encode(
            head, into: &buffer, fields: { $0.write(command.fields) },
            body: { $0.writeImmutableBuffer(command.body) })
    }

    // MARK: Parts

    /// Writes length words (yet without their values) and header; returns where the frame starts.
    private static func open(
        _ head: RemotingFrameHead, into buffer: inout ByteBuffer, fields: (inout HeaderFieldWriter) -> Void
    ) throws(RemotingCodecError) -> Int {
        let start = buffer.writerIndex
        buffer.writeInteger(0 as UInt64)
        switch head.format {
        case .json: writeJSON(head, into: &buffer, fields: fields)
        case .rocketmq: writeBinary(head, into: &buffer, fields: fields)
        }
        let headerBytes = buffer.writerIndex - start - 8
        guard headerBytes <= headerBytesMax else {
            buffer.moveWriterIndex(to: start)
            throw RemotingCodecError(.frameTooLarge, "a header of \(headerBytes) bytes")
        }
        buffer.setInteger(UInt32(head.format.rawValue) << 24 | UInt32(headerBytes), at: start + 4)
        return start
    }

    private static func close(
        _ start: Int, followingByteCount: Int, in buffer: inout ByteBuffer
    ) throws(RemotingCodecError) {
        let total = buffer.writerIndex - start - 4 + followingByteCount
        guard total <= frameBytesMax else {
            buffer.moveWriterIndex(to: start)
            throw RemotingCodecError(.frameTooLarge, "a frame of \(total) bytes, at most \(frameBytesMax) may be sent")
        }
        buffer.setInteger(UInt32(total), at: start)
    }

    private static func withFieldWriter(
        _ buffer: inout ByteBuffer, _ format: HeaderFormat, _ fields: (inout HeaderFieldWriter) -> Void
    ) -> Int {
        // The buffer moves into the writer and back, so that it stays uniquely referenced and is never copied.
        var writer = HeaderFieldWriter(buffer: consume buffer, format: format)
        fields(&writer)
        let count = writer.count
        buffer = writer.takeBuffer()
        return count
    }

    private static func writeJSON(
        _ head: RemotingFrameHead, into buffer: inout ByteBuffer, fields: (inout HeaderFieldWriter) -> Void
    ) {
        buffer.writeStaticString("{\"code\":")
        writeDecimal(head.code, into: &buffer)
        if withFieldWriter(&buffer, .json, fields) > 0 { buffer.writeStaticString("}") }
        buffer.writeStaticString(",\"flag\":")
        writeDecimal(head.flag, into: &buffer)
        buffer.writeStaticString(",\"language\":\"")
        buffer.writeString(head.language.name)
        buffer.writeStaticString("\",\"opaque\":")
        writeDecimal(head.opaque, into: &buffer)
        if var remark = head.remark {
            buffer.writeStaticString(",\"remark\":\"")
            remark.withUTF8 { writeEscaped(UnsafeRawBufferPointer($0), into: &buffer) }
            buffer.writeStaticString("\"")
        }
        buffer.writeStaticString(",\"version\":")
        writeDecimal(head.version, into: &buffer)
        buffer.writeStaticString("}")
    }

    private static func writeBinary(
        _ head: RemotingFrameHead, into buffer: inout ByteBuffer, fields: (inout HeaderFieldWriter) -> Void
    ) {
        buffer.writeMultipleIntegers(
            Int16(truncatingIfNeeded: head.code), head.language.rawValue, Int16(truncatingIfNeeded: head.version),
            head.opaque, head.flag)
        if var remark = head.remark {
            remark.withUTF8 { remark in
                buffer.writeInteger(Int32(truncatingIfNeeded: remark.count))
                buffer.writeBytes(remark)
            }
        } else {
            buffer.writeInteger(0 as Int32)
        }
        let lengthIndex = buffer.writerIndex
        buffer.writeInteger(0 as Int32)
        _ = withFieldWriter(&buffer, .rocketmq, fields)
        buffer.setInteger(Int32(truncatingIfNeeded: buffer.writerIndex - lengthIndex - 4), at: lengthIndex)
    }

    private static func writeDecimal(_ value: Int32, into buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: DecimalText.byteCountMax) { space in
            guard let base = space.assumingMemoryBound(to: UInt8.self).baseAddress else { return 0 }
            return DecimalText.write(Int64(value), at: base)
        }
    }

    private static func writeEscaped(_ text: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) {
        let size = text.count + JSONText.escapeOverhead(text)
        guard size > 0 else { return }
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { space in
            guard let base = space.assumingMemoryBound(to: UInt8.self).baseAddress else { return 0 }
            return JSONText.escape(text, into: base)
        }
    }
}
