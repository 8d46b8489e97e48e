import DeliveryEngine
import MessageModel
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// LOCK_BATCH_MQ (41): leases queues to a client that consumes in order; the answer names those it holds.
    func lockBatch(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let body = try checkedLockBatch(request)
        let now = broker.nowMillis()
        let held = Set(
            broker.queueLocks.withLockedValue { locks in
                locks.lock(
                    group: body.consumerGroup, clientID: body.clientId, queues: body.queues.map(QueueLocks.Queue.init),
                    nowMillis: now)
            })
        let locked = body.queues.filter { held.contains(QueueLocks.Queue($0)) }
        connection.respond(to: request, code: .success, body: LockBatchResponseBody(lockedQueues: locked).encode())
    }

    /// UNLOCK_BATCH_MQ (42): gives leases back.
    func unlockBatch(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let body = try checkedLockBatch(request)
        broker.queueLocks.withLockedValue { locks in
            locks.unlock(
                group: body.consumerGroup, clientID: body.clientId, queues: body.queues.map(QueueLocks.Queue.init))
        }
        connection.respond(to: request, code: .success)
    }

    private func checkedLockBatch(_ request: RemotingCommand) throws -> LockBatchRequestBody {
        let body = try LockBatchRequestBody(decoding: request.body)
        guard body.queues.count <= Self.lockedQueuesMax else {
            throw ServiceError(
                code: .invalidParameter,
                message: "\(body.queues.count) queues in one request, at most \(Self.lockedQueuesMax) are allowed")
        }
        return body
    }

    /// More queues of one broker in one client are a mistake or an attack.
    private static var lockedQueuesMax: Int { 65_536 }
}

extension QueueLocks.Queue {
    fileprivate init(_ queue: MessageQueue) {
        self.init(topic: queue.topic, queueID: queue.queueId)
    }
}
