/// Outcome codes of apache.rocketmq.v2.
package struct ProtoCode: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: Int32

    /// A code by its number.
    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    package static let ok = ProtoCode(rawValue: 20000)
    package static let multipleResults = ProtoCode(rawValue: 30000)
    package static let badRequest = ProtoCode(rawValue: 40000)
    package static let illegalAccessPoint = ProtoCode(rawValue: 40001)
    package static let illegalTopic = ProtoCode(rawValue: 40002)
    package static let illegalConsumerGroup = ProtoCode(rawValue: 40003)
    package static let illegalMessageTag = ProtoCode(rawValue: 40004)
    package static let illegalMessageKey = ProtoCode(rawValue: 40005)
    package static let illegalMessageGroup = ProtoCode(rawValue: 40006)
    package static let illegalMessagePropertyKey = ProtoCode(rawValue: 40007)
    package static let invalidTransactionID = ProtoCode(rawValue: 40008)
    package static let illegalMessageID = ProtoCode(rawValue: 40009)
    package static let illegalFilterExpression = ProtoCode(rawValue: 40010)
    package static let illegalInvisibleTime = ProtoCode(rawValue: 40011)
    package static let illegalDeliveryTime = ProtoCode(rawValue: 40012)
    package static let invalidReceiptHandle = ProtoCode(rawValue: 40013)
    package static let messagePropertyConflictWithType = ProtoCode(rawValue: 40014)
    package static let unrecognizedClientType = ProtoCode(rawValue: 40015)
    package static let messageCorrupted = ProtoCode(rawValue: 40016)
    package static let clientIDRequired = ProtoCode(rawValue: 40017)
    package static let illegalPollingTime = ProtoCode(rawValue: 40018)
    package static let illegalOffset = ProtoCode(rawValue: 40019)
    package static let illegalLiteTopic = ProtoCode(rawValue: 40020)
    package static let invalidClientProperties = ProtoCode(rawValue: 40021)
    package static let unauthorized = ProtoCode(rawValue: 40100)
    package static let forbidden = ProtoCode(rawValue: 40300)
    package static let notFound = ProtoCode(rawValue: 40400)
    package static let messageNotFound = ProtoCode(rawValue: 40401)
    package static let topicNotFound = ProtoCode(rawValue: 40402)
    package static let consumerGroupNotFound = ProtoCode(rawValue: 40403)
    package static let offsetNotFound = ProtoCode(rawValue: 40404)
    package static let payloadTooLarge = ProtoCode(rawValue: 41300)
    package static let messageBodyTooLarge = ProtoCode(rawValue: 41301)
    package static let messageBodyEmpty = ProtoCode(rawValue: 41302)
    package static let tooManyRequests = ProtoCode(rawValue: 42900)
    package static let liteTopicQuotaExceeded = ProtoCode(rawValue: 42901)
    package static let liteSubscriptionQuotaExceeded = ProtoCode(rawValue: 42902)
    package static let messagePropertiesTooLarge = ProtoCode(rawValue: 43101)
    package static let internalError = ProtoCode(rawValue: 50000)
    package static let internalServerError = ProtoCode(rawValue: 50001)
    package static let haNotAvailable = ProtoCode(rawValue: 50002)
    package static let notImplemented = ProtoCode(rawValue: 50100)
    package static let proxyTimeout = ProtoCode(rawValue: 50400)
    package static let masterPersistenceTimeout = ProtoCode(rawValue: 50401)
    package static let slavePersistenceTimeout = ProtoCode(rawValue: 50402)
    package static let unsupported = ProtoCode(rawValue: 50500)
    package static let failedToConsumeMessage = ProtoCode(rawValue: 60000)
}

/// A Status: code and text for people.
package struct ProtoStatus: Hashable, Sendable {
    /// The code.
    package var code: ProtoCode
    /// The text.
    package var message: String

    /// A status.
    package init(_ code: ProtoCode, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Success.
    package static let ok = ProtoStatus(.ok, "OK")
}
