import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// SEARCH_OFFSET_BY_TIMESTAMP (29): the first message stored at or after a time; with `boundaryType` upper, the last
    /// one stored at or before it.
    func searchOffset(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(SearchOffsetByTimestampRequestHeader.self)
        try onWorker(request, connection) { [broker] in
            let store = broker.store
            let isUpper = header.boundaryType?.lowercased() == "upper"
            let time = header.timestampMillis
            var offset = store.offset(
                topic: header.topic, queueId: header.queueId,
                atOrAfterMillis: isUpper && time < .max ? time + 1 : time)
            if isUpper, offset > store.minOffset(topic: header.topic, queueId: header.queueId) { offset -= 1 }
            connection.respond(
                to: request, code: .success, header: SearchOffsetByTimestampResponseHeader(offset: offset))
        }
    }
}
