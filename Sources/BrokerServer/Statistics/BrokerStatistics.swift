import MessageModel
import NIOConcurrencyHelpers
import RemotingCodec
import ServerSupport
import StorageEngine
import Synchronization

/// Counts of what the broker did, and rates over the last minutes. Counting a message is a few atomic additions; topics
/// and groups are counted once a batch.
package final class BrokerStatistics: Sendable {
    private let storedCount = StripedCounter()
    private let storedBytes = StripedCounter()
    private let refusedCount = Atomic<Int64>(0)
    private let deliveredCount = Atomic<Int64>(0)
    private let foundCount = Atomic<Int64>(0)
    private let missedCount = Atomic<Int64>(0)
    /// How long sends took, from the request to its durability point.
    let putLatency = LatencyHistogram()
    /// How long reads took.
    let getLatency = LatencyHistogram()

    /// Time between two samples.
    package static let samplePeriodMillis: Int64 = 10_000

    private struct Sample {
        var stored: Int64 = 0
        var delivered: Int64 = 0
        var found: Int64 = 0
        var missed: Int64 = 0
        var reads: Int64 { found + missed }
    }

    /// Totals at the last two midnights, 0 before the broker started.
    private struct Mornings {
        var day: Int64?
        var today = Sample()
        var yesterday = Sample()
    }

    private struct State {
        /// Samples of the last ten minutes, oldest first.
        var samples = [Sample()]
        /// Put latency at the samples of the last minute, oldest first.
        var latencies = [LatencyHistogram.Snapshot()]
        var mornings = Mornings()
        var table: StatisticsTable
        /// How large messages are; nil when nobody will ask.
        var sizes: SizeClasses?
    }

    private let state: NIOLockedValueBox<State>
    private static let samplesMax = 61
    private static let latenciesMax = 7

    /// Nothing counted yet. Sizes are counted when someone will ask for ``messageSizes``.
    package init(nowMillis: Int64, countsSizes: Bool = false) {
        state = NIOLockedValueBox(
            State(table: StatisticsTable(nowMillis: nowMillis), sizes: countsSizes ? SizeClasses() : nil))
    }

    // MARK: Counting

    /// Messages of one send were stored, so long after it came in where that was measured.
    func countStored(_ count: Int, bytes: Int, nanos: Int64? = nil) {
        storedCount.add(Int64(count))
        storedBytes.add(Int64(bytes))
        if let nanos { putLatency.record(nanos: nanos) }
    }

    /// A send was refused.
    func countRefused() { refusedCount.add(1, ordering: .relaxed) }

    /// The store was read once, and something was found or not.
    package func countRead(found: Bool, nanos: Int64) {
        if found {
            foundCount.add(1, ordering: .relaxed)
        } else {
            missedCount.add(1, ordering: .relaxed)
        }
        getLatency.record(nanos: nanos)
    }

    /// Messages of a topic became readable: in log order, on the dispatch thread.
    func countDispatched(_ messages: [DispatchedMessage], nowMillis: Int64) {
        state.withLockedValue { state in
            var index = 0
            var all = Counts()
            while index < messages.count {
                let topic = messages[index].topic
                var counts = Counts()
                let first = index
                while index < messages.count, messages[index].topic == topic {
                    counts += Counts(messages: 1, bytes: Int64(messages[index].size), calls: 1)
                    index += 1
                }
                state.table.add(counts, to: .topicPut(topic), nowMillis: nowMillis)
                all += counts
                if state.sizes != nil, !NameRules.isInternalTopic(topic) {
                    for message in messages[first..<index] { state.sizes?.add(Int64(message.size)) }
                }
            }
            state.table.add(all, to: .brokerPut, nowMillis: nowMillis)
        }
    }

    /// Messages of one answer were handed to a group's consumer: popped or pulled.
    package func countDelivered(topic: String, group: String, count: Int, bytes: Int, nowMillis: Int64) {
        deliveredCount.add(Int64(count), ordering: .relaxed)
        let counts = Counts(messages: Int64(count), bytes: Int64(bytes), calls: 1)
        state.withLockedValue { state in
            state.table.add(counts, to: .groupGet(topic: topic, group: group), nowMillis: nowMillis)
            state.table.add(counts, to: .brokerGet, nowMillis: nowMillis)
        }
    }

    /// Messages were acknowledged, or sent back for another try.
    package func count(_ subject: StatisticsTable.Subject, messages: Int, bytes: Int = 0, nowMillis: Int64) {
        let counts = Counts(messages: Int64(messages), bytes: Int64(bytes), calls: 1)
        state.withLockedValue { $0.table.add(counts, to: subject, nowMillis: nowMillis) }
    }

    /// Forgets the counters of a topic or group that was deleted.
    func forget(topic: String? = nil, group: String? = nil) {
        state.withLockedValue { state in
            state.table.remove { subject in
                (topic != nil && subject.topic == topic) || (group != nil && subject.group == group)
            }
        }
    }

    // MARK: Asking

    /// Messages stored since the start.
    package var stored: Int64 { storedCount.total }
    /// Bytes of their bodies.
    package var storedBodyBytes: Int64 { storedBytes.total }
    /// Sends refused since the start.
    package var refused: Int64 { refusedCount.load(ordering: .relaxed) }
    /// Messages handed to consumers since the start.
    package var delivered: Int64 { deliveredCount.load(ordering: .relaxed) }

    private var now: Sample {
        Sample(
            stored: stored, delivered: delivered, found: foundCount.load(ordering: .relaxed),
            missed: missedCount.load(ordering: .relaxed))
    }

    /// Where the counters of topics and groups stand.
    var totals: [(subject: StatisticsTable.Subject, counts: Counts)] { state.withLockedValue { $0.table.totals } }

    /// How large the records of messages are that came into topics of users; nil when that is not counted.
    var messageSizes: MetricHistogram? {
        state.withLockedValue { state in
            state.sizes.map { MetricHistogram(bounds: SizeClasses.bounds, counts: $0.counts, sum: $0.sum) }
        }
    }

    /// Takes a sample; call every `samplePeriodMillis` with the number of the local day, counted from any day.
    func sample(nowMillis: Int64, day: Int64) {
        let (now, latency) = (now, putLatency.snapshot)
        state.withLockedValue { state in
            state.samples.append(now)
            if state.samples.count > Self.samplesMax { state.samples.removeFirst() }
            state.latencies.append(latency)
            if state.latencies.count > Self.latenciesMax { state.latencies.removeFirst() }
            if let last = state.mornings.day, last != day {
                // A broker that slept over a whole day had nothing to count meanwhile.
                state.mornings.yesterday = state.mornings.today
                state.mornings.today = now
            }
            state.mornings.day = day
            state.table.tick(nowMillis: nowMillis)
        }
    }

    /// Messages stored per second over 10, 60 and 600 seconds (as far as the broker runs that long).
    package var storeRates: [Double] { rates(\.stored) }
    /// Messages handed out per second over 10, 60 and 600 seconds.
    package var deliveryRates: [Double] { rates(\.delivered) }
    /// Reads per second that found something, over 10, 60 and 600 seconds.
    var foundRates: [Double] { rates(\.found) }
    /// Reads per second that found nothing, over 10, 60 and 600 seconds.
    var missedRates: [Double] { rates(\.missed) }
    /// Reads per second, over 10, 60 and 600 seconds.
    var readRates: [Double] { rates(\.reads) }

    private func rates(_ key: KeyPath<Sample, Int64>) -> [Double] {
        state.withLockedValue { state in
            [1, 6, 60].map { periods in
                let samples = state.samples
                let back = min(periods, samples.count - 1)
                guard back > 0, let last = samples.last else { return 0 }
                let difference = last[keyPath: key] - samples[samples.count - 1 - back][keyPath: key]
                return Double(difference) / (Double(back) * Double(Self.samplePeriodMillis) / 1_000)
            }
        }
    }

    /// How long sends of the last minute took.
    var lastMinuteOfPuts: LatencyHistogram.Snapshot {
        let latency = putLatency.snapshot
        return state.withLockedValue { state in state.latencies.first.map { latency.since($0) } ?? latency }
    }

    /// What was stored and handed out until midnight, and until the midnight before.
    var totalsByMorning: (today: (stored: Int64, delivered: Int64), yesterday: (stored: Int64, delivered: Int64)) {
        let mornings = state.withLockedValue { $0.mornings }
        return (
            (mornings.today.stored, mornings.today.delivered), (mornings.yesterday.stored, mornings.yesterday.delivered)
        )
    }

    /// Messages per second of a counter over the last minute; 0 when nothing was counted.
    package func perSecond(_ subject: StatisticsTable.Subject, nowMillis: Int64) -> Double {
        let history = state.withLockedValue { $0.table.history(of: subject) }
        return history?.messagesPerSecond(nowMillis: nowMillis) ?? 0
    }

    /// A counter by Apache's names; nil when nothing was counted under them.
    func data(name: String, key: String, nowMillis: Int64) -> BrokerStatsData? {
        guard let kind = StatisticsName(rawValue: name), let subject = kind.subject(key: key) else { return nil }
        guard let history = state.withLockedValue({ $0.table.history(of: subject) }) else { return nil }
        func span(_ span: CounterHistory.Span) -> BrokerStatsData.Span {
            let growth = history.growth(over: span, nowMillis: nowMillis)
            let sum = kind.isBytes ? growth.counts.bytes : growth.counts.messages
            return BrokerStatsData.Span(
                sum: sum, perSecond: growth.perSecond(sum),
                perEvent: growth.counts.calls > 0 ? Double(sum) / Double(growth.counts.calls) : 0)
        }
        return BrokerStatsData(minute: span(.minute), hour: span(.hour), day: span(.day))
    }
}

/// How many messages had which size, in Apache's classes.
struct SizeClasses: Sendable {
    /// The largest record of each class but the last, in bytes.
    static let bounds: [Int64] = [1 << 10, 4 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20]

    private(set) var counts = [Int64](repeating: 0, count: bounds.count + 1)
    private(set) var sum: Int64 = 0

    mutating func add(_ bytes: Int64) {
        counts[Self.bounds.firstIndex { bytes <= $0 } ?? Self.bounds.count] += 1
        sum += bytes
    }
}

/// The names of counters that VIEW_BROKER_STATS_DATA takes, with their keys.
enum StatisticsName: String {
    case topicPutCount = "TOPIC_PUT_NUMS"
    case topicPutBytes = "TOPIC_PUT_SIZE"
    case groupGetCount = "GROUP_GET_NUMS"
    case groupGetBytes = "GROUP_GET_SIZE"
    case groupAckCount = "GROUP_ACK_NUMS"
    case sendBackCount = "SNDBCK_PUT_NUMS"
    case brokerPutCount = "BROKER_PUT_NUMS"
    case brokerGetCount = "BROKER_GET_NUMS"

    var isBytes: Bool { self == .topicPutBytes || self == .groupGetBytes }

    /// The counter of a key: a topic, `topic@group`, or the cluster, which is that of this broker in any case.
    func subject(key: String) -> StatisticsTable.Subject? {
        switch self {
        case .topicPutCount, .topicPutBytes: return .topicPut(key)
        case .brokerPutCount: return .brokerPut
        case .brokerGetCount: return .brokerGet
        case .groupGetCount, .groupGetBytes, .groupAckCount, .sendBackCount:
            guard let separator = key.lastIndex(of: "@") else { return nil }
            let (topic, group) = (String(key[..<separator]), String(key[key.index(after: separator)...]))
            switch self {
            case .groupAckCount: return .groupAck(topic: topic, group: group)
            case .sendBackCount: return .sendBack(topic: topic, group: group)
            default: return .groupGet(topic: topic, group: group)
            }
        }
    }
}
