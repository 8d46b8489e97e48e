import CNghttp2
import NIOCore

/// The client's side of one HTTP/2 connection that carries gRPC calls: bytes in, bytes out, no socket. It owns the
/// nghttp2 session; the callbacks are in `ClientCallbacks.swift`.
///
/// `receive` runs completions; `submit` may be called from within one. The session is bound to one thread at a time.
final class ClientSession {
    /// Windows of streams and connection; a benchmark must not measure their size.
    private static let streamWindowBytes: UInt32 = 8 << 20
    private static let connectionWindowBytes: Int32 = 1 << 30

    private var handle: OpaquePointer?
    private(set) var calls: [Int32: ClientCall] = [:]

    init() {
        var callbacks: OpaquePointer?
        nghttp2_session_callbacks_new(&callbacks)
        nghttp2_session_callbacks_set_on_header_callback(callbacks, clientOnHeader)
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, clientOnData)
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, clientOnClose)
        var option: OpaquePointer?
        nghttp2_option_new(&option)
        nghttp2_option_set_peer_max_concurrent_streams(option, 1 << 20)
        nghttp2_session_client_new2(&handle, callbacks, Unmanaged.passUnretained(self).toOpaque(), option)
        nghttp2_option_del(option)
        nghttp2_session_callbacks_del(callbacks)
        var window = nghttp2_settings_entry(
            settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue), value: Self.streamWindowBytes)
        nghttp2_submit_settings(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), &window, 1)
        nghttp2_session_set_local_window_size(
            handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, Self.connectionWindowBytes)
    }

    deinit {
        nghttp2_session_del(handle)
    }

    /// Opens a stream for a call; false when the connection takes no more.
    func submit(_ method: GRPCMethod, _ call: ClientCall) -> Bool {
        var provider = nghttp2_data_provider()
        provider.read_callback = clientReadUpload
        let stream = method.withFields { fields in
            nghttp2_submit_request(handle, nil, fields.baseAddress, fields.count, &provider, nil)
        }
        guard stream > 0 else { return false }
        calls[stream] = call
        return true
    }

    /// Takes bytes from the server; false when they are no HTTP/2.
    func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        nghttp2_session_mem_recv(handle, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count) >= 0
    }

    /// Appends what is to be sent.
    func drain(into buffer: inout ByteBuffer) {
        while true {
            var chunk: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(handle, &chunk)
            guard count > 0, let chunk else { return }
            buffer.writeBytes(UnsafeRawBufferPointer(start: chunk, count: count))
        }
    }

    /// Whether the session has nothing more to do: after GOAWAY and the last stream.
    var isOver: Bool { nghttp2_session_want_read(handle) == 0 && nghttp2_session_want_write(handle) == 0 }

    /// A stream has ended.
    func finish(_ stream: Int32) {
        calls.removeValue(forKey: stream)?.finish()
    }

    /// The connection has ended: so have all calls.
    func finishAll() {
        let open = calls.values
        calls = [:]
        for call in open { call.finish() }
    }
}
