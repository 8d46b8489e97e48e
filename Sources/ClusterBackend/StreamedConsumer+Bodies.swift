import MessageModel
import ProtoMessages
import ProxyServer
import RemotingCodec

extension StreamedConsumer {
    /// Its subscriptions in the form of heartbeats.
    private var subscriptionData: [SubscriptionData] {
        subscriptions.map { subscription in
            SubscriptionData(
                topic: subscription.topic, expression: subscription.expression,
                expressionType: subscription.isSQL ? "SQL92" : "TAG", version: startMillis)
        }
    }

    private var consumeType: ConsumeType { isPush ? .passively : .actively }

    /// What a broker is told of it.
    package var announcement: ProxiedConsumersBody.Consumer {
        ProxiedConsumersBody.Consumer(
            client: ClientConnection(
                clientId: key.clientID, address: address, language: LanguageCode(name: language) ?? .other,
                version: ProtocolVersion.current),
            data: ConsumerData(groupName: key.group, consumeType: consumeType, subscriptions: subscriptionData))
    }

    /// What an operator is told of it.
    package func runningInfo(stackTrace: String?) -> ConsumerRunningInfo {
        ConsumerRunningInfo(
            properties: [
                "PROP_CLIENT_VERSION": version, "PROP_CONSUME_TYPE": consumeType.rawValue,
                "PROP_CONSUMEORDERLY": isOrdered ? "true" : "false", "PROP_CONSUMER_START_TIMESTAMP": "\(startMillis)",
            ], subscriptions: subscriptionData, stackTrace: stackTrace)
    }

    /// What who asked is told of its answer: the body, or what is wrong.
    package func body(
        of result: Result<ConsumerAnswer, ProxyError>, to question: ConsumerQuestion
    ) -> Result<any JSONBody, ServiceError> {
        switch (question, result) {
        case (.stackTrace, .success(.stackTrace(let text))):
            .success(runningInfo(stackTrace: text))
        case (.consume, .success(.consumed(let status, let spentMillis))):
            .success(ConsumeDirectlyResult(status, spentMillis: spentMillis, isOrdered: isOrdered))
        case (_, .success):
            .failure(ServiceError(code: .systemError, message: "the client answered something else"))
        case (_, .failure(let error)):
            .failure(
                ServiceError(
                    code: error.code == .proxyTimeout ? .consumeMsgTimeout : .systemError, message: error.message))
        }
    }
}

extension ConsumeDirectlyResult {
    /// The result in the words of 4.x (`proxy-behaviour.md` 4.6).
    package init(_ status: ProtoStatus, spentMillis: Int64, isOrdered: Bool) {
        let outcome: Outcome =
            switch status.code {
            case .ok: .success
            case .failedToConsumeMessage: .later
            case .messageCorrupted: .nothing
            default: .exception
            }
        self.init(
            outcome: outcome, remark: outcome == .success || status.message.isEmpty ? nil : status.message,
            spentMillis: spentMillis, isOrdered: isOrdered)
    }
}
