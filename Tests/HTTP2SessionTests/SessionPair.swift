import GRPCTestClient
import HTTP2Session
import NIOCore

/// A server session and a client wired back to back, with everything the session reported.
final class SessionPair: HTTP2SessionDelegate {
    enum Event: Equatable {
        case started(Int32)
        case data(Int32, Int)
        case ended(Int32)
        case closed(Int32, UInt32)
    }

    let client: HTTP2Client
    private(set) var session: HTTP2Session?
    var events: [Event] = []
    var paths: [String] = []
    var received: [UInt8] = []
    var nowMillis: Int64 = 0
    /// What to do at each event; the default does nothing.
    var onStarted: (HTTP2Session, HTTP2Stream) -> Void = { _, _ in }
    var onEnded: (HTTP2Session, HTTP2Stream) -> Void = { _, _ in }

    static let response = HTTP2HeaderBlock([(":status", "200"), ("content-type", "application/grpc")])
    static let trailers = HTTP2HeaderBlock([("grpc-status", "0")])

    init(
        configuration: HTTP2Configuration = HTTP2Configuration(), client: HTTP2Client = HTTP2Client(),
        pool: HTTP2StreamPool = HTTP2StreamPool()
    ) throws {
        self.client = client
        session = try HTTP2Session(configuration: configuration, delegate: self, pool: pool, nowMillis: 0)
    }

    /// Moves bytes both ways until neither side has any.
    func pump() {
        while true {
            let sent = client.drain()
            if !sent.isEmpty { feed(sent) }
            let answered = drain()
            if !answered.isEmpty { client.receive(answered) }
            if sent.isEmpty && answered.isEmpty { return }
        }
    }

    func feed(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { session?.receive($0, nowMillis: nowMillis) }
    }

    func drain(bytesMax: Int = 1 << 30) -> [UInt8] {
        var buffer = ByteBuffer()
        _ = session?.drain(into: &buffer, bytesMax: bytesMax)
        return Array(buffer.readableBytesView)
    }

    func close() {
        session?.close()
        session = nil
    }

    func requestStarted(_ stream: HTTP2Stream) {
        events.append(.started(stream.id))
        paths.append(String(decoding: stream.path, as: UTF8.self))
        if let session { onStarted(session, stream) }
    }

    func dataReceived(_ bytes: UnsafeRawBufferPointer, isLastFrame: Bool, on stream: HTTP2Stream) {
        events.append(.data(stream.id, bytes.count))
        received += bytes
    }

    func requestEnded(_ stream: HTTP2Stream) {
        events.append(.ended(stream.id))
        if let session { onEnded(session, stream) }
    }

    func streamClosed(_ stream: HTTP2Stream, errorCode: UInt32) {
        events.append(.closed(stream.id, errorCode))
    }
}

/// Raw frames for what a decent client cannot be made to send.
enum RawFrame {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    static let settings = frame(type: 4, flags: 0, stream: 0, [])

    static func frame(type: UInt8, flags: UInt8, stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        for shift in [16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift)) }
        bytes += [type, flags]
        for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: stream >> UInt32(shift))) }
        return bytes + payload
    }

    /// Fields as HPACK literals without indexing or Huffman coding.
    static func literals(_ fields: [(String, String)]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (name, value) in fields {
            bytes.append(0)
            bytes += length(name.utf8.count)
            bytes += Array(name.utf8)
            bytes += length(value.utf8.count)
            bytes += Array(value.utf8)
        }
        return bytes
    }

    private static func length(_ count: Int) -> [UInt8] {
        guard count >= 127 else { return [UInt8(count)] }
        var bytes: [UInt8] = [127]
        var rest = count - 127
        while rest >= 128 {
            bytes.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    static func headers(stream: UInt32, _ fields: [(String, String)], endsStream: Bool, endsHeaders: Bool = true)
        -> [UInt8]
    {
        frame(type: 1, flags: (endsStream ? 1 : 0) | (endsHeaders ? 4 : 0), stream: stream, literals(fields))
    }
}
