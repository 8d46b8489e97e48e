import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport
import StorageEngine

extension RequestRouter {
    /// QUERY_MESSAGE (12): the newest messages of a topic with a key, oldest first, one record behind the other.
    ///
    /// The extra field `_UNIQUE_KEY_QUERY` says that the key is a unique one; the answer is then as long as the broker
    /// sees fit (`defaultQueryMaxNum`). Newer clients add `indexType` and `lastKey`, which concern another kind of index.
    func queryMessage(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(QueryMessageRequestHeader.self)
        let limit = header.isUniqueKey ? broker.configuration.uniqueKeyQueryCountMax : Int(header.maxCount)
        let query = KeyQuery(
            topic: header.topic, key: header.key, maxCount: min(limit, broker.configuration.keyQueryCountMax),
            beginMillis: header.beginTimestampMillis, endMillis: header.endTimestampMillis)
        try onWorker(request, connection) { [broker] in
            var body = ByteBuffer()
            let found: KeyQueryResult
            do throws(StoreError) {
                found = try broker.store.messages(query, into: &body)
            } catch {
                throw ResponseMapping.answer(to: error)
            }
            // Apache tells how far the index is only when it found something.
            let isFound = !found.logOffsets.isEmpty
            let answer = QueryMessageResponseHeader(
                indexLastUpdateTimestampMillis: isFound ? found.indexEndTimestampMillis : 0,
                indexLastUpdateLogOffset: isFound ? found.indexEndLogOffset : 0)
            if isFound {
                connection.respond(to: request, code: .success, header: answer, body: body)
            } else {
                connection.respond(
                    to: request, code: .queryNotFound,
                    remark: "can not find message, maybe time range not correct", header: answer)
            }
        }
    }
}
