import MessageModel
import NIOConcurrencyHelpers
import RemotingCodec

/// Producers of a proxy in this process, which are asked about transactions without a connection.
package final class LocalProducers: Sendable {
    /// Passes a question to a live producer of the group; false when there is none.
    package typealias Ask = @Sendable (_ group: String, _ check: TransactionCheck) -> Bool
    /// Whether there is a live producer of the group.
    package typealias Knows = @Sendable (_ group: String) -> Bool

    private struct State {
        var knows: Knows?
        var ask: Ask?
        var turn = false
    }

    private let state = NIOLockedValueBox(State())

    init() {}

    /// Sets who stands for the producers in this process.
    package func set(knows: @escaping Knows, ask: @escaping Ask) {
        state.withLockedValue { state in
            state.knows = knows
            state.ask = ask
        }
    }

    /// Finds out how to ask a live producer of a group, in this process or among the connected clients.
    func chooser(
        with clients: ClientRegistry, brokerName: String
    ) -> @Sendable (String) -> (@Sendable (TransactionCheck) -> Void)? {
        { group in self.next(group: group, connected: clients, brokerName: brokerName) }
    }

    /// How to ask a live producer of a group: one in this process or one that is connected, in turns when there are both.
    func next(
        group: String, connected clients: ClientRegistry, brokerName: String
    ) -> (@Sendable (TransactionCheck) -> Void)? {
        let (knows, ask, isLocalFirst) = state.withLockedValue { state in
            state.turn.toggle()
            return (state.knows, state.ask, state.turn)
        }
        let isLocal = knows?(group) ?? false
        if isLocal, isLocalFirst, let ask { return { check in _ = ask(group, check) } }
        if let connection = clients.nextProducer(group: group) {
            return { check in
                // CHECK_TRANSACTION_STATE (39), one-way.
                connection.sendOneway(
                    code: .checkTransactionState,
                    header: CheckTransactionStateRequestHeader(
                        tranStateTableOffset: check.queueOffset, commitLogOffset: check.logOffset,
                        messageId: check.messageID, transactionId: check.messageID,
                        offsetMessageId: check.offsetMessageID, brokerName: brokerName), body: check.record)
            }
        }
        if isLocal, let ask { return { check in _ = ask(group, check) } }
        return nil
    }
}
