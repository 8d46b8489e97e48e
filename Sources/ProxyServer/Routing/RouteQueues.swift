import MessageModel
import ProtoMessages

/// The queue list of a route answer.
///
/// Clients send the queue's number along with nothing else that counts: the proxy picks the real queue. So the numbering
/// only has to serve them. Queues that can be read and written come first, for Node's clients use number 0 alone.
/// Only the acting master is listed: clients skip every other broker id, and Go's does not. The brokers take turns in
/// the list: a client that walks it (simple consumers poll one entry after the other) comes to every broker soon.
package enum RouteQueues {
    /// Queues for QueryRoute.
    package static func route(_ topic: TopicSnapshot) -> [ProtoMessageQueue] {
        let types = acceptedTypes(topic.messageType)
        var queues: [ProtoMessageQueue] = []
        for data in topic.route.queues.sorted(by: { $0.brokerName < $1.brokerName }) {
            guard topic.broker(named: data.brokerName) != nil else { continue }
            var next: Int32 = 0
            for (permission, count) in split(data) {
                for _ in 0..<min(count, countMax) {
                    queues.append(
                        ProtoMessageQueue(
                            id: next, permission: permission, brokerName: data.brokerName, acceptMessageTypes: types))
                    next += 1
                }
            }
        }
        return queues.sorted { ($0.id, $0.brokerName) < ($1.id, $1.brokerName) }
    }

    /// Queues for QueryAssignment: one per broker for most groups, the real ones for groups that work in order.
    package static func assignments(_ topic: TopicSnapshot, isOrdered: Bool) -> [ProtoMessageQueue] {
        var queues: [ProtoMessageQueue] = []
        for data in topic.route.queues.sorted(by: { $0.brokerName < $1.brokerName }) {
            guard data.permission.contains(.read), data.readQueueCount > 0,
                topic.broker(named: data.brokerName)?.readAddress != nil
            else { continue }
            let permission: ProtoPermission = data.permission.contains(.write) ? .readWrite : .read
            let ids: Range<Int32> = isOrdered ? 0..<min(data.readQueueCount, countMax) : -1..<0
            for id in ids {
                queues.append(
                    ProtoMessageQueue(
                        id: id, permission: permission, brokerName: data.brokerName, acceptMessageTypes: []))
            }
        }
        return queues
    }

    /// The queues that an answer has room for, when each takes `bytesPerQueue`: every queue repeats the client's own
    /// endpoints, so a long request for a wide topic would have an answer beyond all bounds. What is left out changes
    /// nothing, for the proxy picks the real queue; the brokers lose their last queues first.
    package static func fitting(_ queues: [ProtoMessageQueue], bytesPerQueue: Int) -> [ProtoMessageQueue] {
        let room = max(1, answerBytesMax / max(1, bytesPerQueue))
        guard queues.count > room else { return queues }
        return Array(queues.sorted { ($0.id, $0.brokerName) < ($1.id, $1.brokerName) }.prefix(room))
    }

    private static let answerBytesMax = 16 << 20
    private static let countMax: Int32 = 65_536

    private static func split(_ data: QueueRoute) -> [(ProtoPermission, Int32)] {
        let read = max(0, data.readQueueCount)
        let write = max(0, data.writeQueueCount)
        switch (data.permission.contains(.read), data.permission.contains(.write)) {
        case (true, true):
            return [(.readWrite, min(read, write)), (.read, max(0, read - write)), (.write, max(0, write - read))]
        case (true, false): return [(.read, read)]
        case (false, true): return [(.write, write)]
        case (false, false): return [(.none, max(1, max(read, write)))]
        }
    }

    private static func acceptedTypes(_ type: TopicMessageType) -> [ProtoMessageType] {
        switch type {
        case .unspecified, .normal: [.normal]
        case .fifo: [.fifo]
        case .delay: [.delay]
        case .transaction: [.transaction]
        case .mixed: [.normal, .fifo, .delay, .transaction]
        case .priority: [.priority]
        case .lite: [.lite]
        }
    }
}
