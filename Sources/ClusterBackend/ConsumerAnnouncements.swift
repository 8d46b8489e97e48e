import Logging
import MessageModel
import NIOCore
import ProxyServer
import RemotingCodec
import RemotingTransport

/// Tells brokers which consumers are connected to this proxy, so that what operators ask of one of them reaches it, and
/// answers such questions.
///
/// Every 20 seconds each broker of a consumer's topics is told of all of them, and shortly after a change of what changed.
/// Apache's brokers do not know the request; they are left alone for a while then.
/// All mutable state is touched on the client's event loop only.
package final class ConsumerAnnouncements: @unchecked Sendable {
    private static let periodSeconds: Int64 = 20
    /// Changes that come together make one round.
    private static let settleMillis: Int64 = 100
    private static let timeoutMillis: Int64 = 3_000
    private static let consumersPerRequest = 500
    /// How long a broker that does not know the request is not asked again.
    private static let unsupportedSeconds: Int64 = 300

    private let client: RemotingClient
    private let context: ProxyContext
    private let logger: Logger
    private let rounds: Rounds
    /// What each broker was told.
    private var announced: [HostPort: [StreamedConsumer.Key: StreamedConsumer]] = [:]
    private var unsupportedUntil: [HostPort: NIODeadline] = [:]

    /// Announcements over a client of the proxy.
    package init(client: RemotingClient, context: ProxyContext, logger: Logger) {
        self.client = client
        self.context = context
        self.logger = logger
        rounds = Rounds(
            eventLoop: client.eventLoop, periodSeconds: Self.periodSeconds, settleMillis: Self.settleMillis)
    }

    /// Begins; any thread.
    package func start() {
        rounds.start { [weak self] isPeriodic in self?.announce(isComplete: isPeriodic) }
        context.consumers.setOnChange { [weak self] in self?.rounds.plan() }
    }

    /// Ends; any thread.
    package func stop() { rounds.stop() }

    // MARK: Rounds

    private func announce(isComplete: Bool) {
        var round: [HostPort: [StreamedConsumer.Key: StreamedConsumer]] = [:]
        for consumer in context.consumers.all {
            for topic in consumer.subscriptions.map(\.topic) {
                let brokers = context.brokers(of: topic, on: client.eventLoop) { [weak self] in self?.rounds.plan() }
                for address in brokers.compactMap(\.masterAddress) {
                    round[address, default: [:]][consumer.key] = consumer
                }
            }
        }
        for address in Set(round.keys).union(announced.keys) {
            if let until = unsupportedUntil[address] {
                guard until <= .now() else { continue }
                unsupportedUntil[address] = nil
            }
            tell(address, round[address] ?? [:], isComplete: isComplete)
        }
    }

    private func tell(
        _ address: HostPort, _ consumers: [StreamedConsumer.Key: StreamedConsumer], isComplete: Bool
    ) {
        let before = announced[address] ?? [:]
        announced[address] = consumers.isEmpty ? nil : consumers
        let present = consumers.values.filter { isComplete || before[$0.key] != $0 }.map(\.announcement)
        let left = before.keys.filter { consumers[$0] == nil }
            .map { ProxiedConsumersBody.Member(group: $0.group, clientID: $0.clientID) }
        for piece in present.pieces(of: Self.consumersPerRequest) {
            send(ProxiedConsumersBody(present: piece), to: address)
        }
        for piece in left.pieces(of: Self.consumersPerRequest) {
            send(ProxiedConsumersBody(present: [], left: piece), to: address)
        }
    }

    private func send(_ body: ProxiedConsumersBody, to address: HostPort) {
        client.call(
            address, code: .announceProxiedConsumers, header: EmptyHeader(), body: body.encode(),
            timeoutMillis: Self.timeoutMillis
        ) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let answer) where answer.code == ResponseCode.success.rawValue: return
            case .success(let answer) where answer.code == ResponseCode.requestCodeNotSupported.rawValue:
                unsupportedUntil[address] = .now() + .seconds(Self.unsupportedSeconds)
            case .success(let answer):
                logger.debug(
                    "a broker refused consumers",
                    metadata: ["broker": "\(address)", "reason": "\(answer.remark ?? "\(answer.code)")"])
            case .failure(let error):
                logger.debug(
                    "a broker was not told of consumers",
                    metadata: ["broker": "\(address)", "reason": "\(error.message)"])
            }
            // Whatever was lost is told again in the next round.
            announced[address] = nil
        }
    }

    // MARK: Questions

    /// GET_CONSUMER_RUNNING_INFO (307), sent on by a broker.
    func runningInfo(_ request: RemotingCommand, from peer: RemotingPeer) throws(RemotingCodecError) {
        let header = try GetConsumerRunningInfoRequestHeader(fields: request.fields)
        let key = StreamedConsumer.Key(group: header.consumerGroup, clientID: header.clientId)
        guard let consumer = context.consumers.consumer(key) else { return notOnline(key, request, peer) }
        guard header.jstackEnable ?? false else { return respond(request, peer, consumer.runningInfo(stackTrace: nil)) }
        ask(consumer, .stackTrace, request, peer)
    }

    /// CONSUME_MESSAGE_DIRECTLY (309), sent on by a broker with the message.
    func consumeDirectly(_ request: RemotingCommand, from peer: RemotingPeer) throws(RemotingCodecError) {
        let header = try ConsumeMessageDirectlyRequestHeader(fields: request.fields)
        let record = try MessageRecord(request.body)
        let key = StreamedConsumer.Key(group: header.consumerGroup, clientID: header.clientId ?? "")
        guard let consumer = context.consumers.consumer(key) else { return notOnline(key, request, peer) }
        ask(consumer, .consume(topic: record.topic, record: request.body), request, peer)
    }

    private func ask(
        _ consumer: StreamedConsumer, _ question: ConsumerQuestion, _ request: RemotingCommand, _ peer: RemotingPeer
    ) {
        let isAsked = context.consumers.ask(consumer.key, question) { [self] result in
            client.eventLoop.execute { [self] in
                switch consumer.body(of: result, to: question) {
                case .success(let body): respond(request, peer, body)
                case .failure(let error): refuse(request, peer, error.code, error.message)
                }
            }
        }
        if !isAsked { notOnline(consumer.key, request, peer) }
    }

    private func respond(_ request: RemotingCommand, _ peer: RemotingPeer, _ body: any JSONBody) {
        peer.respond(to: request.ticket, code: .success, header: EmptyHeader(), body: body.encode())
    }

    private func refuse(_ request: RemotingCommand, _ peer: RemotingPeer, _ code: ResponseCode, _ remark: String) {
        peer.respond(to: request.ticket, code: code, remark: remark, header: EmptyHeader())
    }

    private func notOnline(_ key: StreamedConsumer.Key, _ request: RemotingCommand, _ peer: RemotingPeer) {
        refuse(request, peer, .systemError, "The Consumer <\(key.group)> <\(key.clientID)> not online")
    }
}
