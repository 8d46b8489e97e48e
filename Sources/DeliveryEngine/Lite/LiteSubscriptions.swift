/// A client of a group of lite topics.
package struct LiteClientKey: Hashable, Sendable {
    /// The group.
    package var group: String
    /// The client's id.
    package var clientID: String

    /// A key by its parts.
    package init(group: String, clientID: String) {
        self.group = group
        self.clientID = clientID
    }
}

/// Who subscribes to which lite topic, and which lite topics each client has to look at.
///
/// Lite topics are named by their queues. Something to do with a lite topic (a message arrived, a delivery ended) is
/// *offered*: its name goes to the ready names of every client of a group that subscribes to it, once each, and the
/// clients take them out when they poll. Who comes second finds the lite topic taken or empty; so a client that is gone
/// takes nothing from others. All clients of a wildcard group share their ready names, and what was there before the
/// first of them came: its owner keeps that in places from 0 on, of which those below ``WildcardGroup/unseen`` are still
/// to be looked at. What comes later is offered.
///
/// Subscriptions are kept in memory only: clients tell them anew every half minute, and those that do not for
/// ``Limits/expiryMillis`` are dropped. Pure: time is handed in; positions in queues are not its business.
package struct LiteSubscriptions: Sendable {
    /// Bounds, and the time after which a silent client is forgotten.
    package struct Limits: Sendable {
        /// Most subscriptions (a client and a lite topic) together.
        package var subscriptionsMax = 100_000
        /// Most clients together.
        package var clientsMax = 100_000
        /// Most lite topics that a client is remembered to have lost.
        package var lostMax = 10_000
        /// Time without a word from the client after which its subscriptions go.
        package var expiryMillis: Int64 = 180_000

        /// The product's values.
        package init() {}
    }

    /// What a change of subscriptions did.
    package struct Change: Sendable, Hashable {
        /// Lite topics that the client has now and had not before.
        package var added: [String] = []
        /// Lite topics that the client has no more.
        package var removed: [String] = []
        /// Clients that have lost a lite topic to another one, and must be told.
        package var lost: [Loss] = []
    }

    /// A client that has lost a lite topic.
    package struct Loss: Sendable, Hashable {
        /// The client.
        package var client: LiteClientKey
        /// The lite topic's queue.
        package var queue: String

        /// A loss by its parts.
        package init(client: LiteClientKey, queue: String) {
            self.client = client
            self.queue = queue
        }
    }

    struct Client: Sendable {
        var topic: String
        var queues: Set<String> = []
        /// Lite topics lost to another client of the group, which the client may not know yet.
        var lost: Set<String> = []
        var ready = LiteReadyQueue()
        var seenMillis: Int64
        var isWildcard = false
    }

    private struct WildcardGroup: Sendable {
        var topic: String
        /// Clients that know that the group is bound to this topic: others get nothing.
        var members: Set<String> = []
        var ready = LiteReadyQueue()
        /// Places of lite topics that nobody has looked at since the first client came.
        var unseen: Int
        /// Whether something ready was taken last.
        var isUnseenNext = false
    }

    private let limits: Limits
    private(set) var clients: [LiteClientKey: Client] = [:]
    /// Ids of the clients of each group that subscribe to a lite topic.
    private var holders: [String: [String: Set<String>]] = [:]
    private var wildcards: [String: WildcardGroup] = [:]
    private var wildcardGroups: [String: Set<String>] = [:]
    /// Subscriptions of all clients.
    package private(set) var count = 0

    /// Nobody yet.
    package init(limits: Limits = Limits()) { self.limits = limits }

    /// Clients known.
    package var clientCount: Int { clients.count }

    // MARK: Subscriptions

    /// Adds subscriptions of a client; nil when there would be too many. In an exclusive group other clients lose theirs.
    package mutating func add(
        _ key: LiteClientKey, topic: String, queues: [String], isExclusive: Bool, nowMillis: Int64
    ) -> Change? {
        let new = Set(queues).subtracting(clients[key]?.queues ?? [])
        guard touch(key, topic: topic, adding: new.count, nowMillis: nowMillis) else { return nil }
        var change = Change(added: new.sorted())
        if isExclusive {
            for queue in queues {
                for other in (holders[queue]?[key.group] ?? []).sorted() where other != key.clientID {
                    let loser = LiteClientKey(group: key.group, clientID: other)
                    drop(queue, of: loser)
                    if clients[loser]?.lost.count ?? 0 < limits.lostMax { clients[loser]?.lost.insert(queue) }
                    change.lost.append(Loss(client: loser, queue: queue))
                }
            }
        }
        clients[key]?.lost.subtract(queues)
        for queue in change.added { hold(queue, key) }
        return change
    }

    /// Takes subscriptions of a client away.
    package mutating func remove(_ key: LiteClientKey, queues: [String], nowMillis: Int64) -> Change {
        guard clients[key] != nil else { return Change() }
        clients[key]?.seenMillis = nowMillis
        clients[key]?.lost.subtract(queues)
        let removed = Set(queues).intersection(clients[key]?.queues ?? []).sorted()
        for queue in removed { drop(queue, of: key) }
        return Change(removed: removed)
    }

    /// Replaces the set of a client; nil when there would be too many. What it has lost to another client and still
    /// names stays lost, and it is to be told again.
    package mutating func replace(
        _ key: LiteClientKey, topic: String, queues: [String], nowMillis: Int64
    ) -> Change? {
        let lost = clients[key]?.lost.intersection(queues) ?? []
        let wanted = Set(queues).subtracting(lost)
        let known = clients[key]?.queues ?? []
        let new = wanted.subtracting(known)
        guard touch(key, topic: topic, adding: new.count, nowMillis: nowMillis) else { return nil }
        clients[key]?.lost = lost
        var change = Change(added: new.sorted(), removed: known.subtracting(wanted).sorted())
        for queue in change.removed { drop(queue, of: key) }
        for queue in change.added { hold(queue, key) }
        change.lost = lost.sorted().map { Loss(client: key, queue: $0) }
        return change
    }

    /// A client of a wildcard group says that it is there. Returns the clients that have a topic to look at which they had
    /// not before; nil when there are too many clients. `places` is how many lite topics the parent has: all of them are to
    /// be looked at when nobody was there.
    package mutating func join(
        _ key: LiteClientKey, topic: String, places: Int, nowMillis: Int64
    ) -> [LiteClientKey]? {
        guard touch(key, topic: topic, adding: 0, nowMillis: nowMillis) else { return nil }
        clients[key]?.isWildcard = true
        if let old = wildcards[key.group]?.topic, old != topic { withdraw(key.group, from: old) }
        if wildcards[key.group]?.topic != topic {
            // Others have not noticed when the group was bound to another topic and to this one again.
            let keys = members(group: key.group).filter {
                clients[$0]?.isWildcard == true && clients[$0]?.topic == topic
            }
            wildcards[key.group] = WildcardGroup(topic: topic, members: Set(keys.map(\.clientID)), unseen: places)
            wildcardGroups[topic, default: []].insert(key.group)
            return keys
        }
        return wildcards[key.group]?.members.insert(key.clientID).inserted == true ? [key] : []
    }

    /// Has a wildcard group look at all lite topics once more; returns its clients.
    package mutating func lookAgain(group: String, places: Int) -> [LiteClientKey] {
        wildcards[group]?.unseen = places
        return members(group: group)
    }

    /// A client leaves, or its group does; what it had to look at goes to the others that subscribe to it, who are
    /// returned.
    @discardableResult
    package mutating func leave(_ key: LiteClientKey) -> [LiteClientKey] {
        guard let client = clients[key] else { return [] }
        for queue in client.queues { drop(queue, of: key) }
        clients[key] = nil
        var others: Set<LiteClientKey> = []
        for queue in client.ready.names { others.formUnion(offer(queue, topic: client.topic, group: key.group)) }
        if wildcards[key.group]?.members.remove(key.clientID) != nil, let group = wildcards[key.group] {
            if group.members.isEmpty {
                wildcards[key.group] = nil
                withdraw(key.group, from: group.topic)
            } else if !group.ready.isEmpty || group.unseen > 0 {
                // It may have been the one that was woken for it.
                others.formUnion(wildcardMembers(key.group))
            }
        }
        return others.sorted { $0.clientID < $1.clientID }
    }

    /// Notes that a client polls.
    package mutating func saw(_ key: LiteClientKey, nowMillis: Int64) {
        guard let seen = clients[key]?.seenMillis, nowMillis > seen else { return }
        clients[key]?.seenMillis = nowMillis
    }

    /// Drops clients that were silent for too long; returns who has something to look at instead of them.
    package mutating func expire(nowMillis: Int64) -> (gone: [LiteClientKey], woken: [LiteClientKey]) {
        let gone = clients.filter { nowMillis - $0.value.seenMillis > limits.expiryMillis }.keys
            .sorted { ($0.group, $0.clientID) < ($1.group, $1.clientID) }
        var woken: Set<LiteClientKey> = []
        for key in gone { woken.formUnion(leave(key)) }
        return (gone, woken.subtracting(gone).sorted { ($0.group, $0.clientID) < ($1.group, $1.clientID) })
    }

    /// Forgets a lite topic, without a word to its clients: their next full list brings it back.
    package mutating func forget(queue: String) {
        for (group, ids) in holders[queue] ?? [:] {
            for id in ids { drop(queue, of: LiteClientKey(group: group, clientID: id)) }
        }
        for group in Array(wildcards.keys) { wildcards[group]?.ready.remove(queue) }
    }

    /// The clients of a group.
    package func members(group: String) -> [LiteClientKey] {
        clients.keys.filter { $0.group == group }.sorted { $0.clientID < $1.clientID }
    }

    // MARK: Things to look at

    /// Offers a lite topic of a parent to one group, or to all; returns whose ready names hold it now.
    package mutating func offer(_ queue: String, topic: String, group: String? = nil) -> [LiteClientKey] {
        var keys: [LiteClientKey] = []
        for (holder, ids) in holders[queue] ?? [:] where group == nil || group == holder {
            for id in ids {
                let key = LiteClientKey(group: holder, clientID: id)
                clients[key]?.ready.push(queue)
                keys.append(key)
            }
        }
        for name in wildcardGroups[topic] ?? [] where group == nil || group == name {
            wildcards[name]?.ready.push(queue)
            keys += wildcardMembers(name)
        }
        return keys
    }

    /// Offers a lite topic to one client that subscribes to it.
    package mutating func offer(_ queue: String, to key: LiteClientKey) {
        if isWildcardMember(key) { wildcards[key.group]?.ready.push(queue) }
        if clients[key]?.queues.contains(queue) == true { clients[key]?.ready.push(queue) }
    }

    /// Whether a lite topic is among those of a client.
    package func has(_ queue: String, _ key: LiteClientKey) -> Bool {
        isWildcardMember(key) || clients[key]?.queues.contains(queue) == true
    }

    /// Takes the next lite topic that a client has to look at.
    package mutating func takeReady(_ key: LiteClientKey) -> String? {
        guard isWildcardMember(key) else { return clients[key]?.ready.pop() }
        let queue = clients[key]?.ready.pop() ?? wildcards[key.group]?.ready.pop()
        if queue != nil { wildcards[key.group]?.isUnseenNext = true }
        return queue
    }

    /// Whether a client looks at a place before what is ready, if there is any: its group takes turns, as either may never
    /// come to an end.
    package func isUnseenNext(_ key: LiteClientKey) -> Bool {
        isWildcardMember(key) && wildcards[key.group]?.isUnseenNext == true
    }

    /// Takes the place of a lite topic of the parent that nobody of a client's wildcard group has looked at, of as many
    /// as there are now.
    package mutating func takeUnseen(_ key: LiteClientKey, topic: String, places: Int) -> Int? {
        guard isWildcardMember(key), let group = wildcards[key.group], group.topic == topic else { return nil }
        let place = min(group.unseen, places) - 1
        wildcards[key.group]?.unseen = max(0, place)
        guard place >= 0 else { return nil }
        wildcards[key.group]?.isUnseenNext = false
        return place
    }

    /// Whether a client has something to look at.
    package func hasReady(_ key: LiteClientKey) -> Bool {
        guard let client = clients[key] else { return false }
        guard client.ready.isEmpty, isWildcardMember(key), let group = wildcards[key.group] else {
            return !client.ready.isEmpty
        }
        return !group.ready.isEmpty || group.unseen > 0
    }

    /// The first of what a client has to look at.
    package func ready(_ key: LiteClientKey, max: Int) -> [String] {
        guard let client = clients[key] else { return [] }
        let own = client.ready.first(max)
        guard isWildcardMember(key), own.count < max, let shared = wildcards[key.group]?.ready else { return own }
        return own + shared.first(max - own.count)
    }

    // MARK: For tools

    /// The ids of a lite topic's clients by group, those of wildcard groups left out.
    package func holders(of queue: String) -> [String: Set<String>] { holders[queue] ?? [:] }

    /// Whether a client of a group subscribes to a lite topic, wildcards left out.
    package func holds(_ group: String, _ queue: String) -> Bool { holders[queue]?[group] != nil }

    /// What a client subscribes to; nil when it is unknown.
    package func subscriptions(of key: LiteClientKey) -> Set<String>? { clients[key]?.queues }

    /// When a client was last heard of; nil when it is unknown.
    package func seenMillis(of key: LiteClientKey) -> Int64? { clients[key]?.seenMillis }

    // MARK: Parts

    /// Makes the client known; false when that or its new subscriptions go over the limits.
    private mutating func touch(_ key: LiteClientKey, topic: String, adding: Int, nowMillis: Int64) -> Bool {
        guard count + adding <= limits.subscriptionsMax || adding == 0 else { return false }
        if clients[key]?.topic != topic {
            guard clients[key] != nil || clients.count < limits.clientsMax else { return false }
            // A group that was bound to another topic.
            leave(key)
            clients[key] = Client(topic: topic, seenMillis: nowMillis)
        }
        clients[key]?.seenMillis = nowMillis
        return true
    }

    private func isWildcardMember(_ key: LiteClientKey) -> Bool {
        wildcards[key.group]?.members.contains(key.clientID) == true
    }

    private func wildcardMembers(_ group: String) -> [LiteClientKey] {
        (wildcards[group]?.members ?? []).map { LiteClientKey(group: group, clientID: $0) }
    }

    private mutating func withdraw(_ group: String, from topic: String) {
        wildcardGroups[topic]?.remove(group)
        if wildcardGroups[topic]?.isEmpty == true { wildcardGroups[topic] = nil }
    }

    private mutating func hold(_ queue: String, _ key: LiteClientKey) {
        guard clients[key]?.queues.insert(queue).inserted == true else { return }
        holders[queue, default: [:]][key.group, default: []].insert(key.clientID)
        count += 1
    }

    private mutating func drop(_ queue: String, of key: LiteClientKey) {
        guard clients[key]?.queues.remove(queue) != nil else { return }
        clients[key]?.ready.remove(queue)
        count -= 1
        holders[queue]?[key.group]?.remove(key.clientID)
        if holders[queue]?[key.group]?.isEmpty == true { holders[queue]?[key.group] = nil }
        if holders[queue]?.isEmpty == true { holders[queue] = nil }
    }
}
