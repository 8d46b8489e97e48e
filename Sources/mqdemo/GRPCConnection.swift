import CNghttp2
import Glibc

/// Why the demo did not succeed, in a sentence for people.
struct DemoFailure: Error {
    let message: String
}

/// gRPC over one plaintext HTTP/2 connection: one call at a time, on a blocking socket.
final class GRPCConnection {
    /// What came back on the stream of the call under way.
    fileprivate struct Answer {
        var fields: [String: String] = [:]
        var body: [UInt8] = []
        var closeCode: UInt32?
    }

    private let address: String
    private let descriptor: Int32
    private let metadata: [(String, String)]
    private var session: OpaquePointer?
    fileprivate var upload: ArraySlice<UInt8> = []
    fileprivate var answer = Answer()

    /// Connects. `metadata` goes with every call.
    init(host: String, port: String, metadata: [(String, String)]) throws(DemoFailure) {
        address = "\(host):\(port)"
        descriptor = try Self.openSocket(host, port)
        self.metadata = metadata
        var callbacks: OpaquePointer?
        nghttp2_session_callbacks_new(&callbacks)
        nghttp2_session_callbacks_set_on_header_callback(callbacks, onHeader)
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, onData)
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, onClose)
        nghttp2_session_client_new(&session, callbacks, Unmanaged.passUnretained(self).toOpaque())
        nghttp2_session_callbacks_del(callbacks)
        nghttp2_submit_settings(session, 0, nil, 0)
    }

    deinit {
        nghttp2_session_del(session)
        close(descriptor)
    }

    private static func openSocket(_ host: String, _ port: String) throws(DemoFailure) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, port, &hints, &list)
        guard status == 0 else { throw DemoFailure(message: "\(host): \(String(cString: gai_strerror(status)))") }
        defer { freeaddrinfo(list) }
        var reason = "no address"
        var next = list
        while let entry = next?.pointee {
            let descriptor = socket(entry.ai_family, entry.ai_socktype, entry.ai_protocol)
            if descriptor >= 0, connect(descriptor, entry.ai_addr, entry.ai_addrlen) == 0 { return descriptor }
            reason = String(cString: strerror(errno))
            if descriptor >= 0 { close(descriptor) }
            next = entry.ai_next
        }
        throw DemoFailure(message: "cannot connect to \(host):\(port): \(reason). Does mqproxy run there?")
    }

    /// Makes a call and answers the messages that came back.
    func call(_ method: String, _ message: [UInt8], timeoutSeconds: Int) throws(DemoFailure) -> [[UInt8]] {
        answer = Answer()
        upload = ([0] + withUnsafeBytes(of: UInt32(message.count).bigEndian, Array.init) + message)[...]
        try submit(method, timeoutSeconds)
        var limit = timeval(tv_sec: timeoutSeconds + 2, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        while answer.closeCode == nil {
            try flush()
            try receive(method)
        }
        try flush()
        return try messages(method)
    }

    private func submit(_ method: String, _ timeoutSeconds: Int) throws(DemoFailure) {
        let fields =
            [
                (":method", "POST"), (":scheme", "http"),
                (":path", "/apache.rocketmq.v2.MessagingService/\(method)"), (":authority", address),
                ("te", "trailers"), ("content-type", "application/grpc"), ("grpc-timeout", "\(timeoutSeconds)S"),
            ] + metadata
        let texts = fields.map { (strdup($0.0), strdup($0.1)) }
        defer { for (name, value) in texts { free(name); free(value) } }
        let values = texts.map { name, value in
            nghttp2_nv(
                name: name.map { UnsafeMutableRawPointer($0).assumingMemoryBound(to: UInt8.self) },
                value: value.map { UnsafeMutableRawPointer($0).assumingMemoryBound(to: UInt8.self) },
                namelen: name.map { strlen($0) } ?? 0, valuelen: value.map { strlen($0) } ?? 0, flags: 0)
        }
        var provider = nghttp2_data_provider()
        provider.read_callback = readUpload
        guard nghttp2_submit_request(session, nil, values, values.count, &provider, nil) > 0 else {
            throw DemoFailure(message: "\(method): the connection takes no more calls")
        }
    }

    private func flush() throws(DemoFailure) {
        while true {
            var chunk: UnsafePointer<UInt8>?
            var count = nghttp2_session_mem_send(session, &chunk)
            guard count > 0 else { return }
            while count > 0, let start = chunk {
                let sent = send(descriptor, start, count, Int32(MSG_NOSIGNAL))
                guard sent > 0 else { throw DemoFailure(message: "\(address) closed the connection") }
                chunk = start + sent
                count -= sent
            }
        }
    }

    private func receive(_ method: String) throws(DemoFailure) {
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        if count < 0 { throw DemoFailure(message: "\(method): no answer from \(address) in time") }
        guard count > 0 else { throw DemoFailure(message: "\(address) closed the connection during \(method)") }
        guard nghttp2_session_mem_recv(session, bytes, count) >= 0 else {
            throw DemoFailure(message: "\(address) does not speak HTTP/2: is this the gRPC port?")
        }
    }

    private func messages(_ method: String) throws(DemoFailure) -> [[UInt8]] {
        let status = answer.fields["grpc-status"] ?? "none"
        guard status == "0" else {
            let reason = answer.fields["grpc-message"] ?? "HTTP status \(answer.fields[":status"] ?? "none")"
            throw DemoFailure(message: "\(method) failed: gRPC status \(status), \(reason)")
        }
        var messages: [[UInt8]] = []
        var rest = answer.body[...]
        while rest.count >= 5 {
            let count = rest.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= 5 + count else { break }
            messages.append(Array(rest.dropFirst(5).prefix(count)))
            rest = rest.dropFirst(5 + count)
        }
        return messages
    }
}

private func connection(_ userData: UnsafeMutableRawPointer?) -> GRPCConnection? {
    userData.map { Unmanaged<GRPCConnection>.fromOpaque($0).takeUnretainedValue() }
}

private func onHeader(
    _: OpaquePointer?, _: UnsafePointer<nghttp2_frame>?, _ name: UnsafePointer<UInt8>?, _ nameCount: Int,
    _ value: UnsafePointer<UInt8>?, _ valueCount: Int, _: UInt8, _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    let name = String(decoding: UnsafeBufferPointer(start: name, count: nameCount), as: UTF8.self)
    connection(userData)?.answer.fields[name] = String(
        decoding: UnsafeBufferPointer(start: value, count: valueCount), as: UTF8.self)
    return 0
}

private func onData(
    _: OpaquePointer?, _: UInt8, _: Int32, _ data: UnsafePointer<UInt8>?, _ count: Int,
    _ userData: UnsafeMutableRawPointer?
) -> Int32 {
    connection(userData)?.answer.body += UnsafeBufferPointer(start: data, count: count)
    return 0
}

private func onClose(_: OpaquePointer?, _: Int32, _ code: UInt32, _ userData: UnsafeMutableRawPointer?) -> Int32 {
    connection(userData)?.answer.closeCode = code
    return 0
}

private func readUpload(
    _: OpaquePointer?, _: Int32, _ buffer: UnsafeMutablePointer<UInt8>?, _ countMax: Int,
    _ flags: UnsafeMutablePointer<UInt32>?, _: UnsafeMutablePointer<nghttp2_data_source>?,
    _ userData: UnsafeMutableRawPointer?
) -> Int {
    guard let connection = connection(userData), let buffer, let flags else { return 0 }
    let chunk = connection.upload.prefix(countMax)
    for (index, byte) in chunk.enumerated() { buffer[index] = byte }
    connection.upload = connection.upload.dropFirst(chunk.count)
    if connection.upload.isEmpty { flags.pointee = NGHTTP2_DATA_FLAG_EOF.rawValue }
    return chunk.count
}
