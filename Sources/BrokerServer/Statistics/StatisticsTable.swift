/// The counters of topics and groups, with their history. Pure: time is handed in.
///
/// It holds at most `entriesMax` counters: when one more is wanted, those that have not grown for the longest time go.
package struct StatisticsTable: Sendable {
    /// Whose counter it is.
    package enum Subject: Hashable, Sendable {
        /// What producers put into a topic.
        case topicPut(String)
        /// What a group got of a topic.
        case groupGet(topic: String, group: String)
        /// What a group acknowledged of a topic.
        case groupAck(topic: String, group: String)
        /// What the members of a group sent back of a topic.
        case sendBack(topic: String, group: String)
        /// Everything that was put into the broker.
        case brokerPut
        /// Everything that was got from it.
        case brokerGet
    }

    private var entries: [Subject: CounterHistory] = [:]
    private let entriesMax: Int
    private var lastTickMillis: Int64

    /// An empty table at a time.
    package init(nowMillis: Int64, entriesMax: Int = 50_000) {
        self.entriesMax = max(4, entriesMax)
        lastTickMillis = nowMillis
    }

    /// How many counters there are.
    package var count: Int { entries.count }

    /// Counts.
    package mutating func add(_ counts: Counts, to subject: Subject, nowMillis: Int64) {
        if let index = entries.index(forKey: subject) {
            return entries.values[index].add(counts, nowMillis: nowMillis)
        }
        if entries.count >= entriesMax { makeRoom() }
        // It was zero when samples were last taken.
        var history = CounterHistory(startMillis: min(lastTickMillis, nowMillis))
        history.add(counts, nowMillis: nowMillis)
        entries[subject] = history
    }

    /// Where every counter stands.
    package var totals: [(subject: Subject, counts: Counts)] { entries.map { ($0.key, $0.value.current) } }

    /// Takes samples; call every 10 seconds.
    package mutating func tick(nowMillis: Int64) {
        lastTickMillis = nowMillis
        for subject in entries.keys { entries[subject]?.tick(nowMillis: nowMillis) }
    }

    /// The history of a counter; nil when nothing was counted.
    package func history(of subject: Subject) -> CounterHistory? { entries[subject] }

    /// Forgets a topic or group that was deleted.
    package mutating func remove(where matches: (Subject) -> Bool) {
        entries = entries.filter { !matches($0.key) }
    }

    private mutating func makeRoom() {
        let idle = entries.sorted { $0.value.lastGrowthMillis < $1.value.lastGrowthMillis }
        for entry in idle.prefix(entriesMax / 4) { entries[entry.key] = nil }
    }
}

extension StatisticsTable.Subject {
    /// The topic it is about, if any.
    package var topic: String? {
        switch self {
        case .topicPut(let topic): topic
        case .groupGet(let topic, _), .groupAck(let topic, _), .sendBack(let topic, _): topic
        case .brokerPut, .brokerGet: nil
        }
    }

    /// The group it is about, if any.
    package var group: String? {
        switch self {
        case .groupGet(_, let group), .groupAck(_, let group), .sendBack(_, let group): group
        case .topicPut, .brokerPut, .brokerGet: nil
        }
    }
}
