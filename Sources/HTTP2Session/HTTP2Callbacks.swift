import CNghttp2

// The functions nghttp2 calls. They are nonisolated and at file scope on purpose: a closure made in an actor's context would
// check its executor at every call. The user data is the session itself, unretained: it cannot go away during its own call.

private let callbackFailure = NGHTTP2_ERR_CALLBACK_FAILURE.rawValue

/// A server session of nghttp2 whose events come to the `HTTP2Session` behind `userData`.
func makeServerSession(userData: UnsafeMutableRawPointer) -> OpaquePointer? {
    var callbacks: OpaquePointer?
    var option: OpaquePointer?
    guard nghttp2_session_callbacks_new(&callbacks) == 0, nghttp2_option_new(&option) == 0 else {
        nghttp2_session_callbacks_del(callbacks)
        return nil
    }
    defer {
        nghttp2_session_callbacks_del(callbacks)
        nghttp2_option_del(option)
    }
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, onBeginFrame)
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, onBeginHeaders)
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, onHeader)
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, onFrameReceived)
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, onDataChunk)
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, onInvalidFrame)
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, onFrameSent)
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, onStreamClose)
    nghttp2_session_callbacks_set_send_data_callback(callbacks, onSendData)

    nghttp2_option_set_no_closed_streams(option, 1)
    nghttp2_option_set_max_reserved_remote_streams(option, 0)
    nghttp2_option_set_max_send_header_block_length(option, 64 << 10)
    // Our own limit on resets (AbuseLimits) answers ENHANCE_YOUR_CALM; the library's would say INTERNAL_ERROR.
    nghttp2_option_set_stream_reset_rate_limit(option, 1 << 30, 1 << 20)

    var session: OpaquePointer?
    guard nghttp2_session_server_new2(&session, callbacks, userData, option) == 0 else { return nil }
    return session
}

@inline(__always)
private func with<R>(_ userData: UnsafeMutableRawPointer?, else absent: R, _ body: (HTTP2Session) -> R) -> R {
    guard let userData else { return absent }
    return Unmanaged<HTTP2Session>.fromOpaque(userData)._withUnsafeGuaranteedRef(body)
}

private func onBeginFrame(
    _: OpaquePointer?, _ header: UnsafePointer<nghttp2_frame_hd>?, _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    guard let header else { return 0 }
    return with(userData, else: 0) { $0.frameBegan(header.pointee) ? 0 : callbackFailure }
}

private func onBeginHeaders(
    _: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    guard let frame else { return 0 }
    guard frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST else { return 0 }
    with(userData, else: ()) { $0.headersBegan(streamID: frame.pointee.hd.stream_id) }
    return 0
}

private func onHeader(
    _: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ name: OpaquePointer?, _ value: OpaquePointer?,
    _: UInt8, _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    guard let frame, let name, let value else { return 0 }
    return with(userData, else: 0) {
        $0.headerReceived(streamID: frame.pointee.hd.stream_id, name: name, value: value) ? 0 : callbackFailure
    }
}

private func onFrameReceived(
    _: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    guard let frame else { return 0 }
    with(userData, else: ()) { $0.frameReceived(frame.pointee.hd) }
    return 0
}

private func onDataChunk(
    _: OpaquePointer?, _ flags: UInt8, _ streamID: Int32, _ data: UnsafePointer<UInt8>?, _ count: Int,
    _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    with(userData, else: ()) {
        $0.dataReceived(UnsafeRawBufferPointer(start: data, count: count), flags: flags, streamID: streamID)
    }
    return 0
}

private func onInvalidFrame(
    _: OpaquePointer?, _: UnsafePointer<nghttp2_frame>?, _: Int32, _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    with(userData, else: 0) { $0.invalidFrameReceived() ? 0 : callbackFailure }
}

private func onFrameSent(
    _: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    guard let frame else { return 0 }
    let header = frame.pointee.hd
    let isReset = UInt32(header.type) == NGHTTP2_RST_STREAM.rawValue
    let resetCode = isReset ? frame.pointee.rst_stream.error_code : 0
    with(userData, else: ()) { session in
        if !session.frameSent(header, resetCode: resetCode) { session.noteExceededInOutput() }
    }
    return 0
}

private func onStreamClose(
    _: OpaquePointer?, _ streamID: Int32, _ errorCode: UInt32, _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    with(userData, else: ()) { $0.streamClosed(streamID: streamID, errorCode: errorCode) }
    return 0
}

/// Offers the next bytes of a stream's answer; ends the body and submits the trailers behind the last of them.
func http2ReadOutput(
    _: OpaquePointer?, _: Int32, _: UnsafeMutablePointer<UInt8>?, _ lengthMax: Int,
    _ flags: UnsafeMutablePointer<UInt32>?, _ source: UnsafeMutablePointer<nghttp2_data_source>?,
    _ userData: UnsafeMutableRawPointer?
) -> Int {
    let deferred = Int(NGHTTP2_ERR_DEFERRED.rawValue)
    guard let flags, let pointer = source?.pointee.ptr else { return deferred }
    return Unmanaged<HTTP2Stream>.fromOpaque(pointer)._withUnsafeGuaranteedRef { stream in
        with(userData, else: deferred) {
            $0.chunkOffered(stream, lengthMax: lengthMax, flags: &flags.pointee) ?? deferred
        }
    }
}

private func onSendData(
    _: OpaquePointer?, _: UnsafeMutablePointer<nghttp2_frame>?, _ header: UnsafePointer<UInt8>?, _ count: Int,
    _ source: UnsafeMutablePointer<nghttp2_data_source>?, _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    guard let header, let pointer = source?.pointee.ptr else { return callbackFailure }
    let isSent = Unmanaged<HTTP2Stream>.fromOpaque(pointer)._withUnsafeGuaranteedRef { stream in
        with(userData, else: false) { $0.dataSent(stream, header: header, count: count) }
    }
    return isSent ? 0 : NGHTTP2_ERR_WOULDBLOCK.rawValue
}
