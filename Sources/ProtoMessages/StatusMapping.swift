import MessageModel

/// The one place where an answer of a broker or name server becomes a code of the v5 API.
package enum StatusMapping {
    /// Code for a failed request to a broker or name server.
    package static func code(for response: ResponseCode) -> ProtoCode {
        switch response.rawValue {
        case 0: .ok
        case 2: .tooManyRequests  // SYSTEM_BUSY
        case 3: .notImplemented  // REQUEST_CODE_NOT_SUPPORTED
        case 10: .masterPersistenceTimeout  // FLUSH_DISK_TIMEOUT
        case 11: .haNotAvailable  // SLAVE_NOT_AVAILABLE
        case 12: .slavePersistenceTimeout  // FLUSH_SLAVE_TIMEOUT
        case 17: .topicNotFound  // TOPIC_NOT_EXIST
        case 23: .illegalFilterExpression  // SUBSCRIPTION_PARSE_FAILED
        case 26: .consumerGroupNotFound  // SUBSCRIPTION_GROUP_NOT_EXIST
        case 29: .badRequest  // INVALID_PARAMETER
        case 209: .tooManyRequests  // POLLING_FULL
        case 2017: .liteTopicQuotaExceeded  // LMQ_QUOTA_EXCEEDED
        case 2018: .liteSubscriptionQuotaExceeded  // LITE_SUBSCRIPTION_QUOTA_EXCEEDED
        default: .internalServerError
        }
    }

    /// Status for a failed request to a broker or name server.
    package static func status(for response: ResponseCode, remark: String?) -> ProtoStatus {
        let code = code(for: response)
        if code == .ok { return .ok }
        if code == .notImplemented {
            return ProtoStatus(
                code, "the broker does not support this, it may be too old\(remark.map { ": \($0)" } ?? "")")
        }
        return ProtoStatus(code, remark ?? "the broker answered with code \(response.rawValue)")
    }
}
