import NIOCore

/// Cuts a stream of received bytes into frames and decodes their headers.
///
/// Bytes go in with `append`, commands come out of `next` until it returns nil. The first fault ends the stream: the
/// decoder then throws the same error for ever, and its owner closes the connection. It buffers at most one
/// unfinished frame, and grows only as bytes arrive, whatever the length word claims.
package struct RemotingFrameDecoder {
    private static let lengthBytes = 4

    private let frameBytesMax: Int
    /// The frame that is being received, and what came with it.
    private var pending = ByteBuffer()
    /// What came behind bytes of an unfinished frame: only what that frame lacks is copied to them.
    private var following = ByteBuffer()
    private var failure: RemotingCodecError?

    /// A decoder for one connection.
    package init(frameBytesMax: Int = RemotingFrameEncoder.frameBytesMax) {
        self.frameBytesMax = frameBytesMax
    }

    /// Bytes received but not yet part of a decoded frame.
    package var pendingByteCount: Int { pending.readableBytes + following.readableBytes }

    /// The received bytes that no frame has used yet.
    package var pendingBytes: ByteBuffer {
        if following.readableBytes == 0 { return pending }
        var all = pending
        all.writeImmutableBuffer(following)
        return all
    }

    /// Takes received bytes. Without an unfinished frame before them they are not copied.
    package mutating func append(_ bytes: ByteBuffer) {
        guard failure == nil else { return }
        if pending.readableBytes == 0 && following.readableBytes == 0 {
            pending = bytes
        } else if following.readableBytes == 0 {
            following = bytes
        } else {
            following.discardReadBytes()
            following.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole frame, or nil until more bytes arrive.
    package mutating func next() throws(RemotingCodecError) -> RemotingCommand? {
        if let failure { throw failure }
        do {
            while true {
                if let command = try decodeFrame() { return command }
                guard takeFollowing() else { return nil }
            }
        } catch {
            failure = error
            pending = ByteBuffer()
            following = ByteBuffer()
            throw error
        }
    }

    /// Moves on to what was received later, or completes the unfinished frame from it; false when there is no more.
    private mutating func takeFollowing() -> Bool {
        guard following.readableBytes > 0 else { return false }
        if pending.readableBytes == 0 {
            pending = following
            following = ByteBuffer()
            return true
        }
        let length = pending.getInteger(at: pending.readerIndex, as: UInt32.self)
        // The two length words first: they are checked before more is taken.
        let wanted =
            pending.readableBytes < 2 * Self.lengthBytes ? 2 * Self.lengthBytes : Self.lengthBytes + Int(length ?? 0)
        guard var piece = following.readSlice(length: min(wanted - pending.readableBytes, following.readableBytes))
        else { return false }
        pending.discardReadBytes()
        pending.writeBuffer(&piece)
        return true
    }

    private mutating func decodeFrame() throws(RemotingCodecError) -> RemotingCommand? {
        let start = pending.readerIndex
        guard let length = pending.getInteger(at: start, as: UInt32.self) else {
            if pending.readableBytes == 0 { pending = ByteBuffer() }
            return nil
        }
        guard length <= frameBytesMax else {
            throw RemotingCodecError(
                .frameTooLarge, "a frame of \(length) bytes, at most \(frameBytesMax) are accepted")
        }
        guard length >= 4 else {
            throw RemotingCodecError(.lyingLength, "a frame of \(length) bytes cannot hold a header")
        }
        guard let word = pending.getInteger(at: start + Self.lengthBytes, as: UInt32.self) else { return nil }
        guard let format = HeaderFormat(rawValue: UInt8(word >> 24)) else {
            throw RemotingCodecError(.unknownHeaderFormat, "header format \(word >> 24)")
        }
        let headerBytes = Int(word & 0xFF_FFFF)
        guard headerBytes <= Int(length) - 4 else {
            throw RemotingCodecError(
                .lyingLength, "a header of \(headerBytes) bytes in a frame of \(length) bytes")
        }
        guard pending.readableBytes >= Self.lengthBytes + Int(length),
            let header = pending.getSlice(at: start + 8, length: headerBytes),
            let body = pending.getSlice(at: start + 8 + headerBytes, length: Int(length) - 4 - headerBytes)
        else { return nil }
        let command = try Self.decode(header: header, body: body, format: format)
        pending.moveReaderIndex(forwardBy: Self.lengthBytes + Int(length))
        return command
    }

    private static func decode(
        header: ByteBuffer, body: ByteBuffer, format: HeaderFormat
    ) throws(RemotingCodecError) -> RemotingCommand {
        let outcome = header.withUnsafeReadableBytes { bytes -> Result<ScannedHeader, RemotingCodecError> in
            do throws(RemotingCodecError) {
                switch format {
                case .json: return .success(try JSONHeaderScanner.scan(bytes))
                case .rocketmq: return .success(try BinaryHeaderScanner.scan(bytes))
                }
            } catch {
                return .failure(error)
            }
        }
        let scanned = try outcome.get()
        return RemotingCommand(
            code: scanned.code, language: scanned.language, version: scanned.version, opaque: scanned.opaque,
            flag: scanned.flag, remark: scanned.remark, fields: HeaderFields(bytes: header, slots: scanned.slots),
            body: body, headerFormat: format)
    }
}
