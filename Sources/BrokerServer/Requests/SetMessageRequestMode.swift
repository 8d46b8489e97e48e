import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// SET_MESSAGE_REQUEST_MODE (401): whether a group pulls or pops a topic.
    func setMessageRequestMode(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let body = try SetMessageRequestModeBody(decoding: request.body)
        guard !NameRules.isRetryTopic(body.topic) else {
            throw ServiceError(code: .noPermission, message: "retry topic is not allowed to set mode")
        }
        do throws(NameError) {
            try NameRules.checkTopic(body.topic)
            try NameRules.checkGroup(body.consumerGroup)
        } catch {
            throw ServiceError(code: .invalidParameter, message: error.message)
        }
        let mode = RequestModeRegistry.Mode(mode: body.mode, popShareQueueCount: body.popShareQueueCount)
        broker.requestModes.set(mode, topic: body.topic, group: body.consumerGroup) { saved in
            switch saved {
            case .success: connection.respond(to: request, code: .success)
            case .failure(let error): connection.respond(to: request, error: error)
            }
        }
    }

    /// GET_ALL_MESSAGE_REQUEST_MODE (402): all settings, in the form of their file.
    func getAllMessageRequestMode(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        connection.respond(
            to: request, code: .success, body: ByteBuffer(bytes: broker.requestModes.json.serialize()))
    }
}
