import GRPCClient
import MessageModel
import NIOCore
import NIOSSL
import ProtoMessages

/// The methods that the load generator calls on one proxy.
struct ProxyMethods {
    let send: GRPCMethod
    let receive: GRPCMethod
    let acknowledge: GRPCMethod

    init(proxy: HostPort, isTLS: Bool, clientID: String, settings: LoadSettings) {
        func method(_ name: String, timeoutMillis: Int64) -> GRPCMethod {
            GRPCMethod(
                path: "/apache.rocketmq.v2.MessagingService/\(name)", authority: proxy.description,
                scheme: isTLS ? "https" : "http", timeoutMillis: Int(timeoutMillis),
                metadata: [
                    ("x-mq-client-id", clientID), ("x-mq-language", "SWIFT"), ("x-mq-protocol", "v2"),
                    ("x-mq-client-version", "5.1.0"),
                ])
        }
        send = method("SendMessage", timeoutMillis: settings.timeoutMillis)
        receive = method("ReceiveMessage", timeoutMillis: settings.timeoutMillis + settings.pollMillis)
        acknowledge = method("AckMessage", timeoutMillis: settings.timeoutMillis)
    }
}

/// The code of an answer that is not a success.
private func failure(of answer: GRPCAnswer) -> String? {
    guard let status = answer.status else { return "connection closed" }
    return status == 0 ? nil : "gRPC \(status)"
}

/// Sends through a proxy.
final class ProxySender: MessageSender {
    private let connection: GRPCConnection
    private let methods: ProxyMethods

    init(connection: GRPCConnection, methods: ProxyMethods) {
        self.connection = connection
        self.methods = methods
    }

    func send(_ message: OutgoingMessage, completion: @escaping (String?) -> Void) {
        let type: ProtoMessageType =
            message.fifoGroup != nil ? .fifo : message.deliveryMillis != nil ? .delay : .normal
        let request = ClientRequests.send(
            ClientMessage(
                id: message.id, type: type, group: message.fifoGroup.map { "group-\($0)" },
                deliveryMillis: message.deliveryMillis, bornMillis: Int64(message.stamp.plannedNanos / 1_000_000),
                body: message.body),
            topic: message.topic, bornHost: "mqbench")
        connection.call(methods.send, message: request) { answer in
            if let code = failure(of: answer) { return completion(code) }
            var status: ProtoStatus?
            answer.forEachMessage { status = ClientAnswers.status($0) }
            let code = status?.code ?? .internalError
            completion(code == .ok ? nil : "code \(code.rawValue)")
        }
    }

    func close() {
        connection.close()
    }
}

/// Receives from a proxy and acknowledges each answer's messages in one call.
final class ProxyReceiver: MessageReceiver {
    private let connection: GRPCConnection
    private let methods: ProxyMethods
    private let topic: String
    private let group: String
    private let request: ByteBuffer
    private weak var sink: (any ReceiveSink)?
    private var isStopped = false

    init(connection: GRPCConnection, methods: ProxyMethods, topic: String, settings: LoadSettings) {
        self.connection = connection
        self.methods = methods
        self.topic = topic
        group = settings.group
        request = ClientRequests.receive(
            ClientReceive(
                batchSize: settings.batchSize, invisibleMillis: settings.invisibleMillis,
                pollMillis: settings.pollMillis), topic: topic, group: settings.group)
    }

    func start(_ sink: any ReceiveSink) {
        self.sink = sink
        receive()
    }

    func stop() {
        isStopped = true
        connection.close()
    }

    private func receive() {
        guard !isStopped else { return }
        connection.call(methods.receive, message: request) { [self] answer in
            guard !isStopped else { return }
            if let code = failure(of: answer) {
                sink?.receiveFailed(code)
                return answer.status == nil ? () : receive()
            }
            var handles: [(id: String, handle: String)] = []
            answer.forEachMessage { message in
                switch ClientAnswers.receiveEvent(message) {
                case .delivery(let delivery):
                    sink?.received(delivery.body)
                    handles.append((delivery.id, delivery.handle))
                case .status(let status):
                    if status.code != .ok, status.code != .messageNotFound {
                        sink?.receiveFailed("code \(status.code.rawValue)")
                    }
                case .other: break
                }
            }
            acknowledge(handles)
            receive()
        }
    }

    private func acknowledge(_ handles: [(id: String, handle: String)]) {
        guard !handles.isEmpty else { return }
        connection.call(
            methods.acknowledge, message: ClientRequests.acknowledge(handles, topic: topic, group: group)
        ) { [self] answer in
            guard !isStopped else { return }
            if let code = failure(of: answer) { return sink?.receiveFailed("ack: \(code)") ?? () }
            answer.forEachMessage { message in
                let status = ClientAnswers.status(message)
                if status.code != .ok { sink?.receiveFailed("ack: code \(status.code.rawValue)") }
            }
        }
    }
}
