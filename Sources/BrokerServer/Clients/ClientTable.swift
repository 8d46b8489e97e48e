import MessageModel
import RemotingCodec

/// Names a connection among those of the process.
package struct ClientConnectionID: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// What a heartbeat says of one consumer group of its client.
package struct ConsumerBeat: Hashable, Sendable {
    /// The group.
    package var group: String
    /// Push, pull or pop.
    package var consumeType: ConsumeType
    /// Sharing or broadcasting.
    package var messageModel: GroupMessageModel
    /// Where a new group begins.
    package var consumeFromWhere: ConsumeFromWhere
    /// The topics with their filters.
    package var subscriptions: [SubscriptionData]
}

/// A client behind one connection, as heartbeats describe it.
package struct ClientIdentity: Hashable, Sendable {
    package var clientID: String
    package var address: String
    package var language: LanguageCode
    package var version: Int32
}

/// Who is connected: producers and consumers by group, with their subscriptions. Pure: time and connections are values
/// handed in, and each input tells which groups must be notified.
///
/// A connection appears in a group by a heartbeat and disappears by unregistering, by closing, or when it has not been
/// heard of for `expiryMillis`. A group's subscriptions outlive its last member by `subscriptionExpiryMillis`, so that
/// tools still see them. The table does not decide whether a group may exist and does not send anything.
package struct ClientTable: Sendable {
    /// Bounds of the table.
    package struct Limits: Sendable {
        /// Time without a heartbeat after which a connection leaves its groups.
        package var expiryMillis: Int64 = 120_000
        /// Time for which a group without members keeps its subscriptions.
        package var subscriptionExpiryMillis: Int64 = 600_000
        /// Most memberships (a connection in a group) of all groups together.
        package var membershipsMax = 1_000_000
        /// Most topics that one group may subscribe to.
        package var subscriptionsPerGroupMax = 4_096

        /// The product's values.
        package init() {}
    }

    /// What an input changed.
    package struct Effect: Hashable, Sendable {
        /// Consumer groups whose members must be told that the membership changed.
        package var changedGroups: [String] = []
        /// Whether the subscription fingerprints differ from what the table holds (heartbeat version 2).
        package var hasSubscriptionChanged = false
        /// Groups in which something became wrong that somebody should look into.
        package var newFaults: [GroupFault] = []
        /// Whether something was refused because the table is full.
        package var isFull = false
    }

    struct Member: Hashable, Sendable {
        var identity: ClientIdentity
        var lastSeenMillis: Int64
        /// What it subscribes to, for comparison with others; 0 when it never said.
        var subscriptionHash = 0
        /// How it consumes.
        var mode = ConsumerMode()
    }

    struct ConsumerMode: Hashable, Sendable {
        var consumeType = ConsumeType.passively
        var messageModel = GroupMessageModel.clustering
    }

    private let limits: Limits
    private(set) var consumers: [String: ConsumerGroup] = [:]
    private(set) var producers: [String: [ClientConnectionID: Member]] = [:]
    /// The connection that a producer's client was last heard on, by its id.
    private var producerConnections: [String: ClientConnectionID] = [:]
    private var groupsByConnection: [ClientConnectionID: Set<Role>] = [:]
    private var membershipCount = 0

    private enum Role: Hashable, Sendable {
        case producer(String)
        case consumer(String)
    }

    /// An empty table.
    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    // MARK: Inputs

    /// A heartbeat arrived. `withoutSubscriptions` is version 2's short form, which leaves subscriptions as they are.
    package mutating func heartbeat(
        _ client: ClientIdentity, on connection: ClientConnectionID, producerGroups: [String],
        consumers beats: [ConsumerBeat], fingerprint: Int32 = 0, withoutSubscriptions: Bool = false, nowMillis: Int64
    ) -> Effect {
        var effect = Effect()
        let member = Member(identity: client, lastSeenMillis: nowMillis)
        for group in producerGroups {
            if producers[group]?[connection] == nil, !admit(.producer(group), connection) {
                effect.isFull = true
                continue
            }
            producers[group, default: [:]][connection] = member
            producerConnections[client.clientID] = connection
        }
        for beat in beats {
            if consumers[beat.group]?.members[connection] == nil, !admit(.consumer(beat.group), connection) {
                effect.isFull = true
                continue
            }
            // In place: a copy of the group would be one of all its members.
            consumers[beat.group, default: ConsumerGroup(beat)].hear(
                beat, from: member, on: connection, fingerprint: fingerprint,
                withoutSubscriptions: withoutSubscriptions, limits, &effect)
        }
        if beats.isEmpty { effect.hasSubscriptionChanged = fingerprint == 0 }
        return effect
    }

    /// A client says good-bye to a producer group, a consumer group or both.
    package mutating func unregister(
        clientID: String, producerGroup: String?, consumerGroup: String?, on connection: ClientConnectionID,
        nowMillis: Int64
    ) -> Effect {
        var effect = Effect()
        if let producerGroup { _ = remove(.producer(producerGroup), connection, nowMillis) }
        if let consumerGroup, remove(.consumer(consumerGroup), connection, nowMillis) {
            effect.changedGroups.append(consumerGroup)
        }
        return effect
    }

    /// A connection is gone.
    package mutating func closed(_ connection: ClientConnectionID, nowMillis: Int64) -> Effect {
        var effect = Effect()
        for role in groupsByConnection[connection] ?? [] {
            guard remove(role, connection, nowMillis), case .consumer(let group) = role else { continue }
            effect.changedGroups.append(group)
        }
        effect.changedGroups.sort()
        return effect
    }

    /// Time went by: members that are not heard of any more leave, groups long empty are forgotten.
    package mutating func expire(nowMillis: Int64) -> Effect {
        var due: [(Role, ClientConnectionID)] = []
        for (group, members) in producers {
            for (connection, member) in members where isExpired(member, nowMillis) {
                due.append((.producer(group), connection))
            }
        }
        for (name, group) in consumers {
            for (connection, member) in group.members where isExpired(member, nowMillis) {
                due.append((.consumer(name), connection))
            }
        }
        var changed: Set<String> = []
        for (role, connection) in due where remove(role, connection, nowMillis) {
            if case .consumer(let group) = role { changed.insert(group) }
        }
        consumers = consumers.filter { _, group in
            guard let since = group.emptySinceMillis else { return true }
            return nowMillis - since < limits.subscriptionExpiryMillis
        }
        return Effect(changedGroups: changed.sorted())
    }

    // MARK: Questions

    /// The ids of the clients in a consumer group, in order; empty when the group is unknown.
    ///
    /// Each id once, though two connections may bear it: a share for the second would be nobody's.
    package func clientIDs(group: String) -> [String] {
        Set(consumers[group]?.members.values.map(\.identity.clientID) ?? []).sorted()
    }

    /// The connections of a consumer group.
    package func connections(group: String) -> [ClientConnectionID] {
        consumers[group].map { Array($0.members.keys) } ?? []
    }

    /// The connection of a producer by its client id.
    package func producerConnection(clientID: String) -> ClientConnectionID? { producerConnections[clientID] }

    /// The member of a producer group whose turn it is after `last`; nil when the group has none.
    package func producerConnection(group: String, after last: ClientConnectionID?) -> ClientConnectionID? {
        guard let members = producers[group]?.keys else { return nil }
        var first: ClientConnectionID?
        var next: ClientConnectionID?
        for member in members {
            if first.map({ member.rawValue < $0.rawValue }) ?? true { first = member }
            guard let last, member.rawValue > last.rawValue else { continue }
            if next.map({ member.rawValue < $0.rawValue }) ?? true { next = member }
        }
        return next ?? first
    }

    /// Whether members of the group each get every message, so that a change of membership does not matter to them.
    package func isBroadcasting(group: String) -> Bool {
        consumers[group]?.messageModel == .broadcasting
    }

    /// The consumer groups that subscribe to a topic, in order.
    package func groups(subscribedTo topic: String) -> [String] {
        consumers.filter { $0.value.subscriptions[topic] != nil }.keys.sorted()
    }

    // MARK: Inside

    private mutating func admit(_ role: Role, _ connection: ClientConnectionID) -> Bool {
        guard membershipCount < limits.membershipsMax else { return false }
        if groupsByConnection[connection, default: []].insert(role).inserted { membershipCount += 1 }
        return true
    }

    /// Takes a connection out of a group; false when it was not in it.
    private mutating func remove(_ role: Role, _ connection: ClientConnectionID, _ nowMillis: Int64) -> Bool {
        guard groupsByConnection[connection]?.remove(role) != nil else { return false }
        membershipCount -= 1
        if groupsByConnection[connection]?.isEmpty == true { groupsByConnection[connection] = nil }
        switch role {
        case .producer(let group):
            let member = producers[group]?.removeValue(forKey: connection)
            if let clientID = member?.identity.clientID, producerConnections[clientID] == connection,
                !isProducer(connection)
            {
                producerConnections[clientID] = nil
            }
            if producers[group]?.isEmpty == true { producers[group] = nil }
        case .consumer(let group):
            consumers[group]?.leave(connection, nowMillis: nowMillis)
        }
        return true
    }

    private func isProducer(_ connection: ClientConnectionID) -> Bool {
        groupsByConnection[connection]?.contains { role in
            if case .producer = role { return true }
            return false
        } ?? false
    }

    private func isExpired(_ member: Member, _ nowMillis: Int64) -> Bool {
        nowMillis - member.lastSeenMillis > limits.expiryMillis
    }
}
