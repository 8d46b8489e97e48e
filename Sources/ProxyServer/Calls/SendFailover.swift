import GRPCServer
import MessageModel
import NIOCore

/// A send that can be repeated at another broker, because it holds its own copy of what is sent.
private final class RepeatableSend {
    let topic: LoopMetadata.Topic
    let call: GRPCCall
    let sysFlag: MessageSysFlag
    let bornMillis: Int64
    let bytes: ByteBuffer
    let propertyCount: Int
    let isBatch: Bool
    let completion: (Result<SendReceipt, ProxyError>) -> Void
    var tried: [String] = []

    init(
        _ request: SendRequest, _ topic: LoopMetadata.Topic, _ call: GRPCCall,
        completion: @escaping (Result<SendReceipt, ProxyError>) -> Void
    ) {
        self.topic = topic
        self.call = call
        sysFlag = request.sysFlag
        bornMillis = request.bornMillis
        isBatch = request.isBatch
        propertyCount = request.properties.count
        self.completion = completion
        var bytes = ByteBuffer()
        bytes.reserveCapacity(request.properties.count + request.body.count)
        bytes.writeBytes(request.properties)
        bytes.writeBytes(request.body)
        self.bytes = bytes
    }
}

extension ProxyService {
    /// Brokers tried for one message.
    private static let sendAttemptsMax = 3

    /// Sends; when the broker cannot be reached, at another broker of the topic within the call's deadline.
    ///
    /// Not for messages of a group: their place is their queue. A broker whose connection broke may have stored the
    /// message all the same; a producer that repeats a failed send takes the same risk.
    func sendWithFailover(
        _ request: SendRequest, _ topic: LoopMetadata.Topic, isQueueFixed: Bool, _ call: GRPCCall,
        completion: @escaping (Result<SendReceipt, ProxyError>) -> Void
    ) {
        let broker = request.queue.broker.name
        guard !isQueueFixed, topic.snapshot.sendQueues.contains(where: { $0.broker.name != broker }) else {
            return backend.send(request) { [self] result in
                if case .failure(let error) = result {
                    brokerHealth.note(error.brokerTrouble, broker, nowMillis: context.clock.uptimeMillis())
                }
                completion(result)
            }
        }
        let send = RepeatableSend(request, topic, call, completion: completion)
        backend.send(request) { [self] result in finish(send, broker, result) }
    }

    private func finish(_ send: RepeatableSend, _ broker: String, _ result: Result<SendReceipt, ProxyError>) {
        guard case .failure(let error) = result, error.brokerTrouble != .none else { return send.completion(result) }
        let now = context.clock.uptimeMillis()
        brokerHealth.note(error.brokerTrouble, broker, nowMillis: now)
        send.tried.append(broker)
        send.topic.nextQueue &+= 1
        guard error.brokerTrouble == .gone, send.tried.count < Self.sendAttemptsMax, !send.call.isClosed,
            send.call.deadlineMillisRemaining ?? 1 > 0,
            let queue = brokerHealth.queue(
                send.topic.snapshot.sendQueues, start: send.topic.nextQueue & Int.max, notOn: send.tried,
                nowMillis: now)
        else { return send.completion(result) }
        send.bytes.withUnsafeReadableBytes { bytes in
            let request = SendRequest(
                topic: send.topic.snapshot, queue: queue, sysFlag: send.sysFlag, bornMillis: send.bornMillis,
                properties: UnsafeRawBufferPointer(rebasing: bytes[..<send.propertyCount]),
                body: UnsafeRawBufferPointer(rebasing: bytes[send.propertyCount...]), isBatch: send.isBatch)
            backend.send(request) { [self] result in finish(send, queue.broker.name, result) }
        }
    }
}
