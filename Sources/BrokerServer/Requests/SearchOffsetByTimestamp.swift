import RemotingCodec
import RemotingTransport
import StorageEngine

extension RequestRouter {
    /// SEARCH_OFFSET_BY_TIMESTAMP (29): the first message stored at or after a time; with `boundaryType` upper, the last
    /// one stored at or before it.
    func searchOffset(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(SearchOffsetByTimestampRequestHeader.self)
        // Clients write the name in either case; anything else is taken as lower.
        let boundary = header.boundaryType.flatMap { TimeBoundary(rawValue: $0.lowercased()) } ?? .lower
        try onWorker(request, connection) { [broker] in
            let offset = broker.store.offset(
                topic: header.topic, queueId: header.queueId, timestampMillis: header.timestampMillis,
                boundary: boundary)
            connection.respond(
                to: request, code: .success, header: SearchOffsetByTimestampResponseHeader(offset: offset))
        }
    }
}
