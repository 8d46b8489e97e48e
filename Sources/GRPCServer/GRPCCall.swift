import HTTP2Session
import NIOCore

/// One call: where its answer goes and what is known about it.
///
/// Belongs to its event loop and must be used there only. It may be kept as long as the service likes: once the call is over
/// (`isClosed`), everything that would answer does nothing.
package final class GRPCCall {
    /// Where the method stands in the service's table.
    package let methodIndex: Int
    /// How many messages go each way.
    package let kind: GRPCMethod.Kind
    /// The service's own state of this call.
    package var userState: AnyObject?

    let connection: GRPCConnection
    var stream: HTTP2Stream?
    var deframer: MessageDeframer
    /// The call's end in milliseconds of the loop's clock.
    let deadlineMillis: Int64?
    var timer: TimerWheel<GRPCCall>.Token?
    /// Compressed messages are gzip.
    let isGzip: Bool
    /// A message came in; for methods that take one only.
    var hasMessage = false
    /// The service has seen the call.
    var isSurfaced = false
    /// What the deframer holds, as counted by the loop.
    var assemblyBytes = 0
    private var isAnswerStarted = false
    /// The call is over: finished by the service, or cancelled.
    package internal(set) var isClosed = false

    init(
        method: GRPCMethod.Kind, methodIndex: Int, connection: GRPCConnection, stream: HTTP2Stream,
        deadlineMillis: Int64?, isGzip: Bool
    ) {
        self.kind = method
        self.methodIndex = methodIndex
        self.connection = connection
        self.stream = stream
        self.deadlineMillis = deadlineMillis
        self.isGzip = isGzip
        deframer = MessageDeframer(messageBytesMax: connection.loop.configuration.messageBytesMax)
    }

    // MARK: About the call

    /// The loop everything about this call happens on.
    package var eventLoop: any EventLoop { connection.loop.eventLoop }
    /// A number for the connection, unique in this process.
    package var connectionID: UInt64 { connection.id }
    /// The client's `host:port`, as a PROXY header gave it or as the socket has it.
    package var remoteAddress: String { connection.remoteAddress }
    /// Our own `host:port` on this connection.
    package var localAddress: String { connection.localAddress }
    /// The connection is encrypted.
    package var isTLS: Bool { connection.isTLS }
    /// The host and port the client meant to reach.
    package var authority: String { metadata(":authority") ?? metadata("host") ?? "" }

    /// The value of the first metadata field of this (lower case) name; nil when absent or when the call is long over.
    package func metadata(_ name: String) -> String? {
        stream?.field(named: name).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The bytes of the first metadata field of this (lower case) name, valid until the call ends; for the hot path.
    package func metadataBytes(_ name: StaticString) -> UnsafeRawBufferPointer? {
        stream?.field(name)
    }

    /// Forgets all metadata but this field, and its memory: for a call that waits long.
    package func forgetMetadata(but name: StaticString) {
        stream?.forgetFields(but: name)
    }

    /// Milliseconds left until the client's deadline; nil when it set none.
    package var deadlineMillisRemaining: Int64? {
        deadlineMillis.map { max(0, $0 - connection.loop.readClock()) }
    }

    /// Answer bytes that wait for the client to read.
    package var pendingBytes: Int { stream?.queuedBytes ?? 0 }

    // MARK: Answering

    /// Sends one message. `write` appends its encoded bytes; the prefix is ours.
    package func send(_ write: (inout ByteBuffer) -> Void) {
        guard !isClosed, let stream, let session = connection.session else { return }
        if !isAnswerStarted {
            isAnswerStarted = true
            session.respond(on: stream, headers: GRPCHeaders.response)
        }
        session.append(on: stream) { buffer in
            let start = buffer.writerIndex
            buffer.writeInteger(UInt8(0))
            buffer.writeInteger(UInt32(0))
            write(&buffer)
            buffer.setInteger(UInt32(buffer.writerIndex - start - 5), at: start + 1)
        }
        connection.markDirty()
        if session.queuedBytes > connection.loop.configuration.outputQueueBytesMax {
            connection.cancel(self, .resourceExhausted, "the client reads too slowly: its output queue is full")
        }
    }

    /// Ends the call.
    package func finish(_ status: GRPCStatus, message: String = "") {
        guard !isClosed else { return }
        isClosed = true
        guard let stream, let session = connection.session else { return }
        if isAnswerStarted {
            session.finish(on: stream, trailers: GRPCHeaders.trailers(status, message))
        } else {
            session.respondOnly(on: stream, headers: GRPCHeaders.trailersOnly(status, message))
        }
        connection.markDirty()
    }
}
