import Foundation
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import RemotingCodec
import ServerSupport
import Testing

@testable import BrokerServer

@Suite("Recorded requests")
struct GoldenRequestTests {
    @Test("codes, header fields and body shapes of all recorded requests are Apache's, over real sockets")
    func replay() async throws {
        let recorded = try RecordedRequest.all()
        #expect(recorded.count > 700)
        // What Apache ever answered to a code, for requests whose answer hangs on the state.
        let codes = Dictionary(grouping: recorded, by: \.requestCode).mapValues { Set($0.map(\.code)) }
        let world = try await ReplayWorld(recorded)
        var asked: Set<Int32> = []
        for entry in recorded {
            let bytes = try #require(HexText.bytes(entry.request))
            let request = try FrameClient.decode(bytes)
            guard !request.isOneway else { continue }
            let answer = try await world.ask(bytes, isVIP: entry.port == 10_909)
            asked.insert(entry.requestCode)
            #expect(answer.opaque == request.opaque && answer.isResponse, "\(entry)")
            check(entry, request, answer, of: codes[entry.requestCode] ?? [])
        }
        #expect(asked.count > 60)
        try await world.stop()
    }

    private func check(
        _ entry: RecordedRequest, _ request: RemotingCommand, _ answer: RemotingCommand, of codes: Set<Int32>
    ) {
        if RecordedExceptions.unsupported[entry.requestCode] != nil {
            #expect(answer.responseCode == .requestCodeNotSupported, "\(entry)")
            #expect((answer.remark ?? "").contains("not supported: "), "\(entry)")
            return
        }
        guard entry.code >= 0 else { return }
        let expected = RecordedExceptions.code(entry, request) ?? entry.code
        if let others = RecordedExceptions.stateful[entry.requestCode] {
            #expect(codes.union(others).contains(answer.code), "\(entry): \(answer.code) \(answer.remark ?? "")")
        } else if !RecordedExceptions.mayBeRefused(request) || answer.responseCode != .messageIllegal {
            #expect(answer.code == expected, "\(entry): \(answer.remark ?? "")")
        }
        guard answer.code == entry.code else { return }
        compareFields(entry, request, answer)
        compareBody(entry, request, answer)
    }

    private func compareFields(_ entry: RecordedRequest, _ request: RemotingCommand, _ answer: RemotingCommand) {
        let ours = Dictionary(answer.fields.pairs().map { ($0.name, $0.value) }) { $1 }
        let names = Set(entry.ext.keys).subtracting(
            RecordedExceptions.differingNames(entry, request))
        #expect(Set(ours.keys).subtracting(RecordedExceptions.differingNames(entry, request)) == names, "\(entry)")
        for name in ["TRACE_ON", "MSG_REGION", "IS_SUPPORT_HEART_BEAT_V2", "IS_SUB_CHANGE"] {
            #expect(ours[name] == entry.ext[name], "\(entry) \(name)")
        }
        guard let messageID = ours["msgId"] else { return }
        #expect(messageID.utf8.count >= 32, "\(entry)")
        let wanted = request.fields.optionalString("e") ?? request.fields.optionalString("queueId")
        if let wanted, !wanted.hasPrefix("-") { #expect(ours["queueId"] == wanted, "\(entry)") }
        let properties = request.fields.optionalString("i") ?? request.fields.optionalString("properties") ?? ""
        if entry.ext["transactionId"] != nil, let key = PropertyText.dictionary(properties)["UNIQ_KEY"] {
            #expect(ours["transactionId"] == key, "\(entry)")
        }
    }

    private func compareBody(_ entry: RecordedRequest, _ request: RemotingCommand, _ answer: RemotingCommand) {
        if entry.binaryBody ?? 0 > 0 {
            #expect(answer.body.readableBytes > 0, "\(entry)")
        } else if entry.body.hasPrefix("{") {
            guard let theirs = try? JSONValue(parsing: entry.body.utf8),
                let ours = try? JSONValue(parsing: answer.body.readableBytesView)
            else { return #expect(Bool(false), "\(entry): no JSON: \(String(buffer: answer.body).prefix(200))") }
            let differences = BodyShape(ours).differences(
                to: BodyShape(theirs), ignoring: RecordedExceptions.differingNames(entry, request))
            #expect(differences.isEmpty, "\(entry)")
        } else {
            #expect(entry.body.isEmpty == (answer.body.readableBytes == 0), "\(entry)")
        }
    }

    @Test("run-time figures have Apache's names")
    func runtimeNames() throws {
        let test = try TestBroker()
        let ours = Set(test.broker.runtimeInfo().keys)
        for entry in try RecordedRequest.all() where entry.requestCode == 28 {
            let table = try #require(try JSONValue(parsing: entry.body.utf8)["table"]?.members)
            let theirs = table.map(\.key.text).filter {
                // Of the path of that broker's log, and of delay levels in use.
                !$0.hasPrefix("commitLogDiskRatio_") && !$0.hasPrefix("scheduleMessageOffset_")
            }
            #expect(Set(theirs).subtracting(ours) == [], "\(entry)")
        }
        try test.close()
    }
}

/// A broker with the topics and groups of the recordings, a connected consumer and producer, and clients of both ports.
private struct ReplayWorld {
    private let test: TestBroker
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let node: BrokerNode
    private let main: FrameClient
    private let vip: FrameClient

    init(_ recorded: [RecordedRequest]) async throws {
        let port = try Self.freePorts()
        let surroundings = BrokerConfiguration.Surroundings(
            hostName: "broker-a", localAddress: "127.0.0.1", home: "/", coreCount: 1)
        let listing = try BrokerConfiguration.read(ConfigurationSource(), surroundings: surroundings).0.listing
        test = try TestBroker { configuration in
            configuration.listenPort = port
            configuration.listing = listing
        }
        try await Self.fill(test.broker, recorded)
        node = BrokerNode(broker: test.broker, group: group, logger: Logger(label: "test"))
        _ = try await node.start()
        let answers = try JSONDecoder().decode(
            [String: String].self, from: Data(Golden.bytes("remoting/client-answers.json")))
        main = try await FrameClient.connect(port: port, group: group, clientAnswers: answers)
        vip = try await FrameClient.connect(port: port - 2, group: group)
    }

    /// The tables that Apache's broker answered, as far as this one would make them.
    private static func fill(_ broker: Broker, _ recorded: [RecordedRequest]) async throws {
        for entry in recorded where entry.requestCode == 21 || entry.requestCode == 201 {
            guard let json = try? JSONValue(parsing: entry.body.utf8) else { continue }
            for member in json["topicConfigTable"]?.members ?? JSONObject() {
                let topic = try TopicConfig(json: member.value, name: member.key.text)
                guard !broker.topics.isSystemTopic(topic.name), topic.attributes.isEmpty else { continue }
                _ = try await broker.topics.put(topic).get()
            }
            for member in json["subscriptionGroupTable"]?.members ?? JSONObject() {
                // Apache took a group without a name.
                guard !member.key.text.isEmpty else { continue }
                try await broker.groups.put(SubscriptionGroupConfig(json: member.value, name: member.key.text)).get()
            }
        }
    }

    /// Asks; a request that the broker parks is answered at once, as at the end of its time.
    func ask(_ bytes: [UInt8], isVIP: Bool) async throws -> RemotingCommand {
        let isAnswered = NIOLockedValueBox(false)
        let releasing = Task { [broker = test.broker] in
            while !isAnswered.withLockedValue({ $0 }) {
                if broker.delivery.parkedCount > 0 { broker.delivery.releaseWaiters() }
                if broker.pulls.parkedCount > 0 { broker.pulls.releaseWaiters() }
                await Task.yield()
            }
        }
        let answer = try await (isVIP ? vip : main).ask(bytes)
        isAnswered.withLockedValue { $0 = true }
        await releasing.value
        return answer
    }

    /// A port with the one two below free as well.
    private static func freePorts() throws -> Int {
        for port in stride(from: 23_411, to: 29_000, by: 7) where isFree(port) && isFree(port - 2) { return port }
        throw FrameClient.Closed()
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    func stop() async throws {
        await main.close()
        await vip.close()
        await node.stop(graceMillis: 100)
        try await group.shutdownGracefully()
        try test.close()
    }
}
