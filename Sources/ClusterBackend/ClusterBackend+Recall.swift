import MessageModel
import ProtoMessages
import ProxyServer
import RemotingCodec
import RemotingTransport

extension ClusterBackend {
    /// RECALL_MESSAGE.
    package func recall(_ request: RecallRequest, completion: @escaping (Result<String, ProxyError>) -> Void) {
        guard let address = request.broker.masterAddress else {
            return completion(.failure(Self.noMaster(request.broker)))
        }
        let header = RecallMessageRequestHeader(topic: request.topic, recallHandle: request.handleText)
        client.call(address, code: .recallMessage, header: header, timeoutMillis: timeoutMillis) { result in
            switch result {
            case .failure(let error): completion(.failure(BackendErrors.error(error)))
            case .success(let answer):
                let status = StatusMapping.status(for: ResponseCode(rawValue: answer.code), remark: answer.remark)
                guard status.code == .ok else {
                    return completion(.failure(ProxyError(status.code, status.message)))
                }
                let messageID = (try? RecallMessageResponseHeader(fields: answer.fields))?.messageId
                completion(.success(messageID ?? ""))
            }
        }
    }
}
