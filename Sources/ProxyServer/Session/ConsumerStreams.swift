import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import ProtoMessages

/// A consumer with an open telemetry stream, as its settings describe it.
package struct StreamedConsumer: Sendable, Hashable {
    /// A client in its group.
    package struct Key: Hashable, Sendable {
        /// The consumer group.
        package let group: String
        /// Id of the client.
        package let clientID: String

        /// A key.
        package init(group: String, clientID: String) {
            self.group = group
            self.clientID = clientID
        }
    }

    /// One subscribed topic.
    package struct Subscription: Hashable, Sendable {
        /// The topic.
        package let topic: String
        /// Its filter; `*` for all.
        package let expression: String
        /// Whether the filter is SQL.
        package let isSQL: Bool
    }

    /// Who it is.
    package let key: Key
    /// Its language, as its calls say.
    package let language: String
    /// Its version, as its calls say.
    package let version: String
    /// Where it is.
    package let address: String
    /// Whether messages are pushed to a listener of its user; else the user asks for them.
    package let isPush: Bool
    /// Whether its group works in order.
    package let isOrdered: Bool
    /// What it subscribes to.
    package let subscriptions: [Subscription]
    /// When its stream began, milliseconds since 1970.
    package let startMillis: Int64
}

/// What a consumer can be asked on its stream.
package enum ConsumerQuestion: Sendable {
    /// What its threads do.
    case stackTrace
    /// To consume this stored record of the topic now.
    case consume(topic: String, record: ByteBuffer)
}

/// What it answers.
package enum ConsumerAnswer: Sendable {
    /// Its threads, as text.
    case stackTrace(String)
    /// How it fared with the message, and how long that took.
    case consumed(ProtoStatus, spentMillis: Int64)
}

/// The consumers with an open telemetry stream, on all loops of the proxy, so that operators can ask them something. Losing
/// it loses nothing: clients send their settings again.
package final class ConsumerStreams: Sendable {
    package typealias Completion = @Sendable (Result<ConsumerAnswer, ProxyError>) -> Void
    typealias Ask = @Sendable (ConsumerQuestion, @escaping Completion) -> Void

    private struct Entry {
        let stream: ObjectIdentifier
        let consumer: StreamedConsumer
        let ask: Ask
    }

    private struct State {
        var entries: [StreamedConsumer.Key: Entry] = [:]
        var keys: [ObjectIdentifier: StreamedConsumer.Key] = [:]
        var onChange: (@Sendable () -> Void)?
    }

    private static let consumersMax = 100_000
    private let state = NIOLockedValueBox(State())

    /// Nobody yet.
    package init() {}

    /// Sets who is told when consumers come, change or go; on any thread.
    package func setOnChange(_ onChange: @escaping @Sendable () -> Void) {
        state.withLockedValue { $0.onChange = onChange }
    }

    /// Everybody who is there.
    package var all: [StreamedConsumer] { state.withLockedValue { $0.entries.values.map(\.consumer) } }

    /// The consumers of a group.
    package func members(of group: String) -> [StreamedConsumer] { all.filter { $0.key.group == group } }

    /// One of them.
    package func consumer(_ key: StreamedConsumer.Key) -> StreamedConsumer? {
        state.withLockedValue { $0.entries[key]?.consumer }
    }

    /// Asks a consumer; false when it is not there. The completion runs exactly once, on the loop of its stream.
    package func ask(
        _ key: StreamedConsumer.Key, _ question: ConsumerQuestion, completion: @escaping Completion
    ) -> Bool {
        guard let ask = state.withLockedValue({ $0.entries[key]?.ask }) else { return false }
        ask(question, completion)
        return true
    }

    /// A consumer says what it is, for the first time or anew. A client's newest stream is the one that counts.
    func register(_ stream: ObjectIdentifier, _ consumer: StreamedConsumer, ask: @escaping Ask) {
        let onChange = state.withLockedValue { state -> (@Sendable () -> Void)? in
            if let old = state.keys[stream], old != consumer.key { state.entries[old] = nil }
            let known = state.entries[consumer.key]
            guard known != nil || state.entries.count < Self.consumersMax else { return nil }
            if let known, known.stream != stream { state.keys[known.stream] = nil }
            state.entries[consumer.key] = Entry(stream: stream, consumer: consumer, ask: ask)
            state.keys[stream] = consumer.key
            return known?.consumer == consumer ? nil : state.onChange
        }
        onChange?()
    }

    /// A stream ended.
    func remove(_ stream: ObjectIdentifier) {
        let onChange = state.withLockedValue { state -> (@Sendable () -> Void)? in
            guard let key = state.keys.removeValue(forKey: stream) else { return nil }
            state.entries[key] = nil
            return state.onChange
        }
        onChange?()
    }
}
