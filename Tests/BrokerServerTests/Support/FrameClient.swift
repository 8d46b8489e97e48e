import NIOCore
import NIOPosix
import RemotingCodec

/// A client that sends given bytes and reads one frame for each.
final class FrameClient: Sendable {
    /// The server closed the connection instead of answering.
    struct Closed: Error {}

    private let channel: any Channel
    private let answers: AsyncStream<RemotingCommand>

    private init(_ channel: any Channel, _ answers: AsyncStream<RemotingCommand>) {
        self.channel = channel
        self.answers = answers
    }

    static func connect(port: Int, group: any EventLoopGroup) async throws -> FrameClient {
        let (answers, sink) = AsyncStream.makeStream(of: RemotingCommand.self)
        let channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FrameReader(sink))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return FrameClient(channel, answers)
    }

    static func decode(_ bytes: [UInt8]) throws -> RemotingCommand {
        var decoder = RemotingFrameDecoder()
        decoder.append(ByteBuffer(bytes: bytes))
        guard let command = try decoder.next() else { throw Closed() }
        return command
    }

    func ask(_ bytes: [UInt8]) async throws -> RemotingCommand {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
        for await answer in answers { return answer }
        throw Closed()
    }

    func close() async {
        try? await channel.close()
    }
}

private final class FrameReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let sink: AsyncStream<RemotingCommand>.Continuation
    private var decoder = RemotingFrameDecoder()

    init(_ sink: AsyncStream<RemotingCommand>.Continuation) {
        self.sink = sink
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        decoder.append(unwrapInboundIn(data))
        do {
            while let command = try decoder.next() {
                // What the broker tells by itself is not an answer.
                if command.isResponse { sink.yield(command) }
            }
        } catch {
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        sink.finish()
    }
}
