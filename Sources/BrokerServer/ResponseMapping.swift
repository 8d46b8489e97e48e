import MessageModel
import StorageEngine

/// How errors of the modules below become answers to a peer.
enum ResponseMapping {
    /// The answer for a failed append.
    static func answer(to error: StoreError) -> ServiceError {
        let code: ResponseCode =
            switch error.code {
            case .messageTooLarge, .propertiesTooLarge, .illegalMessage: .messageIllegal
            case .diskFull, .notWritable, .fenced, .shutdown, .refused: .serviceNotAvailable
            case .busy: .systemBusy
            case .flushTimeout: .flushDiskTimeout
            case .io: .systemError
            }
        return ServiceError(code: code, message: error.message)
    }

    /// The answer for a message that is stored, but not on as many replicas as it must be.
    static func answer(to outcome: ReplicationOutcome) -> ServiceError {
        switch outcome {
        case .noReplica, .replicated:
            ServiceError(
                code: .slaveNotAvailable, message: "the message is stored, but too few replicas are there to have it")
        case .timedOut:
            ServiceError(
                code: .flushSlaveTimeout, message: "the message is stored, but replicas took too long to take it over")
        }
    }
}
