import MessageModel
import NIOCore
import NIOPosix
import RemotingCodec
import Testing

/// A bare TCP connection for bytes that no client of ours would send. It reads only what the test asks for.
struct RawConnection {
    typealias Inbound = NIOAsyncChannelInboundStream<ByteBuffer>
    typealias Outbound = NIOAsyncChannelOutboundWriter<ByteBuffer>

    /// Connects, runs the test, closes.
    static func open<Result>(
        _ address: HostPort, _ body: (inout Inbound.AsyncIterator, Outbound) async throws -> Result
    ) async throws -> Result {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: address.host, port: address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var iterator = inbound.makeAsyncIterator()
            return try await body(&iterator, outbound)
        }
    }

    /// Everything until the server closes.
    static func readToEnd(_ inbound: inout Inbound.AsyncIterator) async -> ByteBuffer {
        var all = ByteBuffer()
        // A reset counts as an end as well.
        while let bytes = try? await inbound.next() { all.writeImmutableBuffer(bytes) }
        return all
    }

    /// The next whole answer.
    static func nextCommand(
        _ inbound: inout Inbound.AsyncIterator, _ decoder: inout RemotingFrameDecoder
    ) async throws -> RemotingCommand? {
        while true {
            if let command = try decoder.next() { return command }
            guard let bytes = try await inbound.next() else { return nil }
            decoder.append(bytes)
        }
    }
}

/// The bytes of a request.
func requestBytes(_ opaque: Int32, code: RequestCode = .heartBeat, isOneway: Bool = false) throws -> ByteBuffer {
    var buffer = ByteBuffer()
    try RemotingFrameEncoder.encode(
        .request(code, opaque: opaque, isOneway: isOneway), header: EmptyHeader(), into: &buffer)
    return buffer
}
