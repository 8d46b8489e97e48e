import GRPCServer
import MessageModel
import ProtoMessages

extension ProxyService {
    func queryAssignment(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try QueryAssignmentRequestView(message, in: arena)
        try MessageValidation.checkTopic(request.topic.name)
        try MessageValidation.checkGroup(request.group.name)
        guard let topic = try topic(request.topic.name, for: message, call) else { return }
        guard let group = try group(request.group.name, for: message, call) else { return }
        let queues = RouteQueues.assignments(
            topic.snapshot, isOrdered: group.consumeMessageOrderly && group.liteBindTopic == nil)
        guard !queues.isEmpty else { throw ProxyError(.forbidden, "no readable queue") }
        let endpoints = advertisedEndpoints(request.endpoints, call)
        let fitting = RouteQueues.fitting(
            queues, bytesPerQueue: ResponseEncoder.bytesPerQueue(request.topic, endpoints))
        call.send {
            ResponseEncoder.queryAssignment(topic: request.topic, endpoints: endpoints, queues: fitting, into: &$0)
        }
        call.finish(.ok)
    }
}
