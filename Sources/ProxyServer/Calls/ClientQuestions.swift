import GRPCServer
import MessageModel
import NIOCore
import ProtoMessages

/// Questions that consumers were asked on their streams and have not answered yet, on one loop.
struct PendingQuestions {
    struct Pending {
        let stream: ObjectIdentifier
        let askedMillis: Int64
        let timer: Scheduled<Void>
        let completion: ConsumerStreams.Completion
    }

    /// More unanswered questions than this are refused.
    static let countMax = 1_000

    private var pending: [String: Pending] = [:]
    private var counter: UInt64 = 0

    var isFull: Bool { pending.count >= Self.countMax }

    mutating func nonce() -> String {
        counter += 1
        return String(counter)
    }

    mutating func add(_ nonce: String, _ question: Pending) { pending[nonce] = question }

    /// The question with that nonce, when it was asked on that stream; it is no longer pending then.
    mutating func take(_ nonce: String, on stream: ObjectIdentifier) -> Pending? {
        guard pending[nonce]?.stream == stream else { return nil }
        return pending.removeValue(forKey: nonce)
    }

    /// The questions of a stream that ended.
    mutating func takeAll(on stream: ObjectIdentifier) -> [Pending] {
        let lost = pending.filter { $0.value.stream == stream }
        for nonce in lost.keys { pending[nonce] = nil }
        return Array(lost.values)
    }
}

extension ProxyService {
    /// How long a client may think about a question; brokers wait a little longer.
    private static var answerMillisMax: Int64 { 9_000 }

    /// A consumer's stream carried settings: from now on it can be asked something.
    func consumerAppeared(
        _ settings: SettingsView, group: ResourceView, _ entries: [SettingsView.SubscriptionEntryView],
        isOrdered: Bool, _ call: GRPCCall
    ) {
        guard !call.isClosed, let clientID = call.metadata("x-mq-client-id") else { return }
        let key = StreamedConsumer.Key(group: group.name.string, clientID: clientID)
        let consumer = StreamedConsumer(
            key: key, language: call.metadata("x-mq-language") ?? "",
            version: call.metadata("x-mq-client-version") ?? "", address: call.remoteAddress,
            isPush: settings.clientType == .pushConsumer || settings.clientType == .litePushConsumer,
            isOrdered: isOrdered,
            subscriptions: entries.map { entry in
                let text = entry.filter.expression.string
                return StreamedConsumer.Subscription(
                    topic: entry.topic.name.string, expression: text.isEmpty ? "*" : text,
                    isSQL: entry.filter.type == .sql)
            },
            startMillis: context.consumers.consumer(key)?.startMillis ?? context.clock.wallMillis())
        let target = NIOLoopBound((self, call), eventLoop: eventLoop)
        context.consumers.register(ObjectIdentifier(call), consumer) { [eventLoop] question, completion in
            eventLoop.execute {
                let (service, call) = target.value
                service.ask(question, call, completion)
            }
        }
    }

    /// PrintThreadStackTraceCommand or VerifyMessageCommand on the stream.
    private func ask(
        _ question: ConsumerQuestion, _ call: GRPCCall, _ completion: @escaping ConsumerStreams.Completion
    ) {
        guard !call.isClosed else { return completion(.failure(ProxyError(.notFound, "the client is gone"))) }
        guard !questions.isFull else {
            return completion(.failure(ProxyError(.tooManyRequests, "too many questions wait for clients")))
        }
        let nonce = questions.nonce()
        switch question {
        case .stackTrace: call.send { ResponseEncoder.printThreadStackTrace(nonce: nonce, into: &$0) }
        case .consume(let topic, let record):
            let isSent = record.withUnsafeReadableBytes { bytes in
                StoredMessageWriter(service: self, topic: topic).write(bytes) { message, properties in
                    call.send {
                        ResponseEncoder.verifyMessage(message, properties, nonce: nonce, into: &$0)
                    }
                }
            }
            guard isSent else {
                return completion(.failure(ProxyError(.messageCorrupted, "the stored message cannot be read")))
            }
        }
        let stream = ObjectIdentifier(call)
        let timer = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Self.answerMillisMax)) { [self] in
            guard let late = questions.take(nonce, on: stream) else { return }
            late.completion(.failure(ProxyError(.proxyTimeout, "the client does not answer")))
        }
        questions.add(
            nonce,
            .init(
                stream: stream, askedMillis: context.clock.uptimeMillis(), timer: timer, completion: completion))
    }

    /// A client's answer: ThreadStackTrace or VerifyMessageResult. One that nobody waits for is dropped.
    func answered(_ frame: TelemetryCommandView, nonce: ProtoText, trace: ProtoText?, _ call: GRPCCall) {
        guard let question = questions.take(nonce.string, on: ObjectIdentifier(call)) else { return }
        question.timer.cancel()
        let status = ProtoStatus(frame.statusCode ?? .ok, frame.statusMessage.string)
        if let trace {
            let isTrace = status.code == .ok || !trace.isEmpty
            return question.completion(
                isTrace ? .success(.stackTrace(trace.string)) : .failure(ProxyError(status.code, status.message)))
        }
        let spent = context.clock.uptimeMillis() - question.askedMillis
        question.completion(.success(.consumed(status, spentMillis: spent)))
    }

    /// A stream ended: whoever waits for its answers learns it.
    func questionsEnded(_ call: GRPCCall) {
        context.consumers.remove(ObjectIdentifier(call))
        for question in questions.takeAll(on: ObjectIdentifier(call)) {
            question.timer.cancel()
            question.completion(.failure(ProxyError(.notFound, "the client is gone")))
        }
    }
}
