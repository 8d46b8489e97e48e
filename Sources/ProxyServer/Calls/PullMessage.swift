import GRPCServer
import MessageModel
import NIOCore
import ProtoMessages

extension ProxyService {
    /// Messages of one queue from an offset on; the answer ends with the offset to go on from.
    func pullMessage(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try PullMessageRequestView(message, in: arena)
        try MessageValidation.checkGroup(request.group.name)
        guard request.offset >= 0 else { throw ProxyError(.illegalOffset, "the offset \(request.offset) is negative") }
        let expression = try checkedExpression(request.filter)
        guard let queue = try queue(request.queue, message, call),
            let topic = try topic(request.queue.topic.name, for: message, call)
        else { return }
        let isSQL = request.filter.type == .sql
        let filter = isSQL || expression == "*" ? nil : TagFilter(expression: expression)
        let pending = PendingReceive(
            call: call, group: request.group.name.string, topic: topic.snapshot, broker: queue.broker,
            filter: filter.flatMap { $0.matchesAll ? nil : $0 }, attemptCountMax: .max, isAutoRenew: false,
            startMillis: context.clock.uptimeMillis())
        let pull = PullRequest(
            group: pending.group, queue: queue, offset: request.offset, countMax: batchCount(request.batchSize),
            pollMillis: pullPollMillis(request.longPollingMillis ?? 0, call), isSQL: isSQL, expression: expression)
        deliveries.receives[ObjectIdentifier(call)] = call
        backend.pull(pull) { [self] result in finish(pending, result) }
    }

    private func pullPollMillis(_ wanted: Int64, _ call: GRPCCall) -> Int64 {
        let limits = configuration.receiving
        let poll = isDraining ? 0 : min(max(0, wanted), limits.pollMillisMax)
        guard let remaining = call.deadlineMillisRemaining else { return poll }
        return max(0, min(poll, remaining - limits.deadlineReserveMillis))
    }

    private func finish(_ pending: PendingReceive, _ result: Result<PullAnswer, ProxyError>) {
        let call = pending.call
        deliveries.receives[ObjectIdentifier(call)] = nil
        switch result {
        case .failure(let error):
            metadata.refreshTopic(pending.topic.name)
            fail(call, error)
        case .success(let answer):
            switch answer.outcome {
            case .offsetOutOfRange:
                end(call, ProxyError(.illegalOffset, "the queue does not hold this offset"), answer.nextOffset)
            case .empty: end(call, ProxyError(.messageNotFound, "no new message"), answer.nextOffset)
            case .found: deliver(answer, pending)
            }
        }
    }

    private func deliver(_ answer: PullAnswer, _ pending: PendingReceive) {
        let popped = PopAnswer(
            outcome: .found, bytes: answer.bytes, messages: answer.messages, brokerName: pending.broker.name)
        var writer = DeliveryWriter(service: self, pending: pending, answer: popped)
        answer.bytes.withUnsafeReadableBytes { bytes in
            writer.addAll(bytes)
        }
        inflater.trim()
        guard writer.sentCount > 0 else {
            return end(pending.call, ProxyError(.messageNotFound, "no match message"), answer.nextOffset)
        }
        pending.call.send { ResponseEncoder.nextOffset(answer.nextOffset, into: &$0) }
        pending.call.finish(.ok)
    }

    private func end(_ call: GRPCCall, _ error: ProxyError, _ nextOffset: Int64) {
        call.send { ResponseEncoder.statusOnly(error.status, into: &$0) }
        call.send { ResponseEncoder.nextOffset(nextOffset, into: &$0) }
        call.finish(.ok)
    }
}
