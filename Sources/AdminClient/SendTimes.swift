import MessageModel
import NIOCore
import RemotingCodec

/// How long one send took.
package struct SendTime: Sendable, Hashable {
    /// Where it went; empty when no queue could be found.
    package var brokerName: String
    /// The queue.
    package var queueId: Int32
    /// Why it failed; nil when it did not.
    package var failure: String?
    /// Until the answer.
    package var millis: Double
    /// What it came to; nil when it failed.
    package var sent: AdminClient.SentMessage?
}

extension AdminClient {
    /// A queue that takes messages.
    typealias WritableQueue = (broker: String, address: String, queueId: Int32)

    /// The queues of a topic that may be written, on brokers with a master, by the brokers' names.
    func writableQueues(of topic: String) async throws(AdminError) -> [WritableQueue] {
        guard let route = try await route(of: topic) else { throw Self.noTopic(topic) }
        var queues: [WritableQueue] = []
        for queue in route.queues.sorted(by: { $0.brokerName < $1.brokerName })
        where queue.permission.contains(.write) {
            guard let address = route.brokers.first(where: { $0.brokerName == queue.brokerName })?.masterAddress else {
                continue
            }
            for id in 0..<max(0, queue.writeQueueCount) { queues.append((queue.brokerName, address, id)) }
        }
        guard !queues.isEmpty else { throw AdminError(.notFound, "no queue of the topic \(topic) may be written") }
        return queues
    }

    /// The first of these queues, of a broker if one is named.
    func writableQueue(of topic: String, onBroker name: String? = nil) async throws(AdminError) -> WritableQueue {
        guard let queue = try await writableQueues(of: topic).first(where: { name == nil || $0.broker == name }) else {
            throw AdminError(.notFound, "the broker \(name ?? "") takes no messages of the topic \(topic)")
        }
        return queue
    }

    /// Sends messages of a size to the queues of a topic in turn, one after the other, and takes the time of each. A send
    /// that fails is one of the results.
    ///
    /// - Parameter show: is given each as it comes; an error of it ends the sending.
    package func sendTimes(
        topic: String, count: Int, bodyBytes: Int, nowMillis: Int64,
        show: (SendTime) throws(AdminError) -> Void
    ) async throws(AdminError) {
        let queues = try await writableQueues(of: topic)
        let body = ByteBuffer(repeating: UInt8(ascii: "a"), count: bodyBytes)
        let properties = ByteBuffer(string: PropertyText.encode([(name: "WAIT", value: "true")]))
        for number in 0..<count {
            let queue = queues[number % queues.count]
            let start = ContinuousClock.now
            var failure: String?
            var sent: SentMessage?
            do throws(AdminError) {
                sent = try await send(
                    topic: topic, body: body, properties: properties, queueId: queue.queueId,
                    brokerName: queue.broker, address: queue.address, nowMillis: nowMillis)
            } catch {
                failure = error.message
            }
            let spent = ContinuousClock.now - start
            let millis = Double(spent.components.seconds) * 1_000 + Double(spent.components.attoseconds) / 1e15
            try show(
                SendTime(brokerName: queue.broker, queueId: queue.queueId, failure: failure, millis: millis, sent: sent)
            )
        }
    }

    /// The times of all of them.
    package func sendTimes(
        topic: String, count: Int, bodyBytes: Int, nowMillis: Int64
    ) async throws(AdminError) -> [SendTime] {
        var times: [SendTime] = []
        try await sendTimes(topic: topic, count: count, bodyBytes: bodyBytes, nowMillis: nowMillis) { times.append($0) }
        return times
    }
}

/// How long sends to one broker took.
package struct BrokerSendTimes: Sendable, Hashable {
    /// The cluster.
    package var cluster: String
    /// The broker.
    package var broker: String
    /// Without the first send.
    package var averageMillis: Double
    /// Sends answered with success.
    package var sent: Int
    /// Sends that failed.
    package var failed: Int
}

extension AdminClient {
    /// Sends messages to the topic that every broker has under its own name, and takes the times.
    package func clusterSendTimes(
        cluster: String?, count: Int, bodyBytes: Int, nowMillis: Int64
    ) async throws(AdminError) -> [BrokerSendTimes] {
        let info = try await clusterInfo()
        var rows: [BrokerSendTimes] = []
        for name in cluster.map({ [$0] }) ?? info.clusters.keys.sorted() {
            for broker in try brokers(ofCluster: name, in: info) {
                var row = BrokerSendTimes(
                    cluster: name, broker: broker.brokerName, averageMillis: 0, sent: 0, failed: count)
                do throws(AdminError) {
                    let times = try await sendTimes(
                        topic: broker.brokerName, count: count, bodyBytes: bodyBytes, nowMillis: nowMillis)
                    row.averageMillis = times.averageMillis
                    row.sent = times.count { $0.failure == nil }
                    row.failed = times.count - row.sent
                } catch  where error.code == .notFound {
                    // No such topic, or none that may be written: every send would fail.
                }
                rows.append(row)
            }
        }
        return rows
    }
}

extension [SendTime] {
    /// The average, without the first, which opens a connection; 0 when there is no other.
    package var averageMillis: Double {
        count > 1 ? dropFirst().reduce(0) { $0 + $1.millis } / Double(count - 1) : 0
    }
}
