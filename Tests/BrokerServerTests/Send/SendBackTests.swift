import DeliveryEngine
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import StorageEngine
import Testing

@testable import BrokerServer

@Suite struct SendBackTests {
    private let test: TestBroker

    init() throws {
        test = try TestBroker()
    }

    private func sendBack(_ request: SendBackRequest) async -> ServiceError? {
        await withCheckedContinuation { done in
            test.broker.sendBack(request) { outcome in
                if case .failure(let error) = outcome {
                    done.resume(returning: error)
                } else {
                    done.resume(returning: nil)
                }
            }
        }
    }

    private func store(_ change: (inout SendRequest) -> Void = { _ in }) async throws -> Int64 {
        var request = test.request("T", properties: "TAGS\u{1}red\u{2}UNIQ_KEY\u{1}U1\u{2}")
        request.bornTimestampMillis = 77
        change(&request)
        guard case .stored(let receipt) = await test.send(request), case .one(let offset) = receipt.logOffsets else {
            throw BrokerError(.store, "not stored")
        }
        return offset
    }

    private func only(_ topic: String) async throws -> MessageRecord {
        while test.broker.store.maxOffset(topic: topic, queueId: 0) < 1 { await Task.yield() }
        var buffer = ByteBuffer()
        _ = test.broker.store.read(
            topic: topic, queueId: 0, from: 0, maxCount: 1, maxBytes: 1 << 20, into: &buffer)
        return try MessageRecord(buffer)
    }

    /// Else a loss of power could take the copy when the consumer counts the message as done.
    @Test func itIsToldOnceTheCopyIsOnTheDisk() async throws {
        let world = try DelayWorld()
        for topic in ["T", "%RETRY%g"] { try await world.createTopic(topic, queues: 1) }
        guard case .one(let offset) = try world.send("T", "a", []).get().logOffsets else {
            throw BrokerError(.store, "not stored")
        }
        let isDone = NIOLockedValueBox(false)
        world.broker.sendBack(SendBackRequest(group: "g", logOffset: offset)) { outcome in
            if case .success = outcome { isDone.withLockedValue { $0 = true } }
        }
        world.run()
        #expect(world.broker.store.maxOffset(topic: NameRules.scheduleTopic, queueId: 2) == 1)
        #expect(isDone.withLockedValue { $0 } == false)
        world.broker.store.flushStep()
        #expect(isDone.withLockedValue { $0 } == true)
    }

    @Test func aMessageWithoutAttemptsLeftIsADeadLetter() async throws {
        try await test.createTopic("T")
        let offset = try await store()
        var request = SendBackRequest(group: "g", logOffset: offset)
        request.maxReconsumeTimes = 0
        #expect(await sendBack(request) == nil)
        let letter = try await only("%DLQ%g")
        #expect(letter.body == ByteBuffer(string: "hello") && letter.reconsumeTimes == 1)
        #expect(letter.bornTimestampMillis == 77 && letter.property("TAGS") == "red")
        #expect(letter.property("RETRY_TOPIC") == "T" && letter.property("DLQ_ORIGIN_TOPIC") == "T")
        #expect(letter.property("DLQ_ORIGIN_MESSAGE_ID") == "U1" && letter.property("UNIQ_KEY") == "U1")
        #expect(letter.property("ORIGIN_MESSAGE_ID")?.count == 32 && letter.property("DELAY") == nil)
        let topic = try #require(test.broker.topics.topic("%DLQ%g"))
        #expect(topic.readQueueCount == 1 && topic.permission == .readWrite)
    }

    @Test func aGroupsOwnPolicyDelaysWhatATimerDelivered() async throws {
        try await test.createTopic("T")
        var group = SubscriptionGroupConfig(name: "g")
        group.retryPolicy = .exponential(initialMillis: 60_000, maxMillis: 600_000, multiplier: 2)
        try await test.put(group)
        // As the timer delivers it, be it the sender's delay or that of an earlier retry.
        let offset = try await store {
            $0.properties = ByteBuffer(
                string: "TIMER_OUT_MS\u{1}5000\u{2}TIMER_DELAY_MS\u{1}9\u{2}TIMER_ENQUEUE_MS\u{1}1\u{2}"
                    + "TIMER_DEQUEUE_MS\u{1}2\u{2}TIMER_ROLL_TIMES\u{1}3\u{2}")
            $0.isCopy = true
        }
        #expect(await sendBack(SendBackRequest(group: "g", logOffset: offset)) == nil)
        let waiting = try await only(NameRules.timerTopic)
        #expect(waiting.property("REAL_TOPIC") == "%RETRY%g" && waiting.property("TIMER_DELAY_MS") == "60000")
        #expect(waiting.property("TIMER_DEQUEUE_MS") == nil && waiting.property("TIMER_ROLL_TIMES") == nil)
    }

    @Test func whatIsSentBackIsCountedForTheTopicItCameFrom() async throws {
        try await test.createTopic("T")
        let offset = try await store()
        for _ in 0..<2 { #expect(await sendBack(SendBackRequest(group: "g", logOffset: offset)) == nil) }
        func count(_ key: String) -> Int64? {
            test.broker.statistics.data(name: "SNDBCK_PUT_NUMS", key: key, nowMillis: test.broker.nowMillis())?.minute
                .sum
        }
        #expect(count("T@g") == 2)
        var dead = SendBackRequest(group: "g", logOffset: offset)
        dead.delayLevel = -1
        #expect(await sendBack(dead) == nil)
        #expect(count("T@g") == 3 && count("%RETRY%g@g") == nil)
    }

    @Test func aNegativeLevelMeansAtOnce() async throws {
        try await test.createTopic("T")
        var request = SendBackRequest(group: "g", logOffset: try await store())
        request.delayLevel = -1
        #expect(await sendBack(request) == nil)
        _ = try await only("%DLQ%g")
    }

    @Test func refusesWhatItCannotDo() async throws {
        try await test.createTopic("T")
        let offset = try await store()
        #expect(await sendBack(SendBackRequest(group: "", logOffset: offset))?.code == .subscriptionGroupNotExist)
        #expect(await sendBack(SendBackRequest(group: "g", logOffset: 1 << 40))?.code == .systemError)
        #expect(await sendBack(SendBackRequest(group: "g", logOffset: offset + 1))?.code == .systemError)
        #expect(await sendBack(SendBackRequest(group: "g", logOffset: -1))?.code == .systemError)
        _ = try await test.broker.topics.put(TopicConfig(name: "%DLQ%g", permission: .read)).get()
        var request = SendBackRequest(group: "g", logOffset: offset)
        request.delayLevel = -1
        #expect(await sendBack(request)?.code == .noPermission)
    }

    @Test func aGroupWithoutRetryQueuesDropsWhatFails() async throws {
        try await test.createTopic("T")
        var group = SubscriptionGroupConfig(name: "g")
        group.retryQueueCount = 0
        try await test.put(group)
        #expect(await sendBack(SendBackRequest(group: "g", logOffset: try await store())) == nil)
        #expect(test.broker.topics.topic("%RETRY%g") == nil)
    }

    @Test func whatAnOrderlyGroupSendsToItsRetryTopicIsADeadLetter() async throws {
        _ = try await test.broker.topics.put(TopicConfig(name: "%RETRY%g", readQueueCount: 1, writeQueueCount: 1)).get()
        let queue = QueueLocks.Queue(topic: "T", queueID: 0)
        let now = test.broker.nowMillis()
        _ = test.broker.queueLocks.withLockedValue {
            $0.lock(group: "g", clientID: "c", queues: [queue], nowMillis: now)
        }
        var request = test.request("%RETRY%g")
        request.reconsumeTimes = 1
        guard case .stored = await test.send(request) else { throw BrokerError(.store, "not stored") }
        _ = try await only("%DLQ%g")
        #expect(test.broker.store.maxOffset(topic: "%RETRY%g", queueId: 0) == 0)
    }
}
