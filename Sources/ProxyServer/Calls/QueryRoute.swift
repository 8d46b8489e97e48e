import GRPCServer
import MessageModel
import ProtoMessages

extension ProxyService {
    func queryRoute(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try QueryRouteRequestView(message, in: arena)
        try MessageValidation.checkTopic(request.topic.name)
        guard let topic = try topic(request.topic.name, for: message, call) else { return }
        let queues = RouteQueues.route(topic.snapshot)
        guard !queues.isEmpty else {
            throw ProxyError(.topicNotFound, "topic \(request.topic.name.string) has no queues")
        }
        let endpoints = advertisedEndpoints(request.endpoints, call)
        let fitting = RouteQueues.fitting(
            queues, bytesPerQueue: ResponseEncoder.bytesPerQueue(request.topic, endpoints))
        call.send {
            ResponseEncoder.queryRoute(topic: request.topic, endpoints: endpoints, queues: fitting, into: &$0)
        }
        call.finish(.ok)
    }

    func advertisedEndpoints(_ requested: ProtoEndpoints?, _ call: GRPCCall) -> ProtoEndpoints {
        context.advertised.endpoints(
            requested: requested, authority: call.authority, localAddress: call.localAddress)
    }
}
