import MessageModel
import NIOCore
import ProtoMessages

/// The metadata caches as one event loop sees them: a value is taken from the shared cache once a second and otherwise
/// found without a lock and without making a string.
final class LoopMetadata {
    /// A topic on this loop.
    final class Topic {
        let snapshot: TopicSnapshot
        /// Next queue for messages without an order, next broker for receives without a known one.
        var nextQueue: Int
        var nextBroker: Int

        init(_ snapshot: TopicSnapshot) {
            self.snapshot = snapshot
            nextQueue = Int.random(in: 0..<1 << 20)
            nextBroker = Int.random(in: 0..<1 << 20)
        }
    }

    /// Outcome of a look-up.
    enum Lookup<Value> {
        case found(Value)
        case absent
        case failed(ProxyError)
        /// It is being fetched; the request is to be tried again when `whenKnown` was called.
        case pending
    }

    private final class Slot<Value> {
        var value: Value
        var untilMillis: Int64

        init(_ value: Value, _ untilMillis: Int64) {
            self.value = value
            self.untilMillis = untilMillis
        }
    }

    private static var trustMillis: Int64 { 1_000 }
    private static var slotCountMax: Int { 20_000 }

    private let eventLoop: any EventLoop
    private let topicCache: MetadataCache<TopicSnapshot>
    private let groupCache: MetadataCache<SubscriptionGroupConfig>
    private let clock: ProxyClock
    private var topics = ByteKeyTable<Slot<Topic>>()
    private var groups = ByteKeyTable<Slot<SubscriptionGroupConfig>>()

    init(
        eventLoop: any EventLoop, topics: MetadataCache<TopicSnapshot>, groups: MetadataCache<SubscriptionGroupConfig>,
        clock: ProxyClock
    ) {
        self.eventLoop = eventLoop
        topicCache = topics
        groupCache = groups
        self.clock = clock
    }

    /// The topic, if it is known without asking the shared cache.
    func knownTopic(_ name: ProtoText) -> Topic? {
        guard let slot = topics.find(name), clock.uptimeMillis() < slot.untilMillis else { return nil }
        return slot.value
    }

    /// The group, if it is known without asking the shared cache.
    func knownGroup(_ name: ProtoText) -> SubscriptionGroupConfig? {
        guard let slot = groups.find(name), clock.uptimeMillis() < slot.untilMillis else { return nil }
        return slot.value
    }

    /// Asks the shared cache for the topic.
    func topic(_ name: ProtoText, whenKnown: @escaping () -> Void) -> Lookup<Topic> {
        let now = clock.uptimeMillis()
        let slot = topics.find(name)
        let text = name.string
        let notify = LoopBoundCall(whenKnown)
        switch topicCache.lookup(text, on: eventLoop, whenKnown: { notify.run() }) {
        case nil: return .pending
        case .absent: return .absent
        case .failed(let error): return .failed(error)
        case .found(let snapshot):
            if let slot {
                if slot.value.snapshot !== snapshot, !slot.value.snapshot.isSame(as: snapshot) {
                    slot.value = Topic(snapshot)
                }
                slot.untilMillis = now + Self.trustMillis
                return .found(slot.value)
            }
            let fresh = Topic(snapshot)
            if topics.count >= Self.slotCountMax { topics.removeAll { $0.untilMillis < now } }
            topics.insert(text, Slot(fresh, now + Self.trustMillis))
            return .found(fresh)
        }
    }

    /// Asks the shared cache for the group.
    func group(_ name: ProtoText, whenKnown: @escaping () -> Void) -> Lookup<SubscriptionGroupConfig> {
        let now = clock.uptimeMillis()
        let slot = groups.find(name)
        let text = name.string
        let notify = LoopBoundCall(whenKnown)
        switch groupCache.lookup(text, on: eventLoop, whenKnown: { notify.run() }) {
        case nil: return .pending
        case .absent: return .absent
        case .failed(let error): return .failed(error)
        case .found(let config):
            if let slot {
                slot.value = config
                slot.untilMillis = now + Self.trustMillis
            } else {
                if groups.count >= Self.slotCountMax { groups.removeAll { $0.untilMillis < now } }
                groups.insert(text, Slot(config, now + Self.trustMillis))
            }
            return .found(config)
        }
    }

    /// The route in use proved wrong.
    func refreshTopic(_ name: String) {
        topicCache.refresh(name)
    }
}

/// A call made on the loop it was created on, carried through code that runs anywhere.
// Created and run on one event loop; in between it is only held.
private final class LoopBoundCall: @unchecked Sendable {
    private let body: () -> Void

    init(_ body: @escaping () -> Void) {
        self.body = body
    }

    func run() {
        body()
    }
}
