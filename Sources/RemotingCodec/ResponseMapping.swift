import MessageModel

extension RemotingCodecError {
    /// The answer to a request with this fault. Apache's servers answer SYSTEM_ERROR to missing and unreadable fields.
    package var serviceError: ServiceError {
        switch code {
        case .malformedRecord: ServiceError(code: .messageIllegal, message: message)
        default: ServiceError(code: .systemError, message: message)
        }
    }
}

extension RemotingCommand {
    /// Passes a successful answer on; any other becomes an error with its code and remark.
    package func requireSuccess() throws(ServiceError) -> RemotingCommand {
        guard responseCode == .success else { throw ServiceError(code: responseCode, message: remark ?? "") }
        return self
    }
}
