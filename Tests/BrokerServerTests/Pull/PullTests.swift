import MessageModel
import NIOCore
import RemotingCodec
import StorageEngine
import Testing

@testable import BrokerServer

@Suite struct PullTests {
    private let test: TestBroker

    init() throws {
        test = try TestBroker { $0.pullCountMax = 8 }
    }

    private func request(
        _ offset: Int64, _ change: (inout PullRequest) -> Void = { _ in }
    ) -> PullRequest {
        var request = PullRequest(group: "g", topic: "T", queueID: 0, offset: offset)
        change(&request)
        return request
    }

    private func pull(_ request: PullRequest) async -> PullAnswer {
        await withCheckedContinuation { done in test.broker.pulls.pull(request) { done.resume(returning: $0) } }
    }

    private func store(_ count: Int, properties: String? = nil) async throws {
        let before = test.broker.store.maxOffset(topic: "T", queueId: 0)
        for _ in 0..<count { _ = await test.send(test.request("T", properties: properties)) }
        while test.broker.store.maxOffset(topic: "T", queueId: 0) < before + Int64(count) { await Task.yield() }
    }

    private func offsets(_ answer: PullAnswer) throws -> [Int64] {
        try MessageRecord.all(in: answer.body ?? ByteBuffer()).map(\.queueOffset)
    }

    @Test func answersByWhereTheOffsetLies() async throws {
        try await test.createTopic("T")
        let empty = await pull(request(0))
        #expect(empty.code == .pullNotFound && empty.remark == "NO_MESSAGE_IN_QUEUE")
        #expect(await pull(request(7)).code == .pullOffsetMoved)
        try await store(10)
        let found = await pull(request(0))
        #expect(found.code == .success && found.remark == "FOUND" && found.messageCount == 8)
        #expect(found.position?.nextOffset == 8 && found.position?.minOffset == 0 && found.position?.maxOffset == 10)
        #expect(try offsets(found) == Array(0..<8))
        #expect(try offsets(await pull(request(8) { $0.maxCount = 1 })) == [8])
        #expect(try offsets(await pull(request(0) { $0.maxBytes = 1 })) == [0])
        let end = await pull(request(10))
        #expect(end.code == .pullNotFound && end.remark == "OFFSET_OVERFLOW_ONE" && end.position?.nextOffset == 10)
        let beyond = await pull(request(11))
        #expect(beyond.code == .pullOffsetMoved && beyond.remark == "OFFSET_OVERFLOW_BADLY")
        #expect(beyond.position?.nextOffset == 10)
        let before = await pull(request(-1))
        #expect(before.code == .pullOffsetMoved && before.position?.nextOffset == 0)
        #expect(test.broker.deliveredCount == 10)
    }

    @Test func whatIsPulledIsCountedForItsGroup() async throws {
        try await test.createTopic("T")
        try await store(5)
        _ = await pull(request(0))
        _ = await pull(request(3) { $0.group = "h" })
        _ = await pull(request(5))
        let now = test.broker.nowMillis()
        func sum(_ name: String, _ key: String) -> Int64? {
            test.broker.statistics.data(name: name, key: key, nowMillis: now)?.minute.sum
        }
        #expect(sum("GROUP_GET_NUMS", "T@g") == 5 && sum("GROUP_GET_NUMS", "T@h") == 2)
        #expect(sum("BROKER_GET_NUMS", "DefaultCluster") == 7 && sum("TOPIC_PUT_NUMS", "T") == 5)
        #expect(sum("GROUP_GET_SIZE", "T@g") ?? 0 > 5 * 91)
        #expect(test.broker.deliveredCount == 7)
        // Two looks found something.
        #expect(test.broker.runtimeInfo()["msgGetTotalTodayNow"] == "7")
    }

    @Test func whatAGroupMayNotReadIsNeitherPulledNorPopped() async throws {
        try await test.createTopic("T")
        try await store(2)
        let groups = test.broker.groups
        func setReadable(_ isReadable: Bool) async throws {
            try await withCheckedContinuation { done in
                groups.setReadable(isReadable, group: "g", topic: "T") { done.resume(returning: $0) }
            }.get()
        }
        func pop() async -> PopOutcome {
            await withCheckedContinuation { done in
                test.broker.delivery.pop(PopRequest(group: "g", topic: "T")) { done.resume(returning: $0) }
            }
        }
        try await setReadable(false)
        guard case .failed(let error) = await pop() else {
            Issue.record("popped")
            return
        }
        #expect(error.code == .noPermission && error.message.contains("is forbidden for topic[T]"))
        try await setReadable(true)
        #expect(await pop().word == "found")
    }

    @Test func checksInApachesOrder() async throws {
        try await test.createTopic("T")
        #expect(await pull(request(0) { $0.topic = "none" }).code == .topicNotExist)
        #expect(await pull(request(0) { $0.queueID = 4 }).code == .invalidParameter)
        #expect(await pull(request(0) { $0.queueID = -1 }).code == .invalidParameter)
        #expect(await pull(request(0) { $0.group = "" }).code == .subscriptionGroupNotExist)
        #expect(
            await pull(request(0) { $0.subscription = .inline(type: "SQL92", expression: "a >") }).code
                == .subscriptionParseFailed)
        #expect(
            await pull(request(0) { $0.subscription = .inline(type: nil, expression: "||") }).code
                == .subscriptionParseFailed)
        #expect(await pull(request(0) { $0.subscription = .heartbeat(version: 1) }).code == .subscriptionNotExist)
        var group = SubscriptionGroupConfig(name: "closed")
        group.consumeEnable = false
        try await test.put(group)
        let closed = await pull(request(0) { $0.group = "closed" })
        #expect(closed.code == .noPermission && closed.forbidden == .group)
        _ = try await test.broker.topics.put(TopicConfig(name: "W", permission: .write)).get()
        let writeOnly = await pull(request(0) { $0.topic = "W" })
        #expect(writeOnly.code == .noPermission && writeOnly.forbidden == .topic)
    }

    @Test func filtersByTagAndByProperties() async throws {
        try await test.createTopic("T")
        try await store(1, properties: "TAGS\u{1}a\u{2}n\u{1}1\u{2}")
        try await store(1, properties: "TAGS\u{1}b\u{2}n\u{1}2\u{2}")
        try await store(1, properties: "TAGS\u{1}a\u{2}n\u{1}3\u{2}")
        func offsets(_ type: String?, _ expression: String) async throws -> [Int64] {
            try self.offsets(await pull(request(0) { $0.subscription = .inline(type: type, expression: expression) }))
        }
        #expect(try await offsets("TAG", "a") == [0, 2])
        #expect(try await offsets("SQL92", "n >= 2") == [1, 2])
        #expect(try await offsets("SQL92", "n > 1 AND TAGS = 'a'") == [2])
        let none = await pull(request(0) { $0.subscription = .inline(type: nil, expression: "c") })
        #expect(none.code == .pullRetryImmediately && none.remark == "NO_MATCHED_MESSAGE")
        #expect(none.position?.nextOffset == 3 && none.body == nil)
    }

    @Test func waitsForAMessageThatPasses() async throws {
        try await test.createTopic("T")
        let inbox = Inbox<PullAnswer>()
        let waiting = request(0) {
            $0.suspendMillis = 60_000
            $0.subscription = .inline(type: "SQL92", expression: "n = 2")
        }
        test.broker.pulls.pull(waiting) { inbox.put($0) }
        #expect(test.broker.pulls.parkedCount == 1)
        try await store(2, properties: "n\u{1}1\u{2}")
        #expect(inbox.count == 0)
        try await store(1, properties: "n\u{1}2\u{2}")
        while inbox.count == 0 { await Task.yield() }
        #expect(inbox.all[0].code == .success && inbox.all[0].position?.nextOffset == 3)
        #expect(try offsets(inbox.all[0]) == [2])
        #expect(test.broker.pulls.parkedCount == 0)
    }

    @Test func eachWaitingGroupGetsTheMessage() async throws {
        try await test.createTopic("T")
        let inbox = Inbox<PullAnswer>()
        for group in ["g", "h", "h"] {
            test.broker.pulls.pull(
                request(0) {
                    $0.group = group
                    $0.suspendMillis = 60_000
                }
            ) { inbox.put($0) }
        }
        let elsewhere = Inbox<PullAnswer>()
        test.broker.pulls.pull(
            request(0) {
                $0.queueID = 1
                $0.suspendMillis = 60_000
            }
        ) { elsewhere.put($0) }
        try await store(1)
        while inbox.count < 3 { await Task.yield() }
        #expect(inbox.all.allSatisfy { $0.messageCount == 1 })
        #expect(elsewhere.count == 0 && test.broker.pulls.parkedCount == 1)
        // A stopping broker lets nobody wait.
        test.broker.pulls.releaseWaiters()
        #expect(elsewhere.all.map(\.code) == [.pullNotFound])
    }

    @Test func theWaitEndsAndTellsWhereToGoOn() async throws {
        try await test.createTopic("T")
        let answer = await pull(request(0) { $0.suspendMillis = 20 })
        #expect(answer.code == .pullNotFound && answer.position?.nextOffset == 0)
        try await store(1, properties: "TAGS\u{1}a\u{2}")
        let inbox = Inbox<PullAnswer>()
        test.broker.pulls.pull(
            request(1) {
                $0.suspendMillis = 100
                $0.subscription = .inline(type: "SQL92", expression: "n = 2")
            }
        ) { inbox.put($0) }
        try await store(2, properties: "n\u{1}1\u{2}")
        while inbox.count == 0 { await Task.yield() }
        // What was passed over while waiting is not read again.
        #expect(inbox.all[0].position?.nextOffset == 3)
    }

    @Test func waitersAreBounded() async throws {
        let test = try TestBroker { $0.waitersMax = 1 }
        try await test.createTopic("T")
        let inbox = Inbox<PullAnswer>()
        let waiting = request(0) { $0.suspendMillis = 60_000 }
        test.broker.pulls.pull(waiting) { inbox.put($0) }
        test.broker.pulls.pull(waiting) { inbox.put($0) }
        #expect(inbox.all.map(\.code) == [.systemBusy])
        try test.close()
        #expect(inbox.all.map(\.code) == [.systemBusy, .pullNotFound])
    }

    @Test func commitsOnTheWay() async throws {
        try await test.createTopic("T")
        try await store(3)
        _ = await pull(request(2) { $0.commitOffset = 2 })
        #expect(test.broker.delivery.offsets.offset(group: "g", topic: "T", queueID: 0) == 2)
        _ = await pull(request(2) { $0.commitOffset = -1 })
        #expect(test.broker.delivery.offsets.offset(group: "g", topic: "T", queueID: 0) == 2)
    }

    @Test func aGroupThatPopsTooSharesTheProgress() async throws {
        try await test.createTopic("T", queues: 1)
        try await store(6)
        func pop(_ count: Int32) async -> [Int64] {
            var request = PopRequest(group: "g", topic: "T")
            request.maxCount = count
            return await withCheckedContinuation { done in
                test.broker.delivery.pop(request) { done.resume(returning: $0.batch?.queueOffsets ?? []) }
            }
        }
        #expect(await pop(1) == [0])
        test.broker.pulls.commit(group: "g", topic: "T", queueID: 0, offset: 3)
        #expect(await pop(1) == [3])
        // Behind what was acknowledged nothing goes back.
        test.broker.pulls.commit(group: "g", topic: "T", queueID: 0, offset: 1)
        #expect(test.broker.delivery.offsets.offset(group: "g", topic: "T", queueID: 0) == 3)
        #expect(await pop(8) == [4, 5])
    }
}
