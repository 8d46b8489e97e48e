import MessageModel
import RemotingCodec
import RemotingTransport
import StorageEngine

extension RequestRouter {
    /// DELETE_EXPIRED_COMMITLOG (329): deletes log files older than `fileReservedTime` now instead of at `deleteWhen`.
    func deleteExpiredCommitLog(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        try onWorker(request, connection) { [broker] in
            do throws(StoreError) {
                guard try broker.store.deleteExpired() else {
                    throw StoreError(.shutdown, "the store is closed")
                }
            } catch {
                throw ResponseMapping.answer(to: error)
            }
            connection.respond(to: request, code: .success)
        }
    }
}
