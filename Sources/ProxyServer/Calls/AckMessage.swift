import GRPCServer
import MessageModel
import ProtoMessages

extension ProxyService {
    func ackMessage(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let request = try AckMessageRequestView(message, in: arena)
        try MessageValidation.checkTopic(request.topic.name)
        try MessageValidation.checkGroup(request.group.name)
        let count = request.entryCount
        guard count > 0 else { throw ProxyError(.badRequest, "there are no entries to ack") }
        guard count <= Self.ackEntryCountMax else {
            throw ProxyError(.badRequest, "there are \(count) entries, at most \(Self.ackEntryCountMax) are allowed")
        }
        let clientID = call.metadataBytes("x-mq-client-id")
        var targets: [Result<ReceiptRequest, ProxyError>] = []
        targets.reserveCapacity(count)
        for index in 0..<count {
            let handle = request.receiptHandle(index)
            do throws(ProxyError) {
                let receipt = try receipt(
                    handle, group: request.group, topic: request.topic, messageID: request.messageID(index), message,
                    call)
                guard var receipt else { return }
                receipt.liteTopic = request.liteTopic(index).string
                targets.append(.success(receipt))
            } catch {
                targets.append(.failure(error))
            }
        }
        let gathering = AckGathering(
            entries: (0..<count).map { index in
                AckResultEntry(
                    messageID: request.messageID(index).string, receiptHandle: request.receiptHandle(index).string,
                    status: .ok)
            })
        for index in 0..<count { deliveries.forget(clientID, handle: request.receiptHandle(index).bytes) }
        var units: [String: [(index: Int, receipt: ReceiptRequest)]] = [:]
        for (index, target) in targets.enumerated() {
            switch target {
            case .failure(let error):
                if gathering.finish(index, error) { answer(call, gathering) }
            case .success(let receipt)
            where configuration.isBatchAckEnabled && count > 1 && receipt.liteTopic.isEmpty:
                units[receipt.broker.name, default: []].append((index, receipt))
            case .success(let receipt): acknowledge(receipt, index, gathering, call)
            }
        }
        for unit in units.values { acknowledge(unit, gathering, call) }
    }

    private func acknowledge(_ receipt: ReceiptRequest, _ index: Int, _ gathering: AckGathering, _ call: GRPCCall) {
        backend.acknowledge(receipt) { [self] error in
            if gathering.finish(index, error) { answer(call, gathering) }
        }
    }

    /// Acks of one broker by one request. It has one answer for all: when that is a failure, each is acked on its own,
    /// so that the client learns which one failed. Acks may be repeated.
    private func acknowledge(
        _ unit: [(index: Int, receipt: ReceiptRequest)], _ gathering: AckGathering, _ call: GRPCCall
    ) {
        guard unit.count > 1 else {
            for (index, receipt) in unit { acknowledge(receipt, index, gathering, call) }
            return
        }
        backend.acknowledgeAll(unit.map(\.receipt)) { [self] error in
            for (index, receipt) in unit {
                if error != nil {
                    acknowledge(receipt, index, gathering, call)
                } else if gathering.finish(index, nil) {
                    answer(call, gathering)
                }
            }
        }
    }

    private static var ackEntryCountMax: Int { 4_096 }

    private func answer(_ call: GRPCCall, _ gathering: AckGathering) {
        call.send { ResponseEncoder.ackMessage(gathering.status, entries: gathering.entries, into: &$0) }
        call.finish(.ok)
    }

    /// What a handle names. `nil` when the request runs again once its broker is known.
    func receipt(
        _ text: ProtoText, group: ResourceView, topic: ResourceView, messageID: ProtoText, isExpiryChecked: Bool = true,
        _ message: UnsafeRawBufferPointer, _ call: GRPCCall
    ) throws(ProxyError) -> ReceiptRequest? {
        guard let handle = ReceiptHandle(text.bytes) else {
            throw ProxyError(.invalidReceiptHandle, "the receipt handle cannot be read")
        }
        if isExpiryChecked, handle.isExpired(nowMillis: context.clock.wallMillis()) {
            throw ProxyError(.invalidReceiptHandle, "receipt handle is expired")
        }
        guard let broker = try broker(handle.brokerName, topic: topic.name, for: message, call) else { return nil }
        return ReceiptRequest(
            group: group.name.string, topic: topic.name.string, handle: handle, broker: broker,
            handleText: text.string, messageID: messageID.string)
    }
}

/// The answers of the entries of one ack.
private final class AckGathering {
    private(set) var entries: [AckResultEntry]
    private var missing: Int

    init(entries: [AckResultEntry]) {
        self.entries = entries
        missing = entries.count
    }

    /// Whether this was the last one.
    func finish(_ index: Int, _ error: ProxyError?) -> Bool {
        if let error { entries[index].status = error.status }
        missing -= 1
        return missing == 0
    }

    /// The code all entries share, or the one that sends clients to the entries.
    var status: ProtoStatus {
        let isUniform = entries.allSatisfy { $0.status.code == entries[0].status.code }
        return isUniform ? entries[0].status : ProtoStatus(.multipleResults, "MULTIPLE_RESULTS")
    }
}
