import Glibc

/// What a v5 SDK does for one message, in its smallest form: send, receive, acknowledge.
struct DemoClient {
    /// A message that came.
    struct Received {
        let id: String
        let handle: String
        let body: String
    }

    private static let codeOK: UInt64 = 20_000
    private static let codeNoMessage: UInt64 = 40_401

    private let connection: GRPCConnection
    private let topic: String
    private let group: String

    init(host: String, port: String, topic: String, group: String) throws(DemoFailure) {
        self.topic = topic
        self.group = group
        connection = try GRPCConnection(
            host: host, port: port,
            metadata: [
                ("x-mq-client-id", "mqdemo@\(getpid())"), ("x-mq-language", "SWIFT"), ("x-mq-protocol", "v2"),
                ("x-mq-client-version", "5.1.0"),
            ])
    }

    /// Sends one message and answers its id.
    func send(_ body: String) throws(DemoFailure) -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let id = Self.messageID(seconds: UInt64(now.tv_sec), random: UInt64.random(in: .min ... .max))
        let system =
            ProtoFields.text(3, id) + ProtoFields.integer(5, 1) + ProtoFields.integer(6, 1)
            + ProtoFields.bytes(7, ProtoFields.integer(1, UInt64(now.tv_sec))) + ProtoFields.text(8, "mqdemo")
        let message = resource(1, topic) + ProtoFields.bytes(3, system) + ProtoFields.text(4, body)
        let answers = try connection.call("SendMessage", ProtoFields.bytes(1, message), timeoutSeconds: 5)
        for answer in answers {
            try check(answer, "SendMessage")
            if let entry = ProtoFields.values(2, in: answer)?.first { return ProtoFields.text(2, in: entry) }
        }
        throw DemoFailure(message: "SendMessage was answered without a result")
    }

    /// Waits a few seconds for messages; none is an empty list.
    func receive() throws(DemoFailure) -> [Received] {
        let filter = ProtoFields.integer(1, 1) + ProtoFields.text(2, "*")
        let queue = resource(1, topic) + ProtoFields.integer(2, 0) + ProtoFields.integer(3, 3)
        let request =
            resource(1, group) + ProtoFields.bytes(2, queue) + ProtoFields.bytes(3, filter)
            + ProtoFields.integer(4, 16) + seconds(5, 30) + seconds(7, 5)
        var received: [Received] = []
        for answer in try connection.call("ReceiveMessage", request, timeoutSeconds: 10) {
            if let status = ProtoFields.values(1, in: answer)?.first,
                ProtoFields.integer(1, in: status) != Self.codeNoMessage
            {
                try check(answer, "ReceiveMessage")
            }
            guard let message = ProtoFields.values(2, in: answer)?.first,
                let system = ProtoFields.values(3, in: message)?.first
            else { continue }
            received.append(
                Received(
                    id: ProtoFields.text(3, in: system), handle: ProtoFields.text(12, in: system),
                    body: ProtoFields.text(4, in: message)))
        }
        return received
    }

    /// Acknowledges a message: it will not come again.
    func acknowledge(_ message: Received) throws(DemoFailure) {
        let entry = ProtoFields.text(1, message.id) + ProtoFields.text(2, message.handle)
        let request = resource(1, group) + resource(2, topic) + ProtoFields.bytes(3, entry)
        for answer in try connection.call("AckMessage", request, timeoutSeconds: 5) {
            try check(answer, "AckMessage")
        }
    }

    private func resource(_ number: UInt8, _ name: String) -> [UInt8] {
        ProtoFields.bytes(number, ProtoFields.text(2, name))
    }

    private func seconds(_ number: UInt8, _ count: UInt64) -> [UInt8] {
        ProtoFields.bytes(number, ProtoFields.integer(1, count))
    }

    private func check(_ answer: [UInt8], _ method: String) throws(DemoFailure) {
        guard let status = ProtoFields.values(1, in: answer)?.first else {
            throw DemoFailure(message: "\(method) was answered without a status")
        }
        let code = ProtoFields.integer(1, in: status)
        if code != Self.codeOK {
            throw DemoFailure(message: "\(method) was refused with code \(code): \(ProtoFields.text(2, in: status))")
        }
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
