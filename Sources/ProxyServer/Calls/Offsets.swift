import GRPCServer
import MessageModel
import ProtoMessages

/// UpdateOffset, GetOffset and QueryOffset: positions of consumers that keep their own.
extension ProxyService {
    func updateOffset(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try UpdateOffsetRequestView(message, in: arena)
        try MessageValidation.checkGroup(request.group.name)
        guard request.offset >= 0 else { throw ProxyError(.illegalOffset, "the offset \(request.offset) is negative") }
        guard let queue = try queue(request.queue, message, call) else { return }
        backend.updateOffset(queue, group: request.group.name.string, offset: request.offset) { [self] error in
            if let error { fail(call, error) } else { succeed(call) }
        }
    }

    func getOffset(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try GetOffsetRequestView(message, in: arena)
        try MessageValidation.checkGroup(request.group.name)
        guard let queue = try queue(request.queue, message, call) else { return }
        backend.committedOffset(queue, group: request.group.name.string) { [self] result in
            answer(
                call,
                result.flatMap { offset in
                    offset.map { .success($0) }
                        ?? .failure(ProxyError(.offsetNotFound, "the group has no offset in this queue"))
                })
        }
    }

    func queryOffset(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try QueryOffsetRequestView(message, in: arena)
        let place: QueuePlace
        switch request.policy {
        case .beginning: place = .beginning
        case .end: place = .end
        case .timestamp:
            guard let millis = request.timestamp.millis, millis >= 0 else {
                throw ProxyError(.badRequest, "the policy TIMESTAMP needs a timestamp since 1970")
            }
            place = .atOrAfter(millis: millis)
        case nil: throw ProxyError(.badRequest, "unknown query_offset_policy")
        }
        guard let queue = try queue(request.queue, message, call) else { return }
        backend.queueOffset(queue, at: place) { [self] result in answer(call, result) }
    }

    private func answer(_ call: GRPCCall, _ result: Result<Int64, ProxyError>) {
        switch result {
        case .failure(let error): fail(call, error)
        case .success(let offset):
            call.send { ResponseEncoder.offset(.ok, offset: offset, into: &$0) }
            call.finish(.ok)
        }
    }

    /// The queue that a request names. `nil` when the request runs again once its topic is known.
    func queue(
        _ view: QueueView, _ message: UnsafeRawBufferPointer, _ call: GRPCCall
    ) throws(ProxyError) -> QueueReference? {
        try MessageValidation.checkTopic(view.topic.name)
        guard view.id >= 0 else { throw ProxyError(.badRequest, "message_queue.id \(view.id) is negative") }
        guard let topic = try topic(view.topic.name, for: message, call) else { return nil }
        let brokers = topic.snapshot.readBrokers
        let isOnlyOne = view.brokerName.isEmpty && brokers.count == 1
        guard let broker = isOnlyOne ? brokers[0] : topic.snapshot.broker(named: view.brokerName) else {
            throw ProxyError(.badRequest, "message_queue.broker names no broker of the topic")
        }
        return QueueReference(topic: topic.snapshot.name, broker: broker, queueId: view.id)
    }
}
