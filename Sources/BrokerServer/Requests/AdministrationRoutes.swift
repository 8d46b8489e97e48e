import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// What tools and dashboards ask, beside the requests that clients send as well.
    func routeAdministration(
        _ request: RemotingCommand, from connection: RemotingServerConnection
    ) throws -> Bool {
        switch request.requestCode {
        case .updateBrokerConfig: try updateBrokerConfig(request, from: connection)
        case .setCommitlogReadMode: try setCommitLogReadMode(request, from: connection)
        case .viewBrokerStatsData: try viewBrokerStats(request, from: connection)
        case .getBrokerConsumeStats: try getBrokerConsumeStats(request, from: connection)
        case .queryConsumeTimeSpan: try queryConsumeTimeSpan(request, from: connection)
        case .getSystemTopicListFromBroker: getSystemTopicList(request, from: connection)
        case .cleanExpiredConsumequeue: try cleanExpiredConsumeQueue(request, from: connection)
        case .cleanUnusedTopic: try cleanUnusedTopic(request, from: connection)
        case .deleteExpiredCommitlog: try deleteExpiredCommitLog(request, from: connection)
        case .queryConsumeQueue: try queryConsumeQueue(request, from: connection)
        case .getAllDelayOffset: getAllDelayOffset(request, from: connection)
        case .getTimerCheckPoint: try getTimerCheckpoint(request, from: connection)
        case .getTimerMetrics: try getTimerMetrics(request, from: connection)
        case .updateAndCreateTopicList: try updateAndCreateTopicList(request, from: connection)
        default: return try routeGroupAdministration(request, from: connection)
        }
        return true
    }

    private func routeGroupAdministration(
        _ request: RemotingCommand, from connection: RemotingServerConnection
    ) throws -> Bool {
        switch request.requestCode {
        case .getConsumerRunningInfo: try getConsumerRunningInfo(request, from: connection)
        case .consumeMessageDirectly: try consumeMessageDirectly(request, from: connection)
        case .invokeBrokerToGetConsumerStatus: try getConsumerStatus(request, from: connection)
        case .cloneGroupOffset: try cloneGroupOffset(request, from: connection)
        case .getAllProducerInfo: getAllProducerInfo(request, from: connection)
        case .queryTopicsByConsumer: try queryTopicsByConsumer(request, from: connection)
        case .querySubscriptionByConsumer: try querySubscriptionByConsumer(request, from: connection)
        case .updateAndGetGroupForbidden: try updateGroupForbidden(request, from: connection)
        case .announceProxiedConsumers: try announceProxiedConsumers(request, from: connection)
        case .getReplicaState: try getReplicaState(request, from: connection)
        case .getReplicaFile: try getReplicaFile(request, from: connection)
        case .exchangeBrokerHaInfo: try exchangeBrokerHAInfo(request, from: connection)
        case .getBrokerHaStatus: getBrokerHAStatus(request, from: connection)
        case .getAllConsumerOffset: try getAllConsumerOffset(request, from: connection)
        case .updateAndCreateSubscriptiongroupList: try updateAndCreateGroupList(request, from: connection)
        default: return false
        }
        return true
    }
}
