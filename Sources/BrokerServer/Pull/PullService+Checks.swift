import MessageModel
import RemotingCodec

/// Why a pull is not served.
struct PullRefusal: Error {
    var answer: PullAnswer

    init(_ code: ResponseCode, _ remark: String, _ forbidden: PullAnswer.Forbidden? = nil) {
        answer = .refused(code, remark, forbidden)
    }
}

extension PullService {
    /// Apache's checks in Apache's order (`consume.md` 1.3).
    func check(
        _ request: PullRequest, nowMillis: Int64, _ completion: @escaping @Sendable (PullAnswer) -> Void
    ) throws(PullRefusal) -> PullWaiter {
        guard dependencies.isReadable() else {
            throw PullRefusal(.noPermission, "the broker does not allow reading", .broker)
        }
        guard !request.isLite || configuration.isLitePullEnabled else {
            throw PullRefusal(
                .noPermission, "the broker does not serve lite pull consumers (litePullMessageEnable)", .broker)
        }
        guard let group = dependencies.groups.groupOrCreate(request.group) else {
            throw PullRefusal(.subscriptionGroupNotExist, "subscription group [\(request.group)] does not exist")
        }
        guard group.consumeEnable else {
            throw PullRefusal(.noPermission, "subscription group no permission, \(request.group)", .group)
        }
        guard let topic = dependencies.topics.topic(request.topic) else {
            throw PullRefusal(.topicNotExist, "topic[\(request.topic)] not exist, apply first please!")
        }
        guard topic.permission.contains(.read) else {
            throw PullRefusal(.noPermission, "the topic[\(request.topic)] pulling message is forbidden", .topic)
        }
        guard request.queueID >= 0, request.queueID < topic.readQueueCount else {
            throw PullRefusal(
                .invalidParameter,
                "queueId[\(request.queueID)] is illegal, topic:[\(request.topic)] "
                    + "topicConfig.readQueueNums:[\(topic.readQueueCount)]")
        }
        let filter = try filter(of: request, group)
        let suspendMillis =
            request.suspendMillis > 0
            ? min(configuration.shortPollMillis ?? request.suspendMillis, configuration.suspendMillisMax) : 0
        return PullWaiter(
            request: request, filter: filter, topicSysFlag: topic.sysFlag, groupSysFlag: group.groupSysFlag,
            offset: request.offset, deadlineMillis: nowMillis + suspendMillis, completion: completion)
    }

    private func filter(
        of request: PullRequest, _ group: SubscriptionGroupConfig
    ) throws(PullRefusal) -> MessageFilter {
        let (type, expression): (String?, String?)
        switch request.subscription {
        case .inline(let inlineType, let inlineExpression):
            (type, expression) = (inlineType, inlineExpression)
        case .heartbeat(let version):
            (type, expression) = try subscription(of: request, group, version: version)
        }
        do throws(ServiceError) {
            let filter = try dependencies.filters.filter(type: type, expression: expression)
            if case .properties = filter, !configuration.isPropertyFilterEnabled {
                throw ServiceError(
                    code: .systemError,
                    message: "The broker does not support consumer to filter message by \(type ?? "SQL92")")
            }
            return filter
        } catch {
            throw PullRefusal(error.code, error.message)
        }
    }

    /// What the group's heartbeats say of the topic.
    private func subscription(
        of request: PullRequest, _ group: SubscriptionGroupConfig, version: Int64
    ) throws(PullRefusal) -> (type: String?, expression: String?) {
        let known = dependencies.clients.ask { table -> (GroupMessageModel, SubscriptionData?)? in
            guard let known = table.consumers[request.group], known.isSubscriptionKnown else { return nil }
            return (known.messageModel, known.subscriptions[request.topic])
        }
        guard let (messageModel, subscription) = known ?? savedSubscription(of: request, group) else {
            throw PullRefusal(.subscriptionNotExist, "the consumer's group info not exist: \(request.group)")
        }
        guard messageModel != .broadcasting || group.consumeBroadcastEnable else {
            throw PullRefusal(
                .noPermission, "the consumer group[\(request.group)] can not consume by broadcast way", .broadcasting)
        }
        guard !dependencies.groups.isReadForbidden(group: request.group, topic: request.topic) else {
            throw PullRefusal(
                .noPermission,
                "the consumer group[\(request.group)] is forbidden for topic[\(request.topic)]", .subscription)
        }
        guard let subscription else {
            throw PullRefusal(
                .subscriptionNotExist, "the consumer's subscription not exist: \(request.group) \(request.topic)")
        }
        guard subscription.version >= version else {
            throw PullRefusal(
                .subscriptionNotLatest, "the consumer's subscription not latest: \(request.group) \(request.topic)")
        }
        return (subscription.expressionType, subscription.expression)
    }

    /// What heartbeats before a restart said; whether the group is a broadcasting one is not known then, and matters only
    /// where those are forbidden.
    private func savedSubscription(
        of request: PullRequest, _ group: SubscriptionGroupConfig
    ) -> (GroupMessageModel, SubscriptionData?)? {
        guard group.consumeBroadcastEnable else { return nil }
        return dependencies.savedFilters.filter(topic: request.topic, group: request.group).map {
            (.clustering, $0.subscription(topic: request.topic))
        }
    }
}
