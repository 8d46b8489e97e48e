import MessageModel
import RemotingCodec
import RemotingTransport
import StorageEngine

extension RequestRouter {
    /// CLEAN_EXPIRED_CONSUMEQUEUE (306): takes entries out of the queues whose messages went with their log file. The
    /// store does so by itself with each file that it deletes.
    func cleanExpiredConsumeQueue(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        try onWorker(request, connection) { [broker] in
            do throws(StoreError) {
                try broker.store.trimQueues()
            } catch {
                throw ResponseMapping.answer(to: error)
            }
            connection.respond(to: request, code: .success)
        }
    }
}
