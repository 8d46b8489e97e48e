import Logging
import MessageModel
import RemotingCodec
import RemotingTransport
import StorageEngine

/// Sends each remoting request to its handler by code. One router serves the main port, another the VIP port, which
/// does not offer consuming.
///
/// Handlers are methods in one file per code. They run on the connection's event loop and either answer or throw: a
/// `ServiceError` is the answer, a codec error becomes one.
package final class RequestRouter: RemotingService {
    /// The port a router serves.
    package enum Port: Sendable {
        case main
        /// Two below the main port; old producers use it.
        case vip
    }

    let broker: Broker
    let port: Port
    let logger: Logger
    /// What every answer to a send says.
    let sendFields: SendAnswer.Common
    private let pop: PopMessageHandler
    private let pull: PullMessageHandler
    private let ack: AckMessageHandler
    private let batchAck: BatchAckMessageHandler
    private let changeInvisibleTime: ChangeInvisibleTimeHandler
    private let popLite: PopLiteMessageHandler
    private let notification: NotificationHandler
    private let pollingInfo: PollingInfoHandler

    /// A router over a broker.
    package init(broker: Broker, port: Port = .main, logger: Logger) {
        self.broker = broker
        self.port = port
        self.logger = logger
        sendFields = SendAnswer.Common(
            regionID: broker.configuration.regionID, isTraceOn: broker.configuration.isTraceOn)
        pop = PopMessageHandler(delivery: broker.delivery)
        pull = PullMessageHandler(pulls: broker.pulls)
        popLite = PopLiteMessageHandler(lite: broker.lite)
        ack = AckMessageHandler(delivery: broker.delivery, lite: broker.lite)
        batchAck = BatchAckMessageHandler(delivery: broker.delivery)
        changeInvisibleTime = ChangeInvisibleTimeHandler(delivery: broker.delivery, lite: broker.lite)
        notification = NotificationHandler(delivery: broker.delivery, lite: broker.lite)
        pollingInfo = PollingInfoHandler(delivery: broker.delivery)
    }

    // MARK: RemotingService

    /// Takes the client out of its groups.
    package func connectionClosed(_ connection: RemotingServerConnection) {
        broker.clients.closed(connectionID: connection.id)
        broker.proxiedConsumers.closed(connectionID: connection.id)
        broker.lite.closed(channelID: connection.id)
        broker.delivery.closed(connectionID: connection.id)
    }

    /// Answers one request, now or later.
    package func handle(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        guard broker.isReady else { return connection.respond(to: request, error: broker.notReady) }
        do {
            try route(request, from: connection)
        } catch {
            refuse(request, from: connection, error)
        }
    }

    /// Runs a handler that may read from disk, or has much to compute, on the broker's worker.
    func onWorker(
        _ request: RemotingCommand, _ connection: RemotingServerConnection,
        _ body: @escaping @Sendable () throws -> Void
    ) throws {
        let isTaken = broker.worker.submit { [self] in
            do {
                try body()
            } catch {
                refuse(request, from: connection, error)
            }
        }
        guard isTaken else {
            throw ServiceError(code: .systemBusy, message: "too many administrative requests wait")
        }
    }

    private func refuse(_ request: RemotingCommand, from connection: RemotingServerConnection, _ error: any Error) {
        switch error {
        case let error as ServiceError: connection.respond(to: request, error: error)
        case let error as RemotingCodecError: connection.respond(to: request, error: error.serviceError)
        default:
            logger.error("request failed", metadata: ["code": "\(request.code)", "error": "\(error)"])
            connection.respond(to: request, code: .systemError, remark: "\(error)")
        }
    }

    // MARK: Codes

    private func route(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        switch request.requestCode {
        case .sendMessageV2, .sendBatchMessage: try sendMessage(request, names: .short, from: connection)
        case .sendMessage: try sendMessage(request, names: .long, from: connection)
        case .endTransaction: try endTransaction(request, from: connection)
        case .resumeCheckHalfMessage: try resumeCheckHalfMessage(request, from: connection)
        case .sendReplyMessageV2: try sendReplyMessage(request, names: .short, from: connection)
        case .sendReplyMessage: try sendReplyMessage(request, names: .long, from: connection)
        case .recallMessage: try recallMessage(request, from: connection)
        case .ackMessage: ack.handle(request, from: connection)
        case .batchAckMessage: batchAck.handle(request, from: connection)
        case .changeMessageInvisibletime: changeInvisibleTime.handle(request, from: connection)
        default:
            if port == .main, routeConsuming(request, from: connection) { return }
            if try routeClients(request, from: connection) { return }
            if try routeOffsets(request, from: connection) { return }
            if try routeTopicsAndGroups(request, from: connection) { return }
            if try routeStatistics(request, from: connection) { return }
            if try routeAdministration(request, from: connection) { return }
            if try routeLiteAdministration(request, from: connection) { return }
            connection.respond(
                to: request, code: .requestCodeNotSupported, remark: UnsupportedRequests.remark(code: request.code))
        }
    }

    /// What the VIP port does not offer.
    private func routeConsuming(_ request: RemotingCommand, from connection: RemotingServerConnection) -> Bool {
        switch request.requestCode {
        case .pullMessage: pull.handle(request, isLite: false, from: connection)
        case .litePullMessage: pull.handle(request, isLite: true, from: connection)
        case .popMessage: pop.handle(request, from: connection)
        case .popLiteMessage: popLite.handle(request, from: connection)
        case .notification: notification.handle(request, from: connection)
        case .pollingInfo: pollingInfo.handle(request, from: connection)
        default: return false
        }
        return true
    }

    private func routeClients(
        _ request: RemotingCommand, from connection: RemotingServerConnection
    ) throws -> Bool {
        switch request.requestCode {
        case .heartBeat: try heartbeat(request, from: connection)
        case .unregisterClient: try unregisterClient(request, from: connection)
        case .checkClientConfig: try checkClientConfig(request, from: connection)
        case .queryAssignment: try queryAssignment(request, from: connection)
        case .setMessageRequestMode: try setMessageRequestMode(request, from: connection)
        case .getAllMessageRequestMode: getAllMessageRequestMode(request, from: connection)
        case .liteSubscriptionCtl: try liteSubscriptionControl(request, from: connection)
        case .lockBatchMq: try lockBatch(request, from: connection)
        case .unlockBatchMq: try unlockBatch(request, from: connection)
        case .getConsumerListByGroup: try getConsumerListByGroup(request, from: connection)
        case .getConsumerConnectionList: try getConsumerConnectionList(request, from: connection)
        case .getProducerConnectionList: try getProducerConnectionList(request, from: connection)
        default: return false
        }
        return true
    }

    private func routeOffsets(
        _ request: RemotingCommand, from connection: RemotingServerConnection
    ) throws -> Bool {
        switch request.requestCode {
        case .getMaxOffset: try getMaxOffset(request, from: connection)
        case .getMinOffset: try getMinOffset(request, from: connection)
        case .searchOffsetByTimestamp: try searchOffset(request, from: connection)
        case .getEarliestMsgStoretime: try getEarliestStoreTime(request, from: connection)
        case .queryMessage: try queryMessage(request, from: connection)
        case .viewMessageById: try viewMessage(request, from: connection)
        case .queryCorrectionOffset: try queryCorrectionOffset(request, from: connection)
        case .queryConsumerOffset: try queryConsumerOffset(request, from: connection)
        case .updateConsumerOffset: try updateConsumerOffset(request, from: connection)
        case .invokeBrokerToResetOffset: try resetOffset(request, from: connection)
        case .consumerSendMsgBack: try consumerSendMessageBack(request, from: connection)
        default: return false
        }
        return true
    }

    private func routeTopicsAndGroups(
        _ request: RemotingCommand, from connection: RemotingServerConnection
    ) throws -> Bool {
        switch request.requestCode {
        case .updateAndCreateTopic: try updateAndCreateTopic(request, from: connection)
        case .deleteTopicInBroker: try deleteTopic(request, from: connection)
        case .getAllTopicConfig: try getAllTopicConfig(request, from: connection)
        case .getTopicConfig: try getTopicConfig(request, from: connection)
        case .updateAndCreateSubscriptiongroup: try updateAndCreateSubscriptionGroup(request, from: connection)
        case .getAllSubscriptiongroupConfig: try getAllSubscriptionGroupConfig(request, from: connection)
        case .getSubscriptiongroupConfig: try getSubscriptionGroupConfig(request, from: connection)
        case .deleteSubscriptiongroup: try deleteSubscriptionGroup(request, from: connection)
        default: return false
        }
        return true
    }

    private func routeStatistics(
        _ request: RemotingCommand, from connection: RemotingServerConnection
    ) throws -> Bool {
        switch request.requestCode {
        case .getBrokerConfig: getBrokerConfig(request, from: connection)
        case .getBrokerRuntimeInfo: try getBrokerRuntimeInfo(request, from: connection)
        case .getTopicStatsInfo: try getTopicStats(request, from: connection)
        case .getConsumeStats: try getConsumeStats(request, from: connection)
        case .queryTopicConsumeByWho: try queryTopicConsumeByWho(request, from: connection)
        default: return false
        }
        return true
    }
}
