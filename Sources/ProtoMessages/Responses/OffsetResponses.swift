import NIOCore

extension ResponseEncoder {
    /// GetOffsetResponse and QueryOffsetResponse. An offset of 0 is written too.
    package static func offset(_ status: ProtoStatus, offset: Int64, into buffer: inout ByteBuffer) {
        buffer.writeProto(capacity: status.message.utf8.count + 96) { writer in
            writer.status(1, status)
            writer.explicitInteger(2, offset)
        }
    }

    /// PullMessageResponse {next_offset = 3}; its status and messages look like those of a receive.
    package static func nextOffset(_ offset: Int64, into buffer: inout ByteBuffer) {
        buffer.writeProto(capacity: 64) { $0.explicitInteger(3, offset) }
    }
}
