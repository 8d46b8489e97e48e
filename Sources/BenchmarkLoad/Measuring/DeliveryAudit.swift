/// Compares what producers were told is stored with what consumers got.
package struct DeliveryAudit: Sendable {
    /// The outcome.
    package struct Result: Hashable, Sendable {
        /// Sends answered OK.
        package var acknowledged = 0
        /// Different messages received.
        package var received = 0
        /// Answered OK and never received, when this run has both producers and consumers.
        package var lost = 0
        /// Holes in the numbers received, when this run has only consumers.
        package var gaps = 0
        /// Received more than once, counted each time after the first.
        package var duplicates = 0
        /// Received, but from another run or by no load generator at all.
        package var foreign = 0
    }

    /// Whose numbers a set holds. A topic may hold messages of many runs.
    private struct Source: Hashable {
        var run: UInt64?
        var producer: UInt16
    }

    /// Most producers of all runs that are told apart; messages of further ones count as foreign.
    private static let sourcesMax = 1 << 16

    private let run: UInt64?
    private var sent: [UInt16: SequenceSet] = [:]
    private var got: [Source: SequenceSet] = [:]
    private var duplicates = 0
    private var foreign = 0

    /// An audit of messages of one run; nil takes those of any run, which is right for a topic that one run filled.
    package init(run: UInt64?) {
        self.run = run
    }

    /// A send was answered OK.
    package mutating func acknowledged(producer: UInt16, sequence: UInt64) {
        _ = sent[producer, default: SequenceSet()].insert(sequence)
    }

    /// A message came; false when it is none of this run or came before.
    package mutating func received(_ stamp: MessageStamp?) -> Bool {
        guard let stamp, run == nil || stamp.run == nil || stamp.run == run else {
            foreign += 1
            return false
        }
        // A body that is too small to name its run counts for the one that is audited.
        let source = Source(run: stamp.run ?? run, producer: stamp.producer)
        guard got[source] != nil || got.count < Self.sourcesMax else {
            foreign += 1
            return false
        }
        guard got[source, default: SequenceSet()].insert(stamp.sequence) else {
            duplicates += 1
            return false
        }
        return true
    }

    /// Messages of this run that were received, each counted once.
    package var receivedCount: Int { got.values.reduce(0) { $0 + $1.count } }

    /// Messages answered OK and not received yet.
    package var outstandingCount: Int {
        sent.reduce(0) { sum, entry in
            sum + entry.value.countMissing(in: got[Source(run: run, producer: entry.key)] ?? SequenceSet())
        }
    }

    /// The outcome so far.
    package var result: Result {
        var result = Result()
        result.acknowledged = sent.values.reduce(0) { $0 + $1.count }
        result.received = receivedCount
        result.duplicates = duplicates
        result.foreign = foreign
        if sent.isEmpty {
            result.gaps = got.values.reduce(0) { $0 + $1.gapCount }
        } else if !got.isEmpty {
            result.lost = outstandingCount
        }
        return result
    }
}
