import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// QUERY_CORRECTION_OFFSET (308): for each queue that a group has an offset on, the lowest one of all groups of the
    /// topic apart from `filterGroups`; the greatest number where the group itself is the lowest.
    func queryCorrectionOffset(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(QueryCorrectionOffsetRequestHeader.self)
        let offsets = broker.delivery.offsets
        var lowest: [Int32: Int64] = [:]
        for group in offsets.groups(topic: header.topic) where !header.filterGroups.contains(group) {
            for (queueID, offset) in offsets.offsets(group: group, topic: header.topic)
            where broker.store.minOffset(topic: header.topic, queueId: queueID) <= offset {
                lowest[queueID] = min(lowest[queueID] ?? offset, offset)
            }
        }
        for (queueID, offset) in offsets.offsets(group: header.compareGroup, topic: header.topic) {
            if lowest[queueID].map({ $0 > offset }) ?? true { lowest[queueID] = .max }
        }
        connection.respond(to: request, code: .success, body: CorrectionOffsets(offsets: lowest).encode())
    }
}
