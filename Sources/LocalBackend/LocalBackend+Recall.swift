import BrokerServer
import MessageModel
import NIOCore
import ProtoMessages
import ProxyServer

extension LocalBackend {
    /// Takes a delayed message back.
    package func recall(_ request: RecallRequest, completion: @escaping (Result<String, ProxyError>) -> Void) {
        let bound = NIOLoopBound(completion, eventLoop: eventLoop)
        broker.recall(topic: request.topic, handle: request.handleText, producerGroup: nil) { [eventLoop] result in
            Self.onLoop(eventLoop) { bound.value(result.mapError(Self.error)) }
        }
    }
}
