import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

/// What a slave asks its master about delayed messages. Apache's slaves can be served with it, tools show it.
extension RequestRouter {
    /// GET_ALL_DELAY_OFFSET (45): how far each delay level is delivered, in the form of Apache's `delayOffset.json`.
    func getAllDelayOffset(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        let bytes = broker.delay.levelProgress().serialize(unquotedIntegerKeys: true)
        connection.respond(to: request, code: .success, body: ByteBuffer(bytes: bytes))
    }

    /// GET_TIMER_CHECK_POINT (60): how far messages with a time are delivered, seven numbers of 8 bytes.
    func getTimerCheckpoint(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        guard broker.configuration.delay.takesTimers else {
            throw ServiceError(code: .systemError, message: "The checkpoint is null")
        }
        connection.respond(to: request, code: .success, body: broker.delay.timerCheckpoint())
    }

    /// GET_TIMER_METRICS (61): how many messages wait for a time by topic, in the form of Apache's `timermetrics`.
    func getTimerMetrics(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        guard broker.configuration.delay.takesTimers else {
            throw ServiceError(code: .systemError, message: "The timer message store is null")
        }
        try onWorker(request, connection) { [broker] in
            let body = ByteBuffer(bytes: broker.delay.timerMetrics().serialize())
            try Self.checkSize(body)
            connection.respond(to: request, code: .success, body: body)
        }
    }
}
