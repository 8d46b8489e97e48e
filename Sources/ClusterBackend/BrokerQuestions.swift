import Logging
import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

/// What brokers ask a proxy over the connections on which it told them of its clients.
package final class BrokerQuestions: Sendable {
    private let client: RemotingClient
    private let producers: ProducerHeartbeats
    private let consumers: ConsumerAnnouncements
    private let logger: Logger

    /// Questions about producers and consumers that were announced over `client`, which is used for nothing else that needs
    /// `onServerRequest`.
    package init(
        client: RemotingClient, producers: ProducerHeartbeats, consumers: ConsumerAnnouncements, logger: Logger
    ) {
        self.client = client
        self.producers = producers
        self.consumers = consumers
        self.logger = logger
    }

    /// Begins; any thread.
    package func start() {
        client.eventLoop.execute { [self] in
            client.onServerRequest = { [weak self] request, peer in self?.handle(request, from: peer) }
        }
        producers.start()
        consumers.start()
    }

    /// Ends; any thread.
    package func stop() {
        producers.stop()
        consumers.stop()
    }

    private func handle(_ request: RemotingCommand, from peer: RemotingPeer) {
        do throws(RemotingCodecError) {
            switch request.requestCode {
            case .checkTransactionState: try producers.check(request, from: peer)
            case .getConsumerRunningInfo: try consumers.runningInfo(request, from: peer)
            case .consumeMessageDirectly: try consumers.consumeDirectly(request, from: peer)
            default: peer.refuse(request)
            }
        } catch {
            logger.warning(
                "a broker's question cannot be read",
                metadata: ["broker": "\(peer.address)", "code": "\(request.code)", "reason": "\(error.message)"])
            peer.respond(
                to: request.ticket, code: .systemError, remark: error.message, header: EmptyHeader())
        }
    }
}

extension RemotingPeer {
    /// Answers a request that the proxy does not know.
    func refuse(_ request: RemotingCommand) {
        respond(
            to: request.ticket, code: .requestCodeNotSupported, remark: "the proxy does not serve this",
            header: EmptyHeader())
    }
}
