import NIOCore

/// Bytes of a log on their way from a master to a replica; none for a sign of life.
///
/// On the wire: 8 bytes log offset and 4 bytes length, big-endian, then the bytes (DefaultHAConnection and DefaultHAClient).
/// The other way go 8 bytes each, the end of the replica's log: ``ReplicaReport``.
package struct LogTransfer: Sendable, Equatable {
    /// Where the bytes lie in the log.
    package var offset: Int64
    /// The bytes.
    package var bytes: ByteBuffer

    /// Bytes before those of the log.
    package static let headBytes = 12
    /// Most bytes in one transfer that are taken; Apache's masters send 32 KB (`haTransferBatchSize`).
    package static let bytesMax = 16 << 20

    /// A transfer.
    package init(offset: Int64, bytes: ByteBuffer) {
        self.offset = offset
        self.bytes = bytes
    }

    /// Writes what stands before the bytes.
    package static func writeHead(offset: Int64, count: Int, to buffer: inout ByteBuffer) {
        buffer.writeInteger(offset)
        buffer.writeInteger(Int32(clamping: count))
    }
}

/// Finds transfers in the bytes of a connection to a master.
package struct LogTransferDecoder: Sendable {
    private var buffer = ByteBuffer()

    /// A decoder at the start of a connection.
    package init() {}

    /// Takes bytes as they came.
    package mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            var bytes = bytes
            buffer.discardReadBytes()
            buffer.writeBuffer(&bytes)
        }
    }

    /// The next whole transfer; nil until more bytes come.
    package mutating func next() throws(RemotingCodecError) -> LogTransfer? {
        let start = buffer.readerIndex
        guard let offset = buffer.getInteger(at: start, as: Int64.self),
            let count = buffer.getInteger(at: start + 8, as: Int32.self)
        else { return nil }
        guard offset >= 0, count >= 0, Int(count) <= LogTransfer.bytesMax else {
            throw RemotingCodecError(.malformedBody, "\(count) bytes at \(offset) of the log are no transfer")
        }
        guard let bytes = buffer.getSlice(at: start + LogTransfer.headBytes, length: Int(count)) else { return nil }
        buffer.moveReaderIndex(forwardBy: LogTransfer.headBytes + Int(count))
        return LogTransfer(offset: offset, bytes: bytes)
    }
}

/// What a replica tells its master: where its log ends.
package enum ReplicaReport {
    /// Bytes of one report.
    package static let bytes = 8

    /// A report.
    package static func encode(logEnd: Int64) -> ByteBuffer { ByteBuffer(integer: logEnd) }
}

/// Finds the newest report in the bytes of a connection from a replica.
package struct ReplicaReportDecoder: Sendable {
    private var rest = ByteBuffer()

    /// A decoder at the start of a connection.
    package init() {}

    /// The newest report that is complete with these bytes; nil when none is.
    package mutating func newest(in bytes: ByteBuffer) -> Int64? {
        var bytes = bytes
        rest.writeBuffer(&bytes)
        var newest: Int64?
        while let logEnd = rest.readInteger(as: Int64.self) { newest = logEnd }
        rest.discardReadBytes()
        return newest
    }
}
