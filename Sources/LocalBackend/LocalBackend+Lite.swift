import BrokerServer
import MessageModel
import NIOCore
import ProtoMessages
import ProxyServer
import RemotingCodec

/// Lite topics of the broker in this process.
extension LocalBackend {
    /// Takes messages, or waits for some.
    package func popLite(
        _ request: ProxyServer.LitePopRequest, completion: @escaping (Result<PopAnswer, ProxyError>) -> Void
    ) {
        var pop = BrokerServer.LitePopRequest(
            group: request.group, clientID: request.clientID, topic: request.topic)
        pop.maxCount = request.countMax
        pop.invisibleMillis = request.invisibleMillis
        pop.pollMillis = request.pollMillis
        pop.attemptID = request.attemptID
        pop.eventLoop = eventLoop
        let abandoned = NIOLoopBound(request.isAbandoned, eventLoop: eventLoop)
        pop.isAbandoned = { abandoned.value() }
        let bound = NIOLoopBound(completion, eventLoop: eventLoop)
        let brokerName = request.broker.name
        broker.lite.pop(pop) { [eventLoop] outcome in
            Self.onLoop(eventLoop) { bound.value(Self.answer(outcome, .normal, brokerName)) }
        }
    }

    /// Changes what a client subscribes to.
    package func syncLite(
        _ change: LiteSubscriptionChange, at target: BrokerTarget, completion: @escaping (ProxyError?) -> Void
    ) {
        do throws(ServiceError) {
            try broker.lite.control(
                [
                    LiteSubscriptionBody.Entry(
                        action: change.action, clientId: change.clientID, group: change.group, topic: change.topic,
                        liteTopics: change.liteTopics, start: change.start)
                ], channel: liteChannel)
            completion(nil)
        } catch {
            completion(Self.error(error))
        }
    }

    /// The broker tells the proxy in its process without a connection.
    package func setOnLiteLoss(_ onLoss: @escaping @Sendable (LiteLoss) -> Void) {
        liteChannel = LiteChannel(id: LiteChannel.localID) { header in
            onLoss(LiteLoss(clientID: header.clientId, liteTopic: header.liteTopic))
        }
    }

    func liteHandle(_ request: ReceiptRequest) throws(ServiceError) -> AckRequest {
        try broker.lite.receipt(
            group: request.group, topic: request.storedTopic, liteTopic: request.liteTopic,
            queueID: request.handle.queueId, offset: request.handle.queueOffset, popMillis: request.handle.popTimeMillis
        )
    }

    func deadLetterLite(_ request: ReceiptRequest, completion: @escaping (ProxyError?) -> Void) {
        do throws(ServiceError) {
            let bound = NIOLoopBound(completion, eventLoop: eventLoop)
            broker.lite.deadLetter(try liteHandle(request)) { [eventLoop] error in
                Self.onLoop(eventLoop) { bound.value(error.map(Self.receiptError)) }
            }
        } catch {
            completion(Self.receiptError(error))
        }
    }
}
