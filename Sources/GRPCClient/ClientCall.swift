import NIOCore

/// How a call ended.
package struct GRPCAnswer: Sendable {
    /// The gRPC status; nil when the stream or the connection ended without one.
    package var status: Int?
    /// The text of a status other than 0.
    package var statusMessage: String
    /// The messages that were received, each behind its five-byte prefix.
    package var body: ByteBuffer

    /// The messages in order; stops at one that is cut off or compressed.
    package func forEachMessage(_ use: (ByteBuffer) -> Void) {
        var rest = body
        while let flag = rest.readInteger(as: UInt8.self), let length = rest.readInteger(as: UInt32.self),
            flag == 0, let message = rest.readSlice(length: Int(length))
        {
            use(message)
        }
    }
}

/// One call under way: what is left to send, what has come, and who waits. Owned by nghttp2's stream from submission to
/// the stream's end.
final class ClientCall {
    typealias Completion = (GRPCAnswer) -> Void

    var upload: ByteBuffer
    var body = ByteBuffer()
    var status: Int?
    var statusMessage = ""
    private var completion: Completion?

    init(upload: ByteBuffer, completion: @escaping Completion) {
        self.upload = upload
        self.completion = completion
    }

    func finish() {
        let waiting = completion
        completion = nil
        waiting?(GRPCAnswer(status: status, statusMessage: statusMessage, body: body))
    }
}
