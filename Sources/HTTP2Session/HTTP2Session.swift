import CNghttp2
import NIOCore

/// What a session tells the layer above. Calls come from inside `receive`, `drain` and `close`, on the caller's thread;
/// answering from inside them is fine, calling `receive` or `drain` is not.
package protocol HTTP2SessionDelegate: AnyObject {
    /// A request's header fields are complete.
    func requestStarted(_ stream: HTTP2Stream)
    /// Bytes of the request's body, valid during the call. `isLastFrame` says that no DATA frame follows this one's.
    func dataReceived(_ bytes: UnsafeRawBufferPointer, isLastFrame: Bool, on stream: HTTP2Stream)
    /// The client ended its side.
    func requestEnded(_ stream: HTTP2Stream)
    /// The stream is over, for whatever reason; it must not be used afterwards.
    func streamClosed(_ stream: HTTP2Stream, errorCode: UInt32)
}

/// A server's side of one HTTP/2 connection: bytes in, bytes out, no socket and no clock.
///
/// The only owner of its nghttp2 session. The caller hands in what it read with `receive`, then takes what is to be written
/// with `drain`, never one inside the other. Flow control, header compression and stream states are nghttp2's; the bounds on
/// what a peer may do are `AbuseLimits` and the announced settings. Not thread safe: one connection, one loop.
package final class HTTP2Session {
    let configuration: HTTP2Configuration
    unowned let delegate: any HTTP2SessionDelegate
    private var handle: OpaquePointer?
    private let pool: HTTP2StreamPool
    private var openStreams = ContiguousArray<HTTP2Stream>()
    /// The stream whose header block is being read; blocks never interleave.
    private var headerStream: HTTP2Stream?
    private var limits: AbuseLimits
    private var nowMillis: Int64
    /// Where `drain` puts its bytes, set while it runs.
    private var target: UnsafeMutablePointer<ByteBuffer>?
    private var targetBytesMax = 0
    /// `drain` ended because its bound was reached in the middle of a run of DATA frames.
    private var isTargetFull = false
    private var exceeded: AbuseLimits.Event?

    /// Why the session ended, once it did so on its own.
    package private(set) var failure: HTTP2Error?
    /// Answer bytes of all streams that wait for the peer's windows or the socket.
    package private(set) var queuedBytes = 0
    /// PING acknowledgements received.
    package private(set) var pingAcknowledgements = 0

    /// A session that has its SETTINGS ready to be drained.
    package init(
        configuration: HTTP2Configuration, delegate: any HTTP2SessionDelegate, pool: HTTP2StreamPool, nowMillis: Int64
    ) throws(HTTP2Error) {
        self.configuration = configuration
        self.delegate = delegate
        self.pool = pool
        self.nowMillis = nowMillis
        limits = AbuseLimits(configuration.abuse, nowMillis: nowMillis)
        handle = makeServerSession(userData: Unmanaged.passUnretained(self).toOpaque())
        guard handle != nil else { throw HTTP2Error(code: .internalError, message: "nghttp2 session not made") }
        try submitSettings()
    }

    deinit {
        // `close` has been called by then unless the owner went away early; the delegate may be gone too.
        nghttp2_session_del(handle)
    }

    private func submitSettings() throws(HTTP2Error) {
        let entries = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
                value: configuration.concurrentStreamsMax),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                value: UInt32(configuration.streamWindowBytes)),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_FRAME_SIZE.rawValue), value: configuration.frameBytesMax),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
                value: UInt32(configuration.headerListBytesMax)),
            // Spares us the dependency tree of RFC 7540.
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES.rawValue), value: 1),
        ]
        let flags = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        guard nghttp2_submit_settings(handle, flags, entries, entries.count) == 0,
            nghttp2_session_set_local_window_size(handle, flags, 0, configuration.connectionWindowBytes) == 0
        else { throw HTTP2Error(code: .internalError, message: "settings refused by nghttp2") }
    }

    // MARK: Bytes

    /// Feeds bytes from the peer. Afterwards `drain` and look at `isFinished`.
    package func receive(_ bytes: UnsafeRawBufferPointer, nowMillis: Int64) {
        guard let handle, failure == nil else { return }
        self.nowMillis = nowMillis
        let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let read = nghttp2_session_mem_recv(handle, base, bytes.count)
        if let exceeded {
            fail(.enhanceYourCalm, "too many \(exceeded.rawValue) events", errorCode: HTTP2ErrorCode.enhanceYourCalm)
        } else if read < 0 {
            fail(libraryError: Int32(truncatingIfNeeded: read))
        }
    }

    /// Appends bytes for the peer to `buffer` until none are left or about `bytesMax` are there; true when more may follow.
    package func drain(into buffer: inout ByteBuffer, bytesMax: Int) -> Bool {
        guard let handle, nghttp2_session_want_write(handle) != 0 else { return false }
        return withUnsafeMutablePointer(to: &buffer) { target in
            self.target = target
            targetBytesMax = bytesMax
            isTargetFull = false
            defer { self.target = nil }
            while target.pointee.readableBytes < bytesMax {
                var chunk: UnsafePointer<UInt8>?
                let count = nghttp2_session_mem_send(handle, &chunk)
                if count > 0 {
                    target.pointee.writeBytes(UnsafeRawBufferPointer(start: chunk, count: count))
                } else if count == 0 {
                    return isTargetFull
                } else {
                    fail(libraryError: Int32(truncatingIfNeeded: count))
                    return false
                }
            }
            return true
        }
    }

    /// Something waits to be drained that the peer's windows allow.
    package var wantsWrite: Bool { handle.map { nghttp2_session_want_write($0) != 0 } ?? false }

    /// Nothing more will be read or written: the connection can be closed.
    package var isFinished: Bool {
        guard let handle else { return true }
        if nghttp2_session_want_write(handle) != 0 { return false }
        return failure != nil || nghttp2_session_want_read(handle) == 0
    }

    /// Number of streams open.
    package var openStreamCount: Int { openStreams.count }

    // MARK: Answers

    /// Sends the answer's header fields; a body follows.
    package func respond(on stream: HTTP2Stream, headers: HTTP2HeaderBlock) {
        guard let handle, !stream.isBodyStarted, !stream.isLocalEnded else { return }
        stream.isBodyStarted = true
        var provider = nghttp2_data_provider()
        provider.source.ptr = Unmanaged.passUnretained(stream).toOpaque()
        provider.read_callback = http2ReadOutput
        nghttp2_submit_response(handle, stream.id, headers.fields.baseAddress, headers.count, &provider)
    }

    /// Sends an answer that is header fields only.
    package func respondOnly(on stream: HTTP2Stream, headers: HTTP2HeaderBlock) {
        guard let handle, !stream.isBodyStarted, !stream.isLocalEnded else { return }
        stream.isLocalEnded = true
        nghttp2_submit_response(handle, stream.id, headers.fields.baseAddress, headers.count, nil)
    }

    /// Queues bytes of the answer's body; `respond` must have come before.
    package func append(on stream: HTTP2Stream, _ write: (inout ByteBuffer) -> Void) {
        guard handle != nil, stream.isBodyStarted, !stream.isLocalEnded else { return }
        queuedBytes += stream.enqueue(pool, write)
        resume(stream)
    }

    /// Ends the answer with trailers, after what is queued.
    package func finish(on stream: HTTP2Stream, trailers: HTTP2HeaderBlock) {
        guard handle != nil, stream.isBodyStarted, !stream.isLocalEnded else { return }
        stream.isLocalEnded = true
        stream.trailers = trailers
        resume(stream)
    }

    /// Ends the stream at once, dropping what is queued.
    package func reset(_ stream: HTTP2Stream, errorCode: UInt32) {
        guard let handle else { return }
        stream.isLocalEnded = true
        nghttp2_submit_rst_stream(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, errorCode)
    }

    private func resume(_ stream: HTTP2Stream) {
        guard stream.isDeferred else { return }
        stream.isDeferred = false
        nghttp2_session_resume_data(handle, stream.id)
    }

    // MARK: Connection

    /// Tells the peer to open no more streams here, without refusing those on their way.
    package func announceShutdown() {
        guard let handle else { return }
        nghttp2_submit_shutdown_notice(handle)
    }

    /// Refuses streams opened from now on; those open go on.
    package func refuseNewStreams() {
        guard let handle else { return }
        let last = nghttp2_session_get_last_proc_stream_id(handle)
        nghttp2_submit_goaway(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, HTTP2ErrorCode.noError, nil, 0)
    }

    /// Ends the connection: GOAWAY, then nothing more is read.
    package func terminate(errorCode: UInt32) {
        guard let handle else { return }
        nghttp2_session_terminate_session(handle, errorCode)
    }

    /// Sends a PING.
    package func ping() {
        guard let handle else { return }
        nghttp2_submit_ping(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
    }

    /// Visits the open streams; the visitor may end them.
    package func forEachOpenStream(_ body: (HTTP2Stream) -> Void) {
        for stream in openStreams { body(stream) }
    }

    /// Frees the session; every open stream is reported closed first.
    package func close() {
        guard let handle else { return }
        self.handle = nil
        headerStream = nil
        while let stream = openStreams.popLast() {
            delegate.streamClosed(stream, errorCode: HTTP2ErrorCode.cancel)
            pool.give(stream)
        }
        queuedBytes = 0
        nghttp2_session_del(handle)
    }

    private func fail(libraryError: Int32) {
        let text = nghttp2_strerror(libraryError).map { String(cString: $0) } ?? "error \(libraryError)"
        let isFlood = libraryError == NGHTTP2_ERR_FLOODED.rawValue
        fail(
            isFlood ? .enhanceYourCalm : .protocolViolation, text,
            errorCode: isFlood ? HTTP2ErrorCode.enhanceYourCalm : HTTP2ErrorCode.protocolError)
    }

    private func fail(_ code: HTTP2Error.Code, _ message: String, errorCode: UInt32) {
        guard failure == nil else { return }
        failure = HTTP2Error(code: code, message: message)
        terminate(errorCode: errorCode)
    }
}

// MARK: - Events of nghttp2, called by the functions of HTTP2Callbacks.swift

extension HTTP2Session {
    /// Counts an event; false when the connection must end.
    private func allow(_ event: AbuseLimits.Event) -> Bool {
        if limits.record(event, nowMillis: nowMillis) { return true }
        exceeded = event
        return false
    }

    func frameBegan(_ header: nghttp2_frame_hd) -> Bool {
        let isAcknowledgement = header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue: return true
        case NGHTTP2_DATA.rawValue:
            let endsStream = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
            return header.length > 0 || endsStream || allow(.emptyData)
        case NGHTTP2_RST_STREAM.rawValue: return allow(.reset)
        case NGHTTP2_PING.rawValue: return isAcknowledgement || allow(.ping)
        case NGHTTP2_SETTINGS.rawValue: return isAcknowledgement || allow(.settings)
        case NGHTTP2_PRIORITY.rawValue: return allow(.priority)
        case NGHTTP2_WINDOW_UPDATE.rawValue: return allow(.windowUpdate)
        // CONTINUATION is bounded by nghttp2; frames of unknown type are skipped before they get here.
        default: return true
        }
    }

    func headersBegan(streamID: Int32) {
        let stream = pool.take(id: streamID)
        stream.openIndex = openStreams.count
        openStreams.append(stream)
        headerStream = stream
        nghttp2_session_set_stream_user_data(handle, streamID, Unmanaged.passUnretained(stream).toOpaque())
    }

    /// False when the block is so long that the connection must end.
    func headerReceived(streamID: Int32, name: OpaquePointer, value: OpaquePointer) -> Bool {
        // Request trailers have no room here: gRPC clients send none.
        guard let stream = headerStream, stream.id == streamID else { return true }
        stream.keep(name: name, value: value, boundBytes: configuration.headerListBytesMax)
        return stream.headerListBytes <= configuration.headerListBytesMax * 4
    }

    func frameReceived(_ header: nghttp2_frame_hd) {
        let endsStream = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        switch UInt32(header.type) {
        case NGHTTP2_DATA.rawValue:
            guard endsStream, let stream = stream(header.stream_id) else { return }
            stream.isRemoteEnded = true
            delegate.requestEnded(stream)
        case NGHTTP2_HEADERS.rawValue:
            if let stream = headerStream, stream.id == header.stream_id {
                headerStream = nil
                stream.isRemoteEnded = endsStream
                delegate.requestStarted(stream)
                if endsStream { delegate.requestEnded(stream) }
            } else if endsStream, let stream = stream(header.stream_id) {
                stream.isRemoteEnded = true
                delegate.requestEnded(stream)
            }
        case NGHTTP2_PING.rawValue:
            if header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0 { pingAcknowledgements += 1 }
        default: break
        }
    }

    func dataReceived(_ bytes: UnsafeRawBufferPointer, flags: UInt8, streamID: Int32) {
        guard let stream = stream(streamID) else { return }
        let isLast = flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        delegate.dataReceived(bytes, isLastFrame: isLast, on: stream)
    }

    func invalidFrameReceived() -> Bool { allow(.invalidFrame) }

    func frameSent(_ header: nghttp2_frame_hd, resetCode: UInt32) -> Bool {
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue:
            limits.answered()
            let endsStream = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
            // A finished answer to an unfinished request: the client may stop sending (RFC 9113 8.1).
            if endsStream, let stream = stream(header.stream_id), !stream.isRemoteEnded {
                nghttp2_submit_rst_stream(
                    handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), header.stream_id, HTTP2ErrorCode.noError)
            }
            return true
        case NGHTTP2_RST_STREAM.rawValue:
            let isOurs = resetCode == HTTP2ErrorCode.noError || resetCode == HTTP2ErrorCode.cancel
            return isOurs || allow(.reset)
        default: return true
        }
    }

    func streamClosed(streamID: Int32, errorCode: UInt32) {
        guard let stream = stream(streamID) else { return }
        nghttp2_session_set_stream_user_data(handle, streamID, nil)
        if headerStream === stream { headerStream = nil }
        let index = stream.openIndex
        let last = openStreams.removeLast()
        if last !== stream {
            openStreams[index] = last
            last.openIndex = index
        }
        queuedBytes -= stream.queuedBytes
        delegate.streamClosed(stream, errorCode: errorCode)
        pool.give(stream)
    }

    /// What the next DATA frame of `stream` may hold, or nil when there is nothing yet.
    func chunkOffered(_ stream: HTTP2Stream, lengthMax: Int, flags: inout UInt32) -> Int? {
        let count = min(stream.nextChunkBytes, lengthMax)
        let isLast = stream.isLocalEnded && count == stream.queuedBytes
        guard count > 0 || (isLast && stream.trailers != nil) else {
            stream.isDeferred = true
            return nil
        }
        flags = NGHTTP2_DATA_FLAG_NO_COPY.rawValue
        if isLast, let trailers = stream.trailers {
            flags |= NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
            nghttp2_submit_trailer(handle, stream.id, trailers.fields.baseAddress, trailers.count)
        }
        return count
    }

    /// Writes one DATA frame: the nine bytes of its header, then `count` bytes of the stream's queue. False when there is no
    /// room now: nghttp2 runs through all DATA frames in one `mem_send`, so the bound of `drain` must be kept here.
    func dataSent(_ stream: HTTP2Stream, header: UnsafePointer<UInt8>, count: Int) -> Bool {
        guard let target, target.pointee.readableBytes < targetBytesMax else {
            isTargetFull = true
            return false
        }
        target.pointee.writeBytes(UnsafeRawBufferPointer(start: header, count: 9))
        stream.dequeue(count, into: &target.pointee, pool)
        queuedBytes -= count
        return true
    }

    private func stream(_ id: Int32) -> HTTP2Stream? {
        guard let pointer = nghttp2_session_get_stream_user_data(handle, id) else { return nil }
        return Unmanaged<HTTP2Stream>.fromOpaque(pointer).takeUnretainedValue()
    }

    func noteExceededInOutput() {
        guard let exceeded else { return }
        fail(.enhanceYourCalm, "too many \(exceeded.rawValue) events", errorCode: HTTP2ErrorCode.enhanceYourCalm)
    }
}
