import MessageModel
import NIOConcurrencyHelpers
import NIOCore

/// A transaction that a broker asks about.
package struct OrphanedTransaction: Sendable {
    /// The topic, which is also the producer group of v5 producers.
    package var topic: String
    /// The half message as a stored record.
    package var record: ByteBuffer
    /// The broker that asks.
    package var brokerName: String
    /// Offset of the half message in the half queue.
    package var queueOffset: Int64
    /// Its offset in the commit log.
    package var logOffset: Int64

    /// A question by its parts.
    package init(topic: String, record: ByteBuffer, brokerName: String, queueOffset: Int64, logOffset: Int64) {
        self.topic = topic
        self.record = record
        self.brokerName = brokerName
        self.queueOffset = queueOffset
        self.logOffset = logOffset
    }
}

/// The producers with an open telemetry stream, on all loops of the proxy, by the topics they publish: whom brokers can
/// ask about transactions. Losing it loses nothing: a broker asks again, here or elsewhere.
package final class ProducerStreams: Sendable {
    typealias Ask = @Sendable (OrphanedTransaction) -> Void

    private struct Producer {
        let number: UInt64
        let clientID: String
        let ask: Ask
        var topics: Set<String>
    }

    private struct State {
        var producers: [ObjectIdentifier: Producer] = [:]
        var streamsByClient: [String: ObjectIdentifier] = [:]
        /// Streams by topic, in the order they came.
        var streams: [String: [UInt64: ObjectIdentifier]] = [:]
        /// The one of each topic that was asked last.
        var lastAsked: [String: UInt64] = [:]
        var nextNumber: UInt64 = 0
        var onChange: (@Sendable () -> Void)?
    }

    private static let producersMax = 100_000
    private static let topicsMax = 1_024
    private let state = NIOLockedValueBox(State())

    /// Nobody yet.
    package init() {}

    /// Sets who is told when the list of topics changes; on any thread.
    package func setOnChange(_ onChange: @escaping @Sendable () -> Void) {
        state.withLockedValue { $0.onChange = onChange }
    }

    /// Topics that somebody publishes.
    package var topics: [String] { state.withLockedValue { Array($0.streams.keys) } }

    /// Whether a producer of the topic is there.
    package func knows(_ topic: String) -> Bool { state.withLockedValue { $0.streams[topic] != nil } }

    /// Passes a question to a producer of its topic; they take turns. False when there is none.
    package func ask(_ orphan: OrphanedTransaction) -> Bool {
        let ask = state.withLockedValue { state -> Ask? in
            guard let streams = state.streams[orphan.topic] else { return nil }
            let last = state.lastAsked[orphan.topic] ?? 0
            guard let next = streams.keys.filter({ $0 > last }).min() ?? streams.keys.min(), let stream = streams[next]
            else { return nil }
            state.lastAsked[orphan.topic] = next
            return state.producers[stream]?.ask
        }
        guard let ask else { return false }
        ask(orphan)
        return true
    }

    /// A producer says what it publishes, for the first time or anew.
    func register(_ stream: ObjectIdentifier, clientID: String, topics: [String], ask: @escaping Ask) {
        change { state in
            if state.producers[stream] == nil {
                guard state.producers.count < Self.producersMax else { return }
                state.nextNumber += 1
                state.producers[stream] = Producer(
                    number: state.nextNumber, clientID: clientID, ask: ask, topics: [])
                state.streamsByClient[clientID] = stream
            }
            for topic in topics { Self.add(topic, to: stream, &state) }
        }
    }

    /// A client sent a transactional message: it publishes the topic, whether it said so or not.
    func note(clientID: String, topic: String) {
        let isKnown = state.withLockedValue { state in
            guard let stream = state.streamsByClient[clientID], let producer = state.producers[stream] else {
                return true
            }
            return producer.topics.contains(topic)
        }
        if isKnown { return }
        change { state in
            guard let stream = state.streamsByClient[clientID] else { return }
            Self.add(topic, to: stream, &state)
        }
    }

    /// A stream ended.
    func remove(_ stream: ObjectIdentifier) {
        change { state in
            guard let producer = state.producers.removeValue(forKey: stream) else { return }
            if state.streamsByClient[producer.clientID] == stream { state.streamsByClient[producer.clientID] = nil }
            for topic in producer.topics {
                state.streams[topic]?[producer.number] = nil
                if state.streams[topic]?.isEmpty ?? false {
                    state.streams[topic] = nil
                    state.lastAsked[topic] = nil
                }
            }
        }
    }

    private static func add(_ topic: String, to stream: ObjectIdentifier, _ state: inout State) {
        guard let producer = state.producers[stream], producer.topics.count < topicsMax else { return }
        state.producers[stream]?.topics.insert(topic)
        state.streams[topic, default: [:]][producer.number] = stream
    }

    /// Changes the state, then tells about it when topics came or went.
    private func change(_ body: (inout State) -> Void) {
        let onChange = state.withLockedValue { state -> (@Sendable () -> Void)? in
            let count = state.streams.count
            body(&state)
            return state.streams.count == count ? nil : state.onChange
        }
        onChange?()
    }
}
