import MessageModel
import ProtoMessages
import ProxyServer
import RemotingCodec
import RemotingTransport

/// What clients are told when a broker or name server fails, or does not answer.
enum BackendErrors {
    static func error(_ error: RemotingError) -> ProxyError {
        switch error.code {
        case .timeout: ProxyError(.proxyTimeout, error.message, brokerTrouble: .silent)
        case .overloaded: ProxyError(.tooManyRequests, error.message)
        case .connectFailed, .backingOff, .connectionClosed:
            ProxyError(.internalServerError, error.message, brokerTrouble: .gone)
        case .shutdown, .unencodable, .malformedResponse: ProxyError(.internalServerError, error.message)
        }
    }

    /// Why an ack or a change failed. A handle the broker cannot use gets the one code after which clients stop trying.
    static func receiptError(_ result: Result<RemotingCommand, RemotingError>) -> ProxyError? {
        switch result {
        case .failure(let error): return self.error(error)
        case .success(let answer):
            let code = ResponseCode(rawValue: answer.code)
            switch code {
            case .success: return nil
            case .noMessage, .messageIllegal, .topicNotExist:
                return ProxyError(.invalidReceiptHandle, answer.remark ?? "the broker does not know this delivery")
            default:
                let status = StatusMapping.status(for: code, remark: answer.remark)
                return ProxyError(status.code, status.message)
            }
        }
    }
}
