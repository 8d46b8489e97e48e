import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

/// A queue on a broker that remoting clients talk to.
struct BrokerQueue: Hashable {
    var topic: String
    var address: HostPort
    var brokerName: String
    var queueID: Int32

    /// The queues of a route, broker by broker in turn, so that neighbours are on different brokers.
    static func queues(
        of route: TopicRoute, topic: String, count: (QueueRoute) -> Int32
    ) -> [BrokerQueue] {
        var lists: [[BrokerQueue]] = []
        for queues in route.queues {
            guard let broker = route.brokers.first(where: { $0.brokerName == queues.brokerName }),
                let address = broker.masterAddress.flatMap({ HostPort(parsing: $0) })
            else { continue }
            lists.append(
                (0..<max(0, count(queues))).map {
                    BrokerQueue(topic: topic, address: address, brokerName: queues.brokerName, queueID: $0)
                })
        }
        let longest = lists.map(\.count).max() ?? 0
        return (0..<longest).flatMap { index in lists.compactMap { index < $0.count ? $0[index] : nil } }
    }
}

/// Sends to brokers with SEND_MESSAGE_V2, as the 4.x and 5.x remoting clients do.
final class BrokerSender: MessageSender {
    private let client: RemotingClient
    /// By topic, as the run counts them.
    private let queues: [[BrokerQueue]]
    private let group: String
    private let timeoutMillis: Int64
    private var turn: Int

    /// `turn` is where this producer starts, so that several do not move in step.
    init(client: RemotingClient, queues: [[BrokerQueue]], settings: LoadSettings, turn: Int) {
        self.client = client
        self.queues = queues
        self.turn = turn
        group = settings.group
        timeoutMillis = settings.timeoutMillis
    }

    func send(_ message: OutgoingMessage, completion: @escaping (String?) -> Void) {
        let count = queues[message.topicIndex].count
        guard count > 0 else { return completion("no queue") }
        turn &+= 1
        let queue = queues[message.topicIndex][(message.fifoGroup ?? turn) % count]
        var properties = "\(PropertyName.uniqueKey)\u{1}\(message.id)\u{2}WAIT\u{1}true\u{2}"
        if let group = message.fifoGroup { properties += "__SHARDINGKEY\u{1}group-\(group)\u{2}" }
        if let due = message.deliveryMillis { properties += "TIMER_DELIVER_MS\u{1}\(due)\u{2}" }
        let group = group
        client.call(
            queue.address, code: .sendMessageV2, timeoutMillis: timeoutMillis,
            fields: { writer in
                writer.write("a", group)
                writer.write("b", message.topic)
                writer.write("c", NameRules.autoCreateTopic)
                writer.write("d", 4 as Int32)
                writer.write("e", queue.queueID)
                writer.write("f", 0 as Int32)
                writer.write("g", Int64(message.stamp.plannedNanos / 1_000_000))
                writer.write("h", 0 as Int32)
                writer.write("i", properties)
                writer.write("j", 0 as Int32)
                writer.write("k", false)
                writer.write("m", false)
                writer.write("n", queue.brokerName)
            },
            body: { $0.writeImmutableBuffer(message.body) }
        ) { result in
            switch result {
            case .success(let answer):
                completion(answer.code == ResponseCode.success.rawValue ? nil : "code \(answer.code)")
            case .failure(let error): completion("\(error.code)")
            }
        }
    }

    func close() {
        client.shutdown()
    }
}

/// Pulls some queues with PULL_MESSAGE, as the 4.x and 5.x remoting clients do, and commits offsets with the pulls.
final class BrokerReceiver: MessageReceiver {
    /// Commit the offset, wait for messages, and bring the subscription along (`consume.md` §1.1).
    private static let sysFlag: Int32 = 0b111
    private static let retryMillis: Int64 = 100

    private let client: RemotingClient
    private let queues: [BrokerQueue]
    private let settings: LoadSettings
    private weak var sink: (any ReceiveSink)?
    private var isStopped = false

    init(client: RemotingClient, queues: [BrokerQueue], settings: LoadSettings) {
        self.client = client
        self.queues = queues
        self.settings = settings
    }

    func start(_ sink: any ReceiveSink) {
        self.sink = sink
        for queue in queues { findStart(queue) }
    }

    func stop() {
        isStopped = true
        client.shutdown()
    }

    private func findStart(_ queue: BrokerQueue) {
        let header = QueryConsumerOffsetRequestHeader(
            consumerGroup: settings.group, topic: queue.topic, queueId: queue.queueID)
        client.call(
            queue.address, code: .queryConsumerOffset, header: header, timeoutMillis: settings.timeoutMillis
        ) { [self] result in
            if case .success(let answer) = result, answer.code == ResponseCode.success.rawValue,
                let offset = try? answer.fields.int64("offset")
            {
                return pull(queue, from: offset)
            }
            findBound(queue)
        }
    }

    private func findBound(_ queue: BrokerQueue) {
        let code: RequestCode = settings.start == .earliest ? .getMinOffset : .getMaxOffset
        client.call(
            queue.address, code: code, header: GetMaxOffsetRequestHeader(topic: queue.topic, queueId: queue.queueID),
            timeoutMillis: settings.timeoutMillis
        ) { [self] result in
            guard case .success(let answer) = result, let offset = try? answer.fields.int64("offset") else {
                return retry(queue, from: 0, because: "no offset")
            }
            pull(queue, from: offset)
        }
    }

    private func pull(_ queue: BrokerQueue, from offset: Int64) {
        guard !isStopped else { return }
        let header = PullMessageRequestHeader(
            consumerGroup: settings.group, topic: queue.topic, queueId: queue.queueID, queueOffset: offset,
            maxMessageCount: Int32(settings.batchSize), sysFlag: Self.sysFlag, commitOffset: offset,
            suspendTimeoutMillis: settings.pollMillis, subscription: "*", subVersion: 0, expressionType: "TAG")
        client.call(
            queue.address, code: .pullMessage, header: header,
            timeoutMillis: settings.timeoutMillis + settings.pollMillis
        ) { [self] result in
            guard !isStopped else { return }
            switch result {
            case .failure(let error): retry(queue, from: offset, because: "\(error.code)")
            case .success(let answer): pulled(queue, from: offset, answer)
            }
        }
    }

    private func pulled(_ queue: BrokerQueue, from offset: Int64, _ answer: RemotingCommand) {
        let next = (try? answer.fields.int64("nextBeginOffset")) ?? offset
        switch ResponseCode(rawValue: answer.code) {
        case .success:
            var records = answer.body
            while let record = try? MessageRecord.next(in: &records) { sink?.received(record.body) }
            pull(queue, from: next)
        case .pullNotFound, .pullRetryImmediately, .pullOffsetMoved: pull(queue, from: next)
        default: retry(queue, from: offset, because: "code \(answer.code)")
        }
    }

    private func retry(_ queue: BrokerQueue, from offset: Int64, because code: String) {
        guard !isStopped else { return }
        sink?.receiveFailed(code)
        let bound = NIOLoopBound(self, eventLoop: client.eventLoop)
        client.eventLoop.scheduleTask(in: .milliseconds(Self.retryMillis)) { bound.value.pull(queue, from: offset) }
    }
}
