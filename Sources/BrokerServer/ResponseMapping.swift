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
}
