import GRPCClient
import NIOCore
import NIOPosix
import ProtoMessages

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Why the demo did not succeed, in a sentence for people.
struct DemoFailure: Error {
    let message: String
}

/// What a v5 SDK does for one message, in its smallest form: send, receive, acknowledge.
struct DemoClient {
    private static let pollMillis: Int64 = 5_000

    private let link: NIOLoopBound<GRPCConnection>
    private let loop: any EventLoop
    private let authority: String
    private let topic: String
    private let group: String

    /// Connects to a proxy.
    init(host: String, port: Int, topic: String, group: String) async throws(DemoFailure) {
        authority = "\(host):\(port)"
        self.topic = topic
        self.group = group
        loop = MultiThreadedEventLoopGroup.singleton.next()
        do {
            link = try await GRPCConnection.connect(host: host, port: port, on: loop).get()
        } catch {
            throw DemoFailure(message: "cannot connect to \(host):\(port): \(error). Does mqproxy run there?")
        }
    }

    /// Sends one message and answers its id.
    func send(_ body: String) async throws(DemoFailure) -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let id = Self.messageID(seconds: UInt64(now.tv_sec), random: UInt64.random(in: .min ... .max))
        let message = ClientMessage(
            id: id, type: .normal, bornMillis: Int64(now.tv_sec) * 1_000, body: ByteBuffer(string: body))
        let request = ClientRequests.send(message, topic: topic, bornHost: "mqdemo")
        for answer in try await call("SendMessage", request, timeoutMillis: 5_000) {
            try check(ClientAnswers.status(answer), "SendMessage")
        }
        return id
    }

    /// Waits a few seconds for messages; none is an empty list.
    func receive() async throws(DemoFailure) -> [ClientDelivery] {
        let request = ClientRequests.receive(
            ClientReceive(batchSize: 16, invisibleMillis: 30_000, pollMillis: Self.pollMillis), topic: topic,
            group: group)
        var received: [ClientDelivery] = []
        for answer in try await call("ReceiveMessage", request, timeoutMillis: Int(Self.pollMillis) * 2) {
            switch ClientAnswers.receiveEvent(answer) {
            case .delivery(let delivery): received.append(delivery)
            case .status(let status):
                if status.code != .messageNotFound { try check(status, "ReceiveMessage") }
            case .other: break
            }
        }
        return received
    }

    /// Acknowledges a message: it will not come again.
    func acknowledge(_ message: ClientDelivery) async throws(DemoFailure) {
        let request = ClientRequests.acknowledge([(message.id, message.handle)], topic: topic, group: group)
        for answer in try await call("AckMessage", request, timeoutMillis: 5_000) {
            try check(ClientAnswers.status(answer), "AckMessage")
        }
    }

    private func call(
        _ name: String, _ request: ByteBuffer, timeoutMillis: Int
    ) async throws(DemoFailure) -> [ByteBuffer] {
        let method = GRPCMethod(
            path: "/apache.rocketmq.v2.MessagingService/\(name)", authority: authority, timeoutMillis: timeoutMillis,
            metadata: [
                ("x-mq-client-id", "mqdemo@\(getpid())"), ("x-mq-language", "SWIFT"), ("x-mq-protocol", "v2"),
                ("x-mq-client-version", "5.1.0"),
            ])
        let answer = await withCheckedContinuation { continuation in
            loop.execute { link.value.call(method, message: request) { continuation.resume(returning: $0) } }
        }
        guard let status = answer.status else {
            throw DemoFailure(message: "\(authority) closed the connection during \(name): is this the gRPC port?")
        }
        guard status == 0 else {
            throw DemoFailure(message: "\(name) failed: gRPC status \(status), \(answer.statusMessage)")
        }
        var messages: [ByteBuffer] = []
        answer.forEachMessage { messages.append($0) }
        if messages.isEmpty { throw DemoFailure(message: "\(name) was answered without a result") }
        return messages
    }

    private func check(_ status: ProtoStatus, _ method: String) throws(DemoFailure) {
        guard status.code != .ok else { return }
        throw DemoFailure(message: "\(method) was refused with code \(status.code.rawValue): \(status.message)")
    }

    /// 17 bytes in hex, as SDKs make them: version 1, then what makes it this message's alone.
    private static func messageID(seconds: UInt64, random: UInt64) -> String {
        func hex(_ value: UInt64) -> String {
            let digits = String(value, radix: 16, uppercase: true)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return "01" + hex(seconds) + hex(random)
    }
}
