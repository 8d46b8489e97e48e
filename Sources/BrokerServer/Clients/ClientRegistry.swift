import Logging
import MessageModel
import NIOConcurrencyHelpers
import RemotingCodec
import RemotingTransport

/// The connected clients of a broker: the client table under a lock, and the connections to notify.
package final class ClientRegistry: Sendable {
    private struct State {
        var table: ClientTable
        var connections: [ClientConnectionID: RemotingServerConnection] = [:]
        /// The member of each producer group that was asked last.
        var lastAsked: [String: ClientConnectionID] = [:]
    }

    private let state: NIOLockedValueBox<State>
    private let groups: GroupRegistry
    private let nowMillis: @Sendable () -> Int64
    private let isNotifying: @Sendable () -> Bool
    private let logger: Logger

    init(
        configuration: BrokerConfiguration, groups: GroupRegistry, nowMillis: @escaping @Sendable () -> Int64,
        logger: Logger, isNotifying: @escaping @Sendable () -> Bool = { true }
    ) {
        self.logger = logger
        var limits = ClientTable.Limits()
        limits.expiryMillis = configuration.clientExpiryMillis
        limits.subscriptionExpiryMillis = configuration.subscriptionExpiryMillis
        state = NIOLockedValueBox(State(table: ClientTable(limits: limits)))
        self.isNotifying = isNotifying
        self.groups = groups
        self.nowMillis = nowMillis
    }

    /// Takes a heartbeat in; the consumers are those whose groups exist.
    func heartbeat(
        _ client: ClientIdentity, on connection: RemotingServerConnection, producerGroups: [String],
        consumers: [ConsumerBeat], fingerprint: Int32, withoutSubscriptions: Bool
    ) -> ClientTable.Effect {
        let now = nowMillis()
        let id = ClientConnectionID(rawValue: connection.id)
        let effect = state.withLockedValue { state in
            state.connections[id] = connection
            return state.table.heartbeat(
                client, on: id, producerGroups: producerGroups, consumers: consumers, fingerprint: fingerprint,
                withoutSubscriptions: withoutSubscriptions, nowMillis: now)
        }
        announce(effect)
        for fault in effect.newFaults {
            logger.warning(
                "a consumer group is set up in a way that loses or repeats messages",
                metadata: [
                    "group": "\(fault.group)", "fault": "\(fault.kind.sentence)", "client": "\(client.clientID)",
                    "address": "\(client.address)",
                ])
        }
        return effect
    }

    /// A client leaves groups.
    func unregister(clientID: String, producerGroup: String?, consumerGroup: String?, on connectionID: UInt64) {
        let now = nowMillis()
        let effect = state.withLockedValue {
            $0.table.unregister(
                clientID: clientID, producerGroup: producerGroup, consumerGroup: consumerGroup,
                on: ClientConnectionID(rawValue: connectionID), nowMillis: now)
        }
        announce(effect)
    }

    /// A connection is gone.
    func closed(connectionID: UInt64) {
        let now = nowMillis()
        let id = ClientConnectionID(rawValue: connectionID)
        let effect = state.withLockedValue { state -> ClientTable.Effect in
            guard state.connections.removeValue(forKey: id) != nil else { return .init() }
            return state.table.closed(id, nowMillis: now)
        }
        announce(effect)
    }

    /// Drops whoever has not been heard of; call every few seconds.
    func expire() {
        let now = nowMillis()
        announce(state.withLockedValue { $0.table.expire(nowMillis: now) })
    }

    /// A live member of a producer group; members take turns.
    func nextProducer(group: String) -> RemotingServerConnection? {
        state.withLockedValue { state in
            guard let next = state.table.producerConnection(group: group, after: state.lastAsked[group]) else {
                state.lastAsked[group] = nil
                return nil
            }
            state.lastAsked[group] = next
            return state.connections[next]
        }
    }

    /// The connection of a producer by its client id.
    func producer(clientID: String) -> RemotingServerConnection? {
        state.withLockedValue { state in
            state.table.producerConnection(clientID: clientID).flatMap { state.connections[$0] }
        }
    }

    /// The members of a consumer group with their connections.
    func members(group: String) -> [(ClientIdentity, RemotingServerConnection)] {
        state.withLockedValue { state in
            (state.table.consumers[group]?.members ?? [:]).compactMap { id, member in
                state.connections[id].map { (member.identity, $0) }
            }
        }
    }

    /// Asks the table under the lock. Who keeps the table itself makes the next heartbeat copy it.
    package func ask<Answer>(_ question: (ClientTable) -> Answer) -> Answer {
        state.withLockedValue { question($0.table) }
    }

    /// The connection of a client in a consumer group; nil when it is not there.
    func connection(
        group: String, clientID: String
    ) -> (connection: RemotingServerConnection, client: ClientIdentity)? {
        state.withLockedValue { state in
            for (id, member) in state.table.consumers[group]?.members ?? [:] where member.identity.clientID == clientID
            {
                if let connection = state.connections[id] { return (connection, member.identity) }
            }
            return nil
        }
    }

    /// The connections of a consumer group, in the order of the clients' ids.
    func connections(group: String) -> [(connection: RemotingServerConnection, client: ClientIdentity)] {
        state.withLockedValue { state in
            (state.table.consumers[group]?.members ?? [:])
                .compactMap { id, member in state.connections[id].map { ($0, member.identity) } }
                .sorted { $0.1.clientID < $1.1.clientID }
        }
    }

    /// NOTIFY_CONSUMER_IDS_CHANGED to every member of the changed groups.
    private func announce(_ effect: ClientTable.Effect) {
        guard isNotifying() else { return }
        for group in effect.changedGroups {
            guard groups.group(group)?.notifyConsumerIdsChangedEnable ?? true else { continue }
            let targets = state.withLockedValue { state -> [RemotingServerConnection] in
                guard !state.table.isBroadcasting(group: group) else { return [] }
                return state.table.connections(group: group).compactMap { state.connections[$0] }
            }
            for connection in targets {
                connection.sendOneway(
                    code: .notifyConsumerIdsChanged, header: NotifyConsumerIdsChangedRequestHeader(consumerGroup: group)
                )
            }
        }
    }
}
