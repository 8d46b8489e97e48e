import DeliveryEngine
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import StorageEngine

/// Which topics messages with a time wait for. Pure: fed when such a message is found, asked with the counts by hash.
struct TimerTopics: Sendable {
    /// Topics remembered at most; beyond, the figures leave out those that came last.
    static let countMax = 100_000

    private struct Topic {
        var name: String
        var lastMillis: Int64
    }

    private var byHash: [Int32: Topic] = [:]

    /// A message for a topic began to wait, or was delivered.
    mutating func noted(_ topic: String, hash: Int32, nowMillis: Int64) {
        if byHash[hash] != nil {
            byHash[hash]?.lastMillis = nowMillis
        } else if byHash.count < Self.countMax {
            byHash[hash] = Topic(name: topic, lastMillis: nowMillis)
        }
    }

    /// How many wait by topic and when that changed last, in the form of Apache's `timermetrics`.
    func json(counts: [Int32: Int]) -> JSONValue {
        var table = JSONObject()
        for (hash, topic) in byHash.sorted(by: { $0.value.name < $1.value.name }) {
            table.append(
                topic.name, ["count": .integer(Int64(counts[hash] ?? 0)), "timeStamp": .integer(topic.lastMillis)])
        }
        return .object(table)
    }

    /// When anything changed last; 0 when nothing did.
    var lastMillis: Int64 { byHash.values.reduce(0) { max($0, $1.lastMillis) } }
}

/// How many messages with a time came and went, to tell rates.
struct TimerTraffic: Sendable {
    var indexed: CounterHistory
    var delivered: CounterHistory

    init(nowMillis: Int64) {
        indexed = CounterHistory(startMillis: nowMillis)
        delivered = CounterHistory(startMillis: nowMillis)
    }

    /// Takes the samples that are due.
    mutating func tick(nowMillis: Int64) {
        indexed.tick(nowMillis: nowMillis)
        delivered.tick(nowMillis: nowMillis)
    }
}

extension DelayService {
    /// The progress of the levels as Apache's brokers send it to each other.
    func levelProgress() -> JSONValue {
        state.withLockedValue { state in
            var progress = state.progress
            progress.offsets = state.progressOffsets
            return progress.sharedJSON
        }
    }

    /// Where the timers stand, in the form of Apache's checkpoint: the time until which they are delivered, a place in
    /// Apache's own log (we have none), the messages of the timer topic that are known, twice, and a data version. All
    /// numbers have 8 bytes (store.md 12.6).
    func timerCheckpoint() -> ByteBuffer {
        let now = nowMillis()
        let (progress, version) = state.withLockedValue { state in
            (state.timers.progress(nowMillis: now), state.progress.dataVersion)
        }
        var bytes = ByteBuffer()
        let slotMillis = TimerTime.slot(ofMillis: progress.deliveredThroughMillis)
        for number in [slotMillis, 0, progress.queueOffset, progress.queueOffset] { bytes.writeInteger(number) }
        for number in [version.stateVersion, version.timestampMillis, version.counter] { bytes.writeInteger(number) }
        return bytes
    }

    /// How many messages wait for a time by topic, in the form of Apache's `timermetrics`.
    func timerMetrics() -> JSONValue {
        state.withLockedValue { state in
            let version = DataVersion(
                timestampMillis: state.timerTopics.lastMillis,
                counter: state.traffic.indexed.current.messages + state.traffic.delivered.current.messages)
            return [
                "dataVersion": version.json,
                "timingCount": state.timerTopics.json(counts: state.timers.countsByTopicHash),
            ]
        }
    }

    /// The figures of delays among those of the broker, by Apache's names.
    func runtimeFigures() -> [String: String] {
        let now = nowMillis()
        let timerEnd = store.maxOffset(topic: NameRules.timerTopic, queueId: 0)
        let (levels, timers, rates) = state.withLockedValue { state in
            state.traffic.tick(nowMillis: now)
            let dueMillis = state.timers.dueMillis ?? now
            return (
                state.progressOffsets,
                (
                    behindSeconds: max(0, now - dueMillis) / 1_000,
                    unread: max(0, timerEnd - state.timers.readOffset), count: state.timers.count
                ),
                (
                    indexed: state.traffic.indexed.messagesPerSecond(nowMillis: now),
                    delivered: state.traffic.delivered.messagesPerSecond(nowMillis: now)
                )
            )
        }
        var figures = [
            "timerReadBehind": String(timers.behindSeconds), "timerOffsetBehind": String(timers.unread),
            "timerCongestNum": String(timers.count), "timerEnqueueTps": String(rates.indexed),
            "timerDequeueTps": String(rates.delivered),
        ]
        for (level, offset) in levels {
            let end = store.maxOffset(topic: NameRules.scheduleTopic, queueId: level - 1)
            figures["scheduleMessageOffset_\(level)"] = "\(offset),\(end)"
        }
        return figures
    }
}
