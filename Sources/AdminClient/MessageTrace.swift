import MessageModel
import NIOCore
import RemotingCodec

/// What a client did with a message, as it wrote it into the trace topic.
///
/// The body of a trace message holds one entry after the other, each ended by 0x02, with its fields separated by 0x01. The
/// order of the fields depends on the first, the kind; clients of other versions leave out some at the end.
package struct MessageTrace: Sendable, Hashable {
    /// What happened, by Apache's names.
    package enum Kind: String, Sendable {
        /// A producer sent it.
        case sent = "Pub"
        /// A consumer's listener is about to get it.
        case delivered = "SubBefore"
        /// The listener is done with it.
        case consumed = "SubAfter"
        /// A producer ended the transaction.
        case transactionEnded = "EndTransaction"
        /// A producer took it back.
        case recalled = "Recall"
    }

    /// What happened.
    package let kind: Kind
    /// The message.
    package let messageId: String
    /// When, milliseconds since 1970; nil where the client did not say.
    package var timeMillis: Int64?
    /// The group; nil where the client did not say.
    package var group: String?
    /// Where the client is.
    package var clientHost = ""
    /// How long it took.
    package var costMillis: Int64?
    /// Whether it went well; nil where that is not known yet.
    package var isSuccess: Bool?
    /// The topic, where the kind of entry has it.
    package var topic: String?
    /// The message's keys.
    package var keys: String?

    /// All entries in the body of a trace message; what is no entry is passed over.
    package static func all(in body: String, clientHost: String = "") -> [MessageTrace] {
        body.split(separator: "\u{2}").compactMap { entry in
            let fields = entry.split(separator: "\u{1}", omittingEmptySubsequences: false).map(String.init)
            guard var trace = MessageTrace(fields: fields) else { return nil }
            // Newer clients say where they are.
            if trace.clientHost.isEmpty { trace.clientHost = clientHost }
            return trace
        }
    }

    private init?(fields: [String]) {
        func field(_ index: Int) -> String? { index < fields.count ? fields[index] : nil }
        func flag(_ index: Int) -> Bool? { field(index).map { $0.lowercased() == "true" } }
        func number(_ index: Int) -> Int64? { field(index).flatMap { Int64($0) } }
        guard let kind = Kind(rawValue: fields[0]), let messageId = field(kind == .consumed ? 2 : 5) else { return nil }
        self.kind = kind
        self.messageId = messageId
        timeMillis = number(kind == .consumed ? 7 : 1)
        group = field(kind == .consumed ? 8 : 3)
        switch kind {
        case .sent:
            topic = field(4)
            keys = field(7)
            costMillis = number(10)
            // The offset id came in between later, the host at the end later still.
            isSuccess = flag(fields.count == 13 ? 12 : 13)
            if let host = field(14) { clientHost = host }
        case .delivered: keys = field(7)
        case .consumed:
            costMillis = number(3)
            isSuccess = flag(4)
            keys = field(5)
        case .transactionEnded:
            topic = field(4)
            keys = field(7)
            isSuccess = field(11).map { $0 == "COMMIT_MESSAGE" }
        case .recalled:
            topic = field(4)
            isSuccess = flag(6)
        }
    }
}

extension AdminClient {
    /// What became of a message, by the entries of a trace topic.
    package func traces(
        messageId: String, traceTopic: String, maxCount: Int32, fromMillis: Int64, toMillis: Int64
    ) async throws(AdminError) -> [MessageTrace] {
        let records = try await messages(
            topic: traceTopic, key: messageId, isUnique: false, maxCount: maxCount, fromMillis: fromMillis,
            toMillis: toMillis)
        let traces = records.flatMap { record in
            MessageTrace.all(in: String(buffer: record.unpackedBody), clientHost: record.bornHost.ip)
        }.filter { $0.messageId == messageId }
        guard !traces.isEmpty else {
            throw AdminError(.notFound, "no message of \(traceTopic) tells what became of \(messageId)")
        }
        return traces
    }

    /// Writes into the trace topic that a message was sent, as producers that trace do.
    package func trace(
        _ sent: SentMessage, topic: String, keys: String?, tags: String?, bodyBytes: Int, sentMillis: Int64,
        answeredMillis: Int64
    ) async throws(AdminError) {
        let messageId = sent.uniqueKey ?? sent.messageId
        let storeHost = try await route(of: topic)?.brokers.first { $0.brokerName == sent.brokerName }?.masterAddress
        let fields = [
            MessageTrace.Kind.sent.rawValue, "\(sentMillis)", "DefaultRegion", Self.producerGroup, topic, messageId,
            tags ?? "", keys ?? "", storeHost ?? "", "\(bodyBytes)", "\(answeredMillis - sentMillis)",
            // The kind of message: a normal one.
            "0", sent.messageId, "true",
        ]
        _ = try await send(
            topic: NameRules.traceTopic, body: fields.joined(separator: "\u{1}") + "\u{2}",
            keys: ([messageId] + [keys].compactMap(\.self)).joined(separator: " "), tags: nil, brokerName: nil,
            queueId: nil, nowMillis: answeredMillis)
    }
}
