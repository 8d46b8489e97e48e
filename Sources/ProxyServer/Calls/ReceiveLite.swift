import GRPCServer
import MessageModel
import NIOCore
import ProtoMessages

extension ProxyService {
    /// A receive of a lite group: of all lite topics that the client subscribes to.
    ///
    /// Push consumers ask each broker for itself. Simple ones always name the same broker, whatever there is: they are
    /// served from all, and who comes late gets its messages back at once, as if they had not been handed out.
    func receiveLite(
        _ request: ReceiveMessageRequestView, _ group: SubscriptionGroupConfig, _ topic: TopicSnapshot,
        named: BrokerTarget, pollMillis: Int64, invisibleMillis: Int64, _ call: GRPCCall
    ) throws(ProxyError) {
        do throws(ProxyError) {
            try checkLite(group, topic: request.topic.name)
        } catch {
            return failLater(call, error, startMillis: context.clock.uptimeMillis())
        }
        let race = LiteRace(brokers: request.isAutoRenew ? [named] : topic.readBrokers)
        let clientID = call.metadata("x-mq-client-id") ?? ""
        let countMax = batchCount(request.batchSize)
        deliveries.receives[ObjectIdentifier(call)] = call
        for broker in race.brokers {
            let pending = PendingReceive(
                call: call, group: group.name, topic: topic, broker: broker, filter: nil,
                attemptCountMax: group.attemptCountMax, isAutoRenew: request.isAutoRenew,
                startMillis: context.clock.uptimeMillis(), isLite: true)
            let pop = LitePopRequest(
                clientID: clientID, group: group.name, topic: topic.name, broker: broker, countMax: countMax,
                invisibleMillis: invisibleMillis, pollMillis: pollMillis, attemptID: request.attemptID?.string,
                isAbandoned: { call.isClosed || race.isWon })
            backend.popLite(pop) { [self] result in
                if race.decides(result) { finish(pending, result) }
            }
        }
        forgetMetadata(of: call)
    }
}

/// Pops at several brokers for one call.
private final class LiteRace {
    let brokers: [BrokerTarget]
    private var missing: Int
    /// Somebody brought messages.
    private(set) var isWon = false

    init(brokers: [BrokerTarget]) {
        self.brokers = brokers
        missing = brokers.count
    }

    /// Whether an answer goes on: messages always do, to the client or back; else the last one, unless there was a better.
    func decides(_ result: Result<PopAnswer, ProxyError>) -> Bool {
        missing -= 1
        if case .success(let answer) = result, answer.outcome == .found {
            isWon = true
            return true
        }
        return missing == 0 && !isWon
    }
}
