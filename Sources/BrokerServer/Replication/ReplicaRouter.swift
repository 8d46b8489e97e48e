import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import RemotingTransport
import StorageEngine

/// What a replica answers: how it does. Everything else is for its master.
final class ReplicaRouter: RemotingService {
    /// Nil while the store opens.
    let replica = NIOLockedValueBox<Replica?>(nil)
    private let configuration: BrokerConfiguration
    private let store: MessageStore
    private let bootMillis: Int64

    init(configuration: BrokerConfiguration, store: MessageStore, bootMillis: Int64) {
        self.configuration = configuration
        self.store = store
        self.bootMillis = bootMillis
    }

    func handle(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        switch request.requestCode {
        case .getBrokerRuntimeInfo:
            connection.respond(to: request, code: .success, body: KVTable(runtimeInfo()).encode())
        case .getBrokerConfig:
            connection.respond(
                to: request, code: .success,
                header: GetBrokerConfigResponseHeader(
                    version: DataVersion(timestampMillis: bootMillis).json.serializedText),
                body: ByteBuffer(string: configuration.listing))
        case .getBrokerHaStatus: answerStatus(request, connection)
        // Clients send their heartbeats to all brokers of a route.
        case .heartBeat:
            connection.respond(
                to: request, code: .success,
                header: HeartbeatResponseHeader(supportsHeartbeatV2: true, hasSubscriptionChanged: false))
        case .unregisterClient: connection.respond(to: request, code: .success)
        default:
            connection.respond(
                to: request, code: .serviceNotAvailable,
                remark:
                    "\(configuration.brokerName) with brokerId \(configuration.brokerID) is a replica, which serves "
                    + "nobody: ask its master")
        }
    }

    /// GET_BROKER_HA_STATUS (907), of a slave.
    private func answerStatus(_ request: RemotingCommand, _ connection: RemotingServerConnection) {
        guard let status = replica.withLockedValue({ $0?.status }) else {
            return connection.respond(to: request, code: .systemBusy, remark: "the replica is starting")
        }
        var answer = ReplicationStatus(isMaster: false, logEnd: status.own.masterLogEnd)
        answer.own = status.own
        connection.respond(to: request, code: .success, body: answer.encode())
    }

    private func runtimeInfo() -> [String: String] {
        let health = store.health
        let noRate = "0.0 0.0 0.0"
        let process = Broker.processFigures(
            bootMillis: bootMillis, nowMillis: SystemClock().nowMillis, isActive: health.status != .readOnly)
        return process.merging([
            "commitLogMaxOffset": String(store.maxLogOffset), "commitLogMinOffset": String(store.minLogOffset),
            "dispatchBehindBytes": String(store.dispatchBehindBytes), "storeStatus": health.status.rawValue,
            "storeStatusReason": health.reason ?? "", "putTps": noRate, "getFoundTps": noRate, "getMissTps": noRate,
            "getTotalTps": noRate, "getTransferredTps": noRate, "msgPutTotalTodayNow": "0", "msgGetTotalTodayNow": "0",
        ]) { _, own in own }
    }
}
