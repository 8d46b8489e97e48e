import MessageModel
import StorageEngine
import Synchronization

/// What a broker is at, from its making to its end.
package enum BrokerPhase: Int, Sendable {
    case starting
    case readingLog
    case recoveringDelivery
    case recoveringDelays
    case recoveringTransactions
    /// It serves, or refuses sends for a reason that the store's health tells.
    case ready
    case stopping
}

/// Whether a broker serves, for people and for what starts and stops programs.
package struct ServingHealth: Hashable, Sendable {
    /// Whether it takes messages and hands them out.
    package var isWell: Bool
    /// JSON with a `status` (`recovering`, `ready`, `read-only` or `stopping`) and what belongs to it.
    package var json: JSONValue
}

extension Broker {
    /// Whether it has recovered and is not being stopped.
    package var isReady: Bool { phase.load(ordering: .acquiring) == BrokerPhase.ready.rawValue }

    /// Whether it is being stopped.
    var isOver: Bool { currentPhase == .stopping }

    func enter(_ next: BrokerPhase) { phase.store(next.rawValue, ordering: .releasing) }

    private var currentPhase: BrokerPhase { BrokerPhase(rawValue: phase.load(ordering: .acquiring)) ?? .starting }

    /// The answer to requests that come too early or too late: clients try another broker, and later this one.
    var notReady: ServiceError {
        let sentence =
            switch currentPhase {
            case .starting: "the broker is starting"
            case .readingLog: "the broker is recovering: \(recoveredPercent) % of the log is read"
            case .recoveringDelivery, .recoveringDelays, .recoveringTransactions:
                "the broker is recovering: the log is read, what consumers have and what waits is looked up"
            case .ready, .stopping: "the broker is stopping"
            }
        return ServiceError(code: .systemBusy, message: sentence)
    }

    /// How much of what a start has to read it has read, in percent.
    var recoveredPercent: Int64 {
        let (done, total) = store.recoveryBytes
        return total > 0 ? done / max(1, total / 100) : 0
    }

    /// How it does now. Waits for nothing.
    package var health: ServingHealth {
        switch currentPhase {
        case .starting, .readingLog: return recovering("log")
        case .recoveringDelivery: return recovering("delivery")
        case .recoveringDelays: return recovering("delays")
        case .recoveringTransactions: return recovering("transactions")
        case .stopping: return ServingHealth(isWell: false, json: ["status": "stopping"])
        case .ready: break
        }
        let store = store.health
        let reason = store.reason ?? ""
        switch store.status {
        case .ok: return ServingHealth(isWell: true, json: ["status": "ready"])
        case .slow: return ServingHealth(isWell: true, json: ["status": "ready", "reason": .string(reason)])
        case .diskFull, .readOnly:
            return ServingHealth(
                isWell: false,
                json: [
                    "status": "read-only", "storeStatus": .string(store.status.rawValue), "reason": .string(reason),
                ])
        case .closed: return ServingHealth(isWell: false, json: ["status": "stopping"])
        }
    }

    private func recovering(_ part: String) -> ServingHealth {
        let (done, total) = store.recoveryBytes
        return ServingHealth(
            isWell: false,
            json: [
                "status": "recovering", "part": .string(part), "bytesDone": .integer(done),
                "bytesTotal": .integer(total),
            ])
    }
}
