import MessageModel
import NIOCore
import RemotingCodec
import Testing

@testable import BrokerServer

@Suite struct ResetOffsetTests {
    private let test: TestBroker

    init() throws {
        test = try TestBroker()
    }

    private func header(
        queueID: Int32? = nil, offset: Int64? = nil, time: Int64 = -1, isForced: Bool = true, topic: String = "T"
    ) -> ResetOffsetRequestHeader {
        ResetOffsetRequestHeader(
            topic: topic, group: "g", queueId: queueID, offset: offset, timestampMillis: time, isForced: isForced)
    }

    private func store(_ count: Int) async throws {
        try await test.createTopic("T", queues: 2)
        for _ in 0..<count { _ = await test.send(test.request("T")) }
        while test.broker.store.maxOffset(topic: "T", queueId: 0) < Int64(count) { await Task.yield() }
    }

    private func pull(_ offset: Int64, commit: Int64? = nil) async -> PullAnswer {
        var request = PullRequest(group: "g", topic: "T", queueID: 0, offset: offset)
        request.commitOffset = commit
        return await withCheckedContinuation { done in
            test.broker.pulls.pull(request) { done.resume(returning: $0) }
        }
    }

    private var committed: Int64? { test.broker.delivery.offsets.offset(group: "g", topic: "T", queueID: 0) }

    @Test func theNextPullIsToldOnceAndCommitsOfTheTimeBeforeDoNotCount() async throws {
        try await store(5)
        _ = await pull(5, commit: 5)
        #expect(committed == 5)
        #expect(try test.broker.resetOffsets(header(time: 0)) == [0: 0, 1: 0])
        test.broker.pulls.commit(group: "g", topic: "T", queueID: 0, offset: 5)
        #expect(committed == 0)
        let moved = await pull(5)
        #expect(moved.code == .pullOffsetMoved && moved.position?.nextOffset == 0 && moved.body == nil)
        #expect(moved.position?.maxOffset == 5)
        #expect(await pull(0).messageCount == 5)
        test.broker.pulls.commit(group: "g", topic: "T", queueID: 0, offset: 3)
        #expect(committed == 3)
    }

    @Test func aWaitingPullIsToldAtOnce() async throws {
        try await store(3)
        let inbox = Inbox<PullAnswer>()
        var request = PullRequest(group: "g", topic: "T", queueID: 0, offset: 3)
        request.suspendMillis = 60_000
        test.broker.pulls.pull(request) { inbox.put($0) }
        #expect(inbox.count == 0)
        _ = try test.broker.resetOffsets(header(queueID: 0, offset: 1))
        #expect(inbox.all.map(\.code) == [.pullOffsetMoved] && inbox.all[0].position?.nextOffset == 1)
    }

    @Test func choosesByTimeByOffsetAndByForce() async throws {
        try await store(4)
        #expect(try test.broker.resetOffsets(header()) == [0: 4, 1: 0])
        #expect(try test.broker.resetOffsets(header(queueID: 0)) == [0: 4])
        #expect(try test.broker.resetOffsets(header(queueID: 0, offset: 2)) == [0: 2])
        // Unforced, a group that is behind stays where it is.
        #expect(try test.broker.resetOffsets(header(queueID: 0, isForced: false)) == [0: 2])
        #expect(try test.broker.resetOffsets(header(queueID: 0, time: 1, isForced: false)) == [0: 0])
    }

    @Test func refusesWhatIsNotThere() async throws {
        try await store(4)
        func code(_ header: ResetOffsetRequestHeader) -> ResponseCode? {
            do throws(ServiceError) {
                _ = try test.broker.resetOffsets(header)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code(header(topic: "none")) == .topicNotExist)
        #expect(code(header(queueID: 2)) == .systemError)
        #expect(code(header(queueID: 0, offset: 6)) == .systemError)
        #expect(code(header(queueID: 0, offset: 5)) == nil)
    }

    @Test func withoutTheBrokersHelpSomebodyMustBeOnline() async throws {
        let test = try TestBroker { $0.useServerSideResetOffset = false }
        try await test.createTopic("T")
        #expect(throws: ServiceError.self) { try test.broker.resetOffsets(header()) }
        try test.close()
    }
}
