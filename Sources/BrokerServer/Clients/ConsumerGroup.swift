import MessageModel
import RemotingCodec

extension ClientTable {
    /// A consumer group as its members describe it.
    struct ConsumerGroup: Sendable {
        private(set) var consumeType: ConsumeType
        private(set) var messageModel: GroupMessageModel
        private(set) var consumeFromWhere: ConsumeFromWhere
        private(set) var members: [ClientConnectionID: Member] = [:]
        private(set) var subscriptions: [String: SubscriptionData] = [:]
        /// Whether a heartbeat told the subscriptions; version 2's short form does not.
        private(set) var isSubscriptionKnown = false
        private(set) var fingerprint: Int32 = 0
        private(set) var emptySinceMillis: Int64?
        /// What is wrong with its members at the moment.
        private(set) var faults: Set<GroupFault.Kind> = []

        /// How many members have each of what they should have all different or all alike: comparing them anew at each
        /// heartbeat would take as long as the group is large.
        private var clientIDs = Tally<String>()
        private var subscriptionHashes = Tally<Int>()
        private var modes = Tally<ConsumerMode>()

        /// A group without members.
        init(_ beat: ConsumerBeat) {
            consumeType = beat.consumeType
            messageModel = beat.messageModel
            consumeFromWhere = beat.consumeFromWhere
        }

        /// Takes the heartbeat of a new or known member in, and tells what it changed.
        mutating func hear(
            _ beat: ConsumerBeat, from member: Member, on connection: ClientConnectionID, fingerprint: Int32,
            withoutSubscriptions: Bool, _ limits: Limits, _ effect: inout Effect
        ) {
            var member = member
            member.mode = ConsumerMode(consumeType: beat.consumeType, messageModel: beat.messageModel)
            member.subscriptionHash =
                withoutSubscriptions
                ? members[connection]?.subscriptionHash ?? 0 : ClientTable.hash(of: beat.subscriptions)
            var isChanged = put(member, connection)
            emptySinceMillis = nil
            consumeType = beat.consumeType
            messageModel = beat.messageModel
            consumeFromWhere = beat.consumeFromWhere
            if fingerprint == 0 || self.fingerprint != fingerprint { effect.hasSubscriptionChanged = true }
            if !withoutSubscriptions {
                if merge(beat.subscriptions, topicsMax: limits.subscriptionsPerGroupMax) { isChanged = true }
                self.fingerprint = fingerprint
                isSubscriptionKnown = true
            }
            effect.newFaults += noteFaults().map { GroupFault(group: beat.group, kind: $0) }
            if isChanged { effect.changedGroups.append(beat.group) }
        }

        /// A member is gone.
        mutating func leave(_ connection: ClientConnectionID, nowMillis: Int64) {
            if let member = members.removeValue(forKey: connection) { uncount(member) }
            _ = noteFaults()
            if members.isEmpty { emptySinceMillis = nowMillis }
        }

        /// True when the member is new.
        private mutating func put(_ member: Member, _ connection: ClientConnectionID) -> Bool {
            let known = members.updateValue(member, forKey: connection)
            if let known { uncount(known) }
            clientIDs.add(member.identity.clientID)
            if member.subscriptionHash != 0 { subscriptionHashes.add(member.subscriptionHash) }
            modes.add(member.mode)
            return known == nil
        }

        private mutating func uncount(_ member: Member) {
            clientIDs.remove(member.identity.clientID)
            if member.subscriptionHash != 0 { subscriptionHashes.remove(member.subscriptionHash) }
            modes.remove(member.mode)
        }

        /// Puts the subscriptions of a heartbeat in the place of the group's; tells whether a topic came or went.
        private mutating func merge(_ told: [SubscriptionData], topicsMax: Int) -> Bool {
            var isChanged = false
            var kept: [String: SubscriptionData] = [:]
            for subscription in told.prefix(topicsMax) {
                let known = subscriptions[subscription.topic]
                if known == nil { isChanged = true }
                kept[subscription.topic] =
                    known.map { $0.version > subscription.version ? $0 : subscription } ?? subscription
            }
            if kept.count != subscriptions.count { isChanged = true }
            subscriptions = kept
            return isChanged
        }

        /// Compares the members; returns the faults that were not there the last time.
        private mutating func noteFaults() -> [GroupFault.Kind] {
            var found: Set<GroupFault.Kind> = []
            if clientIDs.kindCount < members.count { found.insert(.duplicateClientID) }
            if subscriptionHashes.kindCount > 1 { found.insert(.differentSubscriptions) }
            if modes.kindCount > 1 { found.insert(.differentModes) }
            let new = found.subtracting(faults)
            faults = found
            return new.sorted { $0.rawValue < $1.rawValue }
        }
    }

    /// How often each value is there.
    private struct Tally<Value: Hashable & Sendable>: Sendable {
        private var counts: [Value: Int] = [:]

        /// Different values.
        var kindCount: Int { counts.count }

        mutating func add(_ value: Value) { counts[value, default: 0] += 1 }

        mutating func remove(_ value: Value) {
            guard let count = counts[value] else { return }
            counts[value] = count > 1 ? count - 1 : nil
        }
    }
}
