import Foundation
import MessageModel
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

    /// Connects; `clientAnswers` are the bodies of success answers to what the broker asks of a client, by code.
    static func connect(
        port: Int, group: any EventLoopGroup, clientAnswers: [String: String] = [:]
    ) async throws -> FrameClient {
        let (answers, sink) = AsyncStream.makeStream(of: RemotingCommand.self)
        let channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FrameReader(sink, clientAnswers))
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

    private let clientAnswers: [String: String]

    init(_ sink: AsyncStream<RemotingCommand>.Continuation, _ clientAnswers: [String: String]) {
        self.sink = sink
        self.clientAnswers = clientAnswers
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        decoder.append(unwrapInboundIn(data))
        do {
            while let command = try decoder.next() {
                if command.isResponse {
                    sink.yield(command)
                } else if let body = clientAnswers[String(command.code)] {
                    try answer(command, body, context)
                }
            }
        } catch {
            context.close(promise: nil)
        }
    }

    private func answer(_ request: RemotingCommand, _ body: String, _ context: ChannelHandlerContext) throws {
        var output = ByteBuffer()
        try RemotingFrameEncoder.encode(
            .response(to: request.ticket, code: .success), header: EmptyHeader(), body: ByteBuffer(string: body),
            into: &output)
        context.writeAndFlush(NIOAny(output), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        sink.finish()
    }
}
