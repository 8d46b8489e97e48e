/// Where a group that pops is in a queue.
package struct PopProgress: Sendable {
    /// Everything before this offset is acknowledged.
    package var lowWater: Int64
    /// The first offset that was never handed out.
    package var next: Int64
    /// Messages before `next` that were handed out and are not acknowledged.
    package var inFlight: Int
    /// Messages before `next` that were passed over, as their message group was blocked.
    package var deferred: Int
}

extension DeliveryService {
    /// The topics on which a group has committed offsets, or of which it has popped messages.
    package func topics(group: String) -> [String] {
        let popped = table.all.filter { $0.key.group == group }.map(\.key.topic)
        return Set(offsets.topics(group: group)).union(popped).sorted()
    }

    /// The groups that have committed offsets on a topic, or have popped messages of it.
    package func groups(topic: String) -> [String] {
        let popped = table.subscriptions(topic: topic).map(\.key.group)
        return Set(offsets.groups(topic: topic)).union(popped).sorted()
    }

    /// The topics of every group, as ``topics(group:)`` tells those of one.
    package var topicsByGroup: [String: Set<String>] {
        var result: [String: Set<String>] = [:]
        for entry in offsets.all { result[entry.group, default: []].insert(entry.topic) }
        for subscription in table.all { result[subscription.key.group, default: []].insert(subscription.key.topic) }
        return result
    }
}
