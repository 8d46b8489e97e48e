import MessageModel
import ProtoMessages
import ProxyServer
import RemotingCodec
import RemotingTransport

extension ClusterBackend {
    /// BATCH_ACK_MESSAGE for deliveries of one broker.
    package func acknowledgeAll(_ requests: [ReceiptRequest], completion: @escaping (ProxyError?) -> Void) {
        guard let broker = requests.first?.broker else { return completion(nil) }
        guard let address = broker.masterAddress else { return completion(Self.noMaster(broker)) }
        var body = BatchAckBody(brokerName: broker.name, entries: [])
        for request in requests { Self.add(request, to: &body) }
        client.call(
            address, code: .batchAckMessage, header: BatchAckRequestHeader(wantsRefusedCount: true),
            body: body.encode(), timeoutMillis: timeoutMillis
        ) { result in
            if let error = BackendErrors.receiptError(result) { return completion(error) }
            let answer = try? BatchAckResponseHeader(fields: result.get().fields)
            guard let refused = answer?.refusedCount, refused > 0 else { return completion(nil) }
            completion(ProxyError(.invalidReceiptHandle, "\(refused) handles are of no delivery in progress"))
        }
    }

    /// Deliveries of one pop of a queue share an entry, as long as their offsets are near enough for its bits.
    private static func add(_ request: ReceiptRequest, to body: inout BatchAckBody) {
        let handle = request.handle
        let entry = BatchAckBody.Entry(
            consumerGroup: request.group, topic: request.topic, retry: String(handle.topicKind.rawValue),
            startOffset: handle.startOffset, queueId: handle.queueId, reviveQueueId: handle.reviveQueueId,
            popTimeMillis: handle.popTimeMillis, invisibleMillis: handle.invisibleMillis, acked: [])
        let index = body.entries.firstIndex { known in
            var known = known
            known.acked = []
            return known == entry
        }
        let (distance, overflow) = handle.queueOffset.subtractingReportingOverflow(handle.startOffset)
        guard !overflow, distance >= 0, distance < Int64(BatchAckBody.spanMax) else {
            var alone = entry
            alone.startOffset = handle.queueOffset
            alone.acked = [0]
            return body.entries.append(alone)
        }
        if let index {
            body.entries[index].acked.append(Int(distance))
        } else {
            var first = entry
            first.acked = [Int(distance)]
            body.entries.append(first)
        }
    }
}
