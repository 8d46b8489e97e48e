import MessageModel
import NIOCore
import StorageEngine

extension Broker {
    /// Whether a message is the first half of a transaction, which is refused where it may not be one.
    ///
    /// What a consumer sends back for later keeps the properties of the transaction that it once was, as do dead letters.
    func isHalf(
        _ request: SendRequest, _ found: SendProperties, isDeadLetter: Bool
    ) throws(ServiceError) -> Bool {
        guard !isDeadLetter else { return false }
        guard found.isTransactional else {
            guard request.sysFlag.transactionKind == .none else {
                throw ServiceError(
                    code: .messageIllegal, message: "a message that is marked as prepared needs the property TRAN_MSG")
            }
            return false
        }
        if request.reconsumeTimes > 0, found.isDelayed || NameRules.isRetryTopic(request.topic) { return false }
        guard !live.rejectTransactionMessage else {
            throw ServiceError(
                code: .noPermission,
                message: "the broker[\(configuration.brokerIP1)] sending transaction message is forbidden")
        }
        guard !found.isDelayed else {
            throw ServiceError(code: .messageIllegal, message: "a transactional message cannot be a delayed one too")
        }
        return true
    }

    /// Stores a message as the first half of a transaction. The answer names the queue that it is meant for, and where
    /// the half message is.
    func storeHalf(
        _ request: SendRequest, _ properties: ByteBuffer, _ uniqueKey: ByteBuffer?,
        _ completion: @escaping @Sendable (SendOutcome) -> Void
    ) throws(ServiceError) {
        let answer = SendAnswerParts(
            queueID: request.queueID, uniqueKey: uniqueKey, bodyBytes: request.body.readableBytes)
        let message = message(request, flag: request.flag, body: request.body, properties: properties)
        try transactions.prepare(message) { [self] in finish($0, answer, completion) }
    }
}
