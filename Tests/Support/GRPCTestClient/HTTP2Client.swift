import CNghttp2
import NIOCore

/// A client's side of an HTTP/2 connection for tests: bytes in, bytes out, everything received kept for inspection.
package final class HTTP2Client {
    /// What has come back on one stream.
    package struct Answer {
        /// The answer's header fields in order.
        package var headers: [(name: String, value: String)] = []
        /// The fields behind the body, or those of an answer without one.
        package var trailers: [(name: String, value: String)] = []
        /// The body as it came.
        package var body: [UInt8] = []
        /// The server ended its side.
        package var isEnded = false
        /// The code the stream closed with, once it has closed.
        package var closeCode: UInt32?

        /// The first field of this name, trailers first.
        package func field(_ name: String) -> String? {
            trailers.first { $0.name == name }?.value ?? headers.first { $0.name == name }?.value
        }

        /// The `grpc-status`, if one came.
        package var grpcStatus: Int? { field("grpc-status").flatMap { Int($0) } }

        /// The whole gRPC messages in the body.
        package var messages: [[UInt8]] {
            var messages: [[UInt8]] = []
            var rest = body[...]
            while rest.count >= 5 {
                let length = rest.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
                guard rest.count >= 5 + length else { break }
                messages.append(Array(rest.dropFirst(5).prefix(length)))
                rest = rest.dropFirst(5 + length)
            }
            return messages
        }
    }

    /// A request body in the making.
    fileprivate final class Upload {
        var bytes: [UInt8] = []
        var sent = 0
        var isEnded = false
        var isDeferred = false
    }

    private var handle: OpaquePointer?
    private var uploads: [Int32: Upload] = [:]
    /// What has come back, by stream.
    package private(set) var answers: [Int32: Answer] = [:]
    /// The code of the server's last GOAWAY.
    package private(set) var goAwayCode: UInt32?
    /// Number of GOAWAY frames received.
    package private(set) var goAwayCount = 0
    /// Settings the server announced, by number.
    package private(set) var settings: [Int32: UInt32] = [:]
    /// PING acknowledgements received.
    package private(set) var pingAcknowledgements = 0

    /// A client that announces these windows. With `acceptsAll` false it sends no WINDOW_UPDATE on its own.
    package init(streamWindowBytes: UInt32 = 1 << 20, acceptsAll: Bool = true) {
        var callbacks: OpaquePointer?
        var option: OpaquePointer?
        nghttp2_session_callbacks_new(&callbacks)
        nghttp2_option_new(&option)
        nghttp2_session_callbacks_set_on_header_callback(callbacks, clientOnHeader)
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, clientOnFrame)
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, clientOnData)
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, clientOnClose)
        nghttp2_option_set_no_auto_window_update(option, acceptsAll ? 0 : 1)
        nghttp2_option_set_peer_max_concurrent_streams(option, 1 << 20)
        nghttp2_session_client_new2(&handle, callbacks, Unmanaged.passUnretained(self).toOpaque(), option)
        nghttp2_session_callbacks_del(callbacks)
        nghttp2_option_del(option)
        let entries = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue), value: streamWindowBytes)
        ]
        nghttp2_submit_settings(handle, 0, entries, entries.count)
        if acceptsAll { nghttp2_session_set_local_window_size(handle, 0, 0, 1 << 30) }
    }

    deinit {
        nghttp2_session_del(handle)
    }

    /// Opens a stream with these fields; a body may follow unless `isEnded`.
    package func open(_ fields: [(String, String)], isEnded: Bool = false) -> Int32 {
        let upload = Upload()
        upload.isEnded = isEnded
        var storage: [[UInt8]] = []
        for (name, value) in fields {
            storage.append(Array(name.utf8))
            storage.append(Array(value.utf8))
        }
        let flat = storage.flatMap { $0 }
        return flat.withUnsafeBufferPointer { all in
            var values: [nghttp2_nv] = []
            var offset = 0
            for pair in stride(from: 0, to: storage.count, by: 2) {
                let name = UnsafeMutablePointer(mutating: all.baseAddress.map { $0 + offset })
                offset += storage[pair].count
                let value = UnsafeMutablePointer(mutating: all.baseAddress.map { $0 + offset })
                offset += storage[pair + 1].count
                values.append(
                    nghttp2_nv(
                        name: name, value: value, namelen: storage[pair].count, valuelen: storage[pair + 1].count,
                        flags: 0))
            }
            var provider = nghttp2_data_provider()
            provider.source.ptr = Unmanaged.passUnretained(upload).toOpaque()
            provider.read_callback = clientReadUpload
            let id =
                isEnded
                ? nghttp2_submit_request(handle, nil, values, values.count, nil, nil)
                : nghttp2_submit_request(handle, nil, values, values.count, &provider, nil)
            uploads[id] = upload
            answers[id] = Answer()
            return id
        }
    }

    /// Adds bytes to a request's body.
    package func send(_ bytes: [UInt8], on stream: Int32, isEnded: Bool = false) {
        guard let upload = uploads[stream] else { return }
        upload.bytes += bytes
        upload.isEnded = isEnded
        if upload.isDeferred {
            upload.isDeferred = false
            nghttp2_session_resume_data(handle, stream)
        }
    }

    /// Resets a stream.
    package func reset(_ stream: Int32, code: UInt32 = NGHTTP2_CANCEL.rawValue) {
        nghttp2_submit_rst_stream(handle, 0, stream, code)
    }

    /// Sends a PING.
    package func ping() {
        nghttp2_submit_ping(handle, 0, nil)
    }

    /// Sends an empty SETTINGS frame.
    package func sendSettings() {
        nghttp2_submit_settings(handle, 0, nil, 0)
    }

    /// Enlarges the server's window on a stream (0: the connection).
    package func grantWindow(_ bytes: Int32, stream: Int32) {
        nghttp2_submit_window_update(handle, 0, stream, bytes)
    }

    /// Feeds bytes from the server; false when they make no sense.
    @discardableResult
    package func receive(_ bytes: [UInt8]) -> Bool {
        nghttp2_session_mem_recv(handle, bytes, bytes.count) >= 0
    }

    /// Takes what is to be sent.
    package func drain() -> [UInt8] {
        var all: [UInt8] = []
        while true {
            var chunk: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(handle, &chunk)
            guard count > 0 else { return all }
            all += UnsafeBufferPointer(start: chunk, count: count)
        }
    }

    // MARK: Events

    fileprivate func header(_ stream: Int32, _ isTrailer: Bool, _ name: String, _ value: String) {
        if isTrailer {
            answers[stream]?.trailers.append((name, value))
        } else {
            answers[stream]?.headers.append((name, value))
        }
    }

    fileprivate func frame(_ frame: nghttp2_frame) {
        let flags = frame.hd.flags
        switch UInt32(frame.hd.type) {
        case NGHTTP2_HEADERS.rawValue, NGHTTP2_DATA.rawValue:
            if flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0 { answers[frame.hd.stream_id]?.isEnded = true }
        case NGHTTP2_GOAWAY.rawValue:
            goAwayCode = frame.goaway.error_code
            goAwayCount += 1
        case NGHTTP2_PING.rawValue:
            if flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0 { pingAcknowledgements += 1 }
        case NGHTTP2_SETTINGS.rawValue:
            for index in 0..<frame.settings.niv {
                settings[frame.settings.iv[index].settings_id] = frame.settings.iv[index].value
            }
        default: break
        }
    }

    fileprivate func data(_ stream: Int32, _ bytes: UnsafeBufferPointer<UInt8>) {
        answers[stream]?.body += bytes
    }

    fileprivate func closed(_ stream: Int32, _ code: UInt32) {
        answers[stream]?.closeCode = code
        uploads[stream] = nil
    }
}

private func client(_ userData: UnsafeMutableRawPointer?) -> HTTP2Client? {
    userData.map { Unmanaged<HTTP2Client>.fromOpaque($0).takeUnretainedValue() }
}

private func clientOnHeader(
    _: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ name: UnsafePointer<UInt8>?, _ nameCount: Int,
    _ value: UnsafePointer<UInt8>?, _ valueCount: Int, _: UInt8, _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    guard let frame = frame?.pointee else { return 0 }
    let name = String(decoding: UnsafeBufferPointer(start: name, count: nameCount), as: UTF8.self)
    let value = String(decoding: UnsafeBufferPointer(start: value, count: valueCount), as: UTF8.self)
    client(userData)?.header(frame.hd.stream_id, frame.headers.cat == NGHTTP2_HCAT_HEADERS, name, value)
    return 0
}

private func clientOnFrame(
    _: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    if let frame { client(userData)?.frame(frame.pointee) }
    return 0
}

private func clientOnData(
    _: OpaquePointer?, _: UInt8, _ stream: Int32, _ data: UnsafePointer<UInt8>?, _ count: Int,
    _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    client(userData)?.data(stream, UnsafeBufferPointer(start: data, count: count))
    return 0
}

private func clientOnClose(
    _: OpaquePointer?, _ stream: Int32, _ code: UInt32, _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    client(userData)?.closed(stream, code)
    return 0
}

private func clientReadUpload(
    _: OpaquePointer?, _: Int32, _ buffer: UnsafeMutablePointer<UInt8>?, _ lengthMax: Int,
    _ flags: UnsafeMutablePointer<UInt32>?, _ source: UnsafeMutablePointer<nghttp2_data_source>?,
    _: UnsafeMutableRawPointer?
) -> Int {
    guard let buffer, let flags, let pointer = source?.pointee.ptr else { return 0 }
    let upload = Unmanaged<HTTP2Client.Upload>.fromOpaque(pointer).takeUnretainedValue()
    let count = min(lengthMax, upload.bytes.count - upload.sent)
    if count == 0 && !upload.isEnded {
        upload.isDeferred = true
        return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }
    for index in 0..<count { buffer[index] = upload.bytes[upload.sent + index] }
    upload.sent += count
    if upload.isEnded && upload.sent == upload.bytes.count { flags.pointee = NGHTTP2_DATA_FLAG_EOF.rawValue }
    return count
}
