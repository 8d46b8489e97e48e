import DeliveryEngine
import Logging
import MessageModel
import NIOConcurrencyHelpers
import RemotingCodec

@testable import BrokerServer
@testable import StorageEngine

/// Lite topics of a parent P over a store in memory, with a clock that moves by hand.
final class LiteWorld: Sendable {
    static let group = DeliveryWorld.group
    let world: DeliveryWorld
    let lite: LiteService
    let deleted = Inbox<[String]>()
    let told = Inbox<String>()
    /// What the store does with queues to delete instead of deleting them all; answers those that it deletes.
    let deletes = NIOLockedValueBox<(@Sendable ([String]) throws -> [String])?>(nil)
    /// Store time of the last message of a queue; nil for one whose messages are gone.
    let storeMillis = NIOLockedValueBox<(@Sendable (String) -> Int64?)>({ _ in nil })

    init(_ world: DeliveryWorld? = nil, limits: LiteService.Limits = .init()) throws {
        let world = try world ?? DeliveryWorld()
        self.world = world
        var parent = TopicConfig(name: "P", readQueueCount: 4, writeQueueCount: 4)
        parent.messageType = .lite
        parent.attributes[AttributeName.liteTopicExpiration] = "1"
        world.topics.withLockedValue { $0["P"] = parent }
        world.groups.withLockedValue { $0[Self.group]?.attributes[AttributeName.liteBindTopic] = "P" }
        let (deleted, deletes, storeMillis) = (deleted, deletes, storeMillis)
        lite = LiteService(
            delivery: world.service, limits: limits,
            dependencies: LiteService.Dependencies(
                topic: { name in world.topics.withLockedValue { $0[name] } },
                group: { name in world.groups.withLockedValue { $0[name] } },
                storedQueues: { [] }, storeMillis: { queue, _ in storeMillis.withLockedValue { $0 }(queue) },
                deleteQueues: { queues in
                    var names = queues.map(\.name)
                    if let choose = deletes.withLockedValue({ $0 }) { names = try choose(names) }
                    for name in names { world.store.removeTopic(name) }
                    deleted.put(names)
                    return names
                }), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        lite.recover()
    }

    func queue(_ name: String) -> String { LiteTopicName(parent: "P", lite: name).queueName }

    func send(_ name: String, _ count: Int = 1) {
        let queue = queue(name)
        world.topics.withLockedValue { $0[queue] = TopicConfig(name: queue, readQueueCount: 1, writeQueueCount: 1) }
        for _ in 0..<count {
            world.store.add(queue, queueID: 0)
            let offset = world.store.bounds(topic: queue, queueID: 0).max - 1
            _ = lite.arrived([
                DispatchedMessage(
                    topic: queue, queueId: 0, queueOffset: offset, logOffset: 0, size: 1, tagsCode: 0,
                    storeTimestampMillis: world.now)
            ])
        }
    }

    func control(
        _ client: String, _ action: LiteSubscriptionAction, _ names: String..., start: LiteStart = .last
    ) throws {
        try lite.control(
            [
                .init(
                    action: action, clientId: client, group: Self.group, topic: "P", liteTopics: names, start: start)
            ],
            channel: LiteChannel(id: UInt64(client.utf8.count)) { [told] header in
                told.put("\(header.clientId) lost \(header.liteTopic)")
            })
    }

    func pop(
        _ client: String, poll: Int64 = 10_000, max: Int32 = 32, _ change: (inout LitePopRequest) -> Void = { _ in }
    ) -> Inbox<PopOutcome> {
        var request = LitePopRequest(group: Self.group, clientID: client, topic: "P")
        request.pollMillis = poll
        request.maxCount = max
        request.invisibleMillis = 1_000
        change(&request)
        let inbox = Inbox<PopOutcome>()
        lite.pop(request) { inbox.put($0) }
        return inbox
    }

    func ask(_ client: String, poll: Int64 = 10_000) -> Inbox<NotificationOutcome> {
        var request = LitePopRequest(group: Self.group, clientID: client, topic: "P")
        request.pollMillis = poll
        let inbox = Inbox<NotificationOutcome>()
        lite.notification(request) { inbox.put($0) }
        return inbox
    }

    func advance(_ millis: Int64) {
        world.advance(millis)
        lite.fireTimers()
    }

    func ack(_ name: String, _ offset: Int64, popMillis: Int64) throws {
        try lite.ack(
            lite.receipt(
                group: Self.group, topic: "P", liteTopic: name, queueID: 0, offset: offset, popMillis: popMillis))
    }
}

/// What a pop brought: offsets with their attempts, or how it ended.
func text(_ inbox: Inbox<PopOutcome>) -> String {
    switch inbox.all.first {
    case nil: "waits"
    case .found(let batch): batch.messages.map { "\($0.queueOffset)/\($0.attempt)" }.joined(separator: " ")
    case .timedOut: "nothing"
    case .pollingFull: "full"
    case .failed(let error): "\(error.code.rawValue)"
    }
}

/// What a question was answered.
func text(_ inbox: Inbox<NotificationOutcome>) -> String {
    switch inbox.all.first {
    case nil: "waits"
    case .answered(let hasMessage): hasMessage ? "yes" : "no"
    case .pollingFull: "full"
    case .failed(let error): "\(error.code.rawValue)"
    }
}
