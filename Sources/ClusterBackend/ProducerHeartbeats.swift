import Logging
import MessageModel
import NIOCore
import ProxyServer
import RemotingCodec
import RemotingTransport

/// Registers the proxy with brokers as a member of its producers' groups, so that brokers ask it about their
/// transactions, and passes those questions on.
///
/// The group of a v5 producer is its topic. Every 20 seconds, and when topics come or go, each broker of a topic that may
/// hold transactions gets a heartbeat, as from Apache's proxy.
/// All mutable state is touched on the client's event loop only.
package final class ProducerHeartbeats: @unchecked Sendable {
    /// The name of Apache's proxy among producers.
    private static let clientID = "rmq-proxy-producer-client"
    private static let periodSeconds: Int64 = 20
    /// Changes that come together make one round.
    private static let settleMillis: Int64 = 50
    private static let groupsPerBeat = 100

    private let client: RemotingClient
    private let context: ProxyContext
    private let logger: Logger
    private let rounds: Rounds
    /// Groups that each broker was told of, and the name of the broker.
    private var announced: [HostPort: (name: String, groups: Set<String>)] = [:]

    /// Heartbeats over a client; what brokers ask over it comes to ``check(_:from:)``.
    package init(client: RemotingClient, context: ProxyContext, logger: Logger) {
        self.client = client
        self.context = context
        self.logger = logger
        rounds = Rounds(
            eventLoop: client.eventLoop, periodSeconds: Self.periodSeconds, settleMillis: Self.settleMillis)
    }

    /// Begins; any thread.
    package func start() {
        rounds.start { [weak self] _ in self?.beat() }
        context.producers.setOnChange { [weak self] in self?.rounds.plan() }
    }

    /// Ends; any thread.
    package func stop() { rounds.stop() }

    // MARK: Heartbeats

    private func beat() {
        var round: [HostPort: (name: String, groups: Set<String>)] = [:]
        for topic in context.producers.topics {
            let brokers = context.transactionBrokers(of: topic, on: client.eventLoop) { [weak self] in
                self?.rounds.plan()
            }
            for broker in brokers {
                guard let address = broker.masterAddress else { continue }
                round[address, default: (broker.name, [])].groups.insert(topic)
            }
        }
        for (address, entry) in round { announce(entry.groups, to: address) }
        for (address, entry) in announced {
            for group in entry.groups.subtracting(round[address]?.groups ?? []) where !context.producers.knows(group) {
                leave(group, at: address)
            }
        }
        announced = round
    }

    private func announce(_ groups: Set<String>, to address: HostPort) {
        for part in groups.sorted().pieces(of: Self.groupsPerBeat) {
            let body = HeartbeatData(clientId: Self.clientID, producerGroups: part, consumers: []).encode()
            if let failure = client.sendOneway(address, code: .heartBeat, header: EmptyHeader(), body: body) {
                logger.debug(
                    "a broker was not told of producers",
                    metadata: ["broker": "\(address)", "reason": "\(failure.message)"])
            }
        }
    }

    private func leave(_ group: String, at address: HostPort) {
        client.sendOneway(
            address, code: .unregisterClient,
            header: UnregisterClientRequestHeader(clientId: Self.clientID, producerGroup: group))
    }

    // MARK: Questions

    /// CHECK_TRANSACTION_STATE (39), which has no answer but the producer's end of the transaction.
    func check(_ request: RemotingCommand, from peer: RemotingPeer) throws(RemotingCodecError) {
        let header = try CheckTransactionStateRequestHeader(fields: request.fields)
        let record = try MessageRecord(request.body)
        guard let name = header.brokerName ?? announced[peer.address]?.name, let group = record.property("PGROUP")
        else { return }
        let orphan = OrphanedTransaction(
            topic: group, record: request.body, brokerName: name, queueOffset: header.tranStateTableOffset,
            logOffset: header.commitLogOffset)
        if !context.producers.ask(orphan) {
            logger.debug("no producer to ask about a transaction", metadata: ["topic": "\(group)"])
        }
    }
}
