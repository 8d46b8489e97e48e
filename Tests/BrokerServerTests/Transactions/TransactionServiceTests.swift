import DeliveryEngine
import MessageModel
import NIOCore
import RemotingCodec
import Testing

@testable import BrokerServer

@Suite("Transactions")
struct TransactionServiceTests {
    @Test("a committed half message appears in its topic and queue with all its properties")
    func commit() throws {
        let world = try TransactionWorld()
        let place = try world.prepare("a", properties: "TAGS\u{1}X\u{2}")
        #expect(place == (0, 0) && world.delivered == [])
        let half = try #require(world.store.record(at: place.log))
        #expect(half.topic == "RMQ_SYS_TRANS_HALF_TOPIC" && half.queueId == 0 && half.sysFlag == [])
        #expect(half.property("REAL_TOPIC") == "T" && half.property("REAL_QID") == "1")
        #expect(world.end(place, .commit) == nil)
        let record = try #require(world.store.records("T").first)
        #expect(world.delivered == ["a"] && record.queueId == 1 && record.sysFlag == .transactionCommit)
        #expect(record.preparedTransactionOffset == place.log && record.properties == half.properties)
        #expect(record.bornHost == half.bornHost && record.bornTimestampMillis == half.bornTimestampMillis)
        // The op waits for others, up to the batch interval.
        #expect(world.ops == [])
        world.pass(3_000)
        #expect(world.ops == ["commit 0,"])
    }

    @Test("a rolled back half message appears nowhere; its end is written before the answer")
    func rollback() throws {
        let world = try TransactionWorld()
        let place = try world.prepare("a")
        #expect(world.end(place, .rollback) == nil)
        #expect(world.delivered == [] && world.ops == ["rollback 0,"])
        #expect(world.service.openCount == 0)
    }

    @Test("a repeated end is answered with the truth")
    func repeated() throws {
        let world = try TransactionWorld()
        let (first, second) = (try world.prepare("a"), try world.prepare("b"))
        #expect(world.end(first, .commit) == nil)
        #expect(world.end(first, .commit) == nil)
        #expect(world.end(first, .rollback) == .illegalOperation)
        #expect(world.end(second, .rollback) == nil)
        #expect(world.end(second, .commit) == .illegalOperation)
        #expect(world.end(second, .rollback) == nil)
        #expect(world.delivered == ["a"])
        world.pass(3_000)
        let restarted = try world.restarted()
        #expect(restarted.end(first, .commit) == nil)
        #expect(restarted.end(first, .rollback) == .illegalOperation)
        #expect(restarted.end(second, .commit) == .illegalOperation)
        #expect(restarted.delivered == ["a"])
    }

    @Test("what does not name a half message and its group is refused with Apache's code")
    func checks() throws {
        let world = try TransactionWorld()
        let place = try world.prepare("a")
        #expect(world.end((0, 99_999), .commit) == .systemError)
        #expect(world.end((7, place.log), .commit) == .systemError)
        #expect(world.end(place, .commit, group: "Q") == .systemError)
        #expect(world.end(place, .commit) == nil)
        let message = try #require(world.store.records("T").first)
        #expect(world.end((0, message.logOffset), .commit) == .systemError)
        #expect(world.delivered == ["a"])
    }

    @Test("a deleted topic takes no commit, and the transaction stays open")
    func deletedTopic() throws {
        let world = try TransactionWorld()
        let place = try world.prepare("a")
        world.forget(topic: "T")
        #expect(world.end(place, .commit) == .topicNotExist)
        #expect(world.service.openCount == 1)
        #expect(world.end(place, .rollback) == nil)
    }

    @Test("a store that refuses leaves the transaction open")
    func refusedAppend() throws {
        let world = try TransactionWorld()
        let place = try world.prepare("a")
        world.store.failAppends(to: ["T"])
        #expect(world.end(place, .commit) == .serviceNotAvailable)
        world.store.failAppends(to: [])
        #expect(world.end(place, .commit) == nil)
        #expect(world.delivered == ["a"])
    }

    @Test("a rollback that cannot be written is an error, and is written later")
    func refusedOp() throws {
        let world = try TransactionWorld()
        let place = try world.prepare("a")
        world.store.failAppends(to: [NameRules.opHalfTopic])
        #expect(world.end(place, .rollback) == .serviceNotAvailable)
        world.store.failAppends(to: [])
        world.pass(1_000)
        #expect(world.ops == ["rollback 0,"])
    }

    @Test("an undecided transaction is asked about, each time with a copy, and any of its names ends it")
    func checkBack() throws {
        let world = try TransactionWorld()
        let original = try world.prepare("a")
        world.pass(5_999)
        #expect(world.takeAsked().isEmpty)
        world.pass(1)
        let first = try #require(world.takeAsked().first)
        #expect(first.queueOffset == 1 && first.topic == "T" && first.messageID == "id-a")
        let record = try MessageRecord(first.record)
        #expect(record.topic == "T" && record.queueId == 1 && record.queueOffset == 1)
        #expect(record.property("TRANSACTION_CHECK_TIMES") == "1" && String(buffer: record.body) == "a")
        world.pass(29_999)
        #expect(world.takeAsked().isEmpty)
        world.pass(1)
        let second = try #require(world.takeAsked().first)
        #expect(second.queueOffset == 2)
        #expect(try MessageRecord(second.record).property("TRANSACTION_CHECK_TIMES") == "2")
        // The producer answers late, by the name that it was told at first.
        #expect(world.end(original, .commit) == nil)
        #expect(world.end((second.queueOffset, second.logOffset), .commit, isAnswer: true) == nil)
        #expect(world.end((first.queueOffset, first.logOffset), .rollback) == .illegalOperation)
        #expect(world.delivered == ["a"])
        world.pass(100_000)
        #expect(world.takeAsked().isEmpty && world.service.openCount == 0)
    }

    @Test("after the last question comes the topic of transactions that nobody decided")
    func discard() throws {
        let world = try TransactionWorld()
        let place = try world.prepare("a")
        world.pass(6_000)
        for _ in 1..<15 { world.pass(30_000) }
        #expect(world.takeAsked().count == 15)
        world.pass(30_000)
        #expect(world.takeAsked().isEmpty && world.service.openCount == 0)
        let given = world.store.records("TRANS_CHECK_MAX_TIME_TOPIC")
        #expect(given.map { String(buffer: $0.body) } == ["a"])
        #expect(given.first?.property("TRANSACTION_CHECK_TIMES") == "15")
        #expect(world.end(place, .commit) == .illegalOperation)
        #expect(world.delivered == [])
    }

    @Test("a transaction that was given up can be opened again, and nothing else can")
    func resume() throws {
        let world = try TransactionWorld(producers: [])
        let place = try world.prepare("a")
        world.pass(72 * 3_600_000)
        let given = try #require(world.store.records("TRANS_CHECK_MAX_TIME_TOPIC").first)
        #expect(world.resume(place.log) == .systemError)
        #expect(world.resume(given.logOffset) == nil)
        #expect(world.service.openCount == 1)
        world.producers.withLockedValue { $0 = ["P"] }
        world.pass(6_000)
        let check = try #require(world.takeAsked().first)
        #expect(try MessageRecord(check.record).property("TRANSACTION_CHECK_TIMES") == "1")
        #expect(world.end((check.queueOffset, check.logOffset), .commit, isAnswer: true) == nil)
        #expect(world.delivered == ["a"])
    }

    @Test("without a producer to ask nothing counts, and the record is kept fresh until it is too old")
    func nobodyToAsk() throws {
        let world = try TransactionWorld(producers: [])
        try world.prepare("a")
        for _ in 0..<100 { world.pass(30_000) }
        #expect(world.takeAsked().isEmpty && world.service.openCount == 1)
        #expect(world.store.records("TRANS_CHECK_MAX_TIME_TOPIC").isEmpty)
        // A fresh record every ten minutes or so, not at each question that could not be asked.
        #expect((2...6).contains(world.store.records(NameRules.halfTopic).count))
        world.producers.withLockedValue { $0 = ["P"] }
        world.pass(30_000)
        let check = try #require(world.takeAsked().first)
        #expect(world.end((check.queueOffset, check.logOffset), .commit, isAnswer: true) == nil)
        #expect(world.delivered == ["a"])
        try world.prepare("b", group: "gone")
        for _ in 0..<500 { world.pass(600_000) }
        #expect(world.service.openCount == 0)
        #expect(world.store.records("TRANS_CHECK_MAX_TIME_TOPIC").count == 1)
    }

    @Test("a producer chooses when it is asked first, and must not decide by itself after that")
    func immunity() throws {
        let world = try TransactionWorld()
        let place = try world.prepare("a", properties: "CHECK_IMMUNITY_TIME_IN_SECONDS\u{1}60\u{2}")
        let inTime = try world.prepare("b", properties: "CHECK_IMMUNITY_TIME_IN_SECONDS\u{1}60\u{2}")
        world.pass(59_999)
        #expect(world.takeAsked().isEmpty)
        #expect(world.end(inTime, .commit) == nil)
        world.pass(2)
        let check = try #require(world.takeAsked().first)
        #expect(world.end(place, .commit) == .illegalOperation)
        #expect(world.end((check.queueOffset, check.logOffset), .commit, isAnswer: true) == nil)
        #expect(world.delivered == ["b", "a"])
    }

    @Test("a half message whose log file was deleted is given up")
    func deletedFile() throws {
        let world = try TransactionWorld()
        let place = try world.prepare("a")
        world.store.expire(before: 10_000)
        world.pass(6_000)
        #expect(world.service.openCount == 0)
        #expect(world.end(place, .commit) == .systemError)
    }

    @Test("too many open transactions: a retryable refusal, until some end")
    func full() throws {
        var limits = TransactionTable.Limits()
        limits.openMax = 2
        let world = try TransactionWorld(limits: limits)
        let first = try world.prepare("a")
        try world.prepare("b")
        #expect(throws: ServiceError.self) { try world.prepare("c") }
        #expect(world.end(first, .rollback) == nil)
        try world.prepare("c")
    }

    @Test("a forwarded message brings no marks of the transaction it once was")
    func forwarded() throws {
        let world = try TransactionWorld()
        let place = try world.prepare(
            "a", properties: "TRANSACTION_CHECK_TIMES\u{1}15\u{2}REAL_TOPIC\u{1}U\u{2}REAL_QID\u{1}9\u{2}")
        let half = try #require(world.store.record(at: place.log))
        #expect(half.property("TRANSACTION_CHECK_TIMES") == nil && half.property("REAL_TOPIC") == "T")
        world.pass(6_000)
        #expect(world.takeAsked().count == 1)
    }

    @Test("ends are written in batches of Apache's size")
    func opBatches() throws {
        var limits = TransactionTable.Limits()
        limits.opBytesMax = 32
        let world = try TransactionWorld(limits: limits)
        for number in 0..<20 {
            let place = try world.prepare("m\(number)")
            #expect(world.end(place, .commit) == nil)
        }
        world.pass(3_000)
        #expect(world.ops.allSatisfy { $0.utf8.count <= 32 + "commit ".count })
        let offsets = world.ops.flatMap { $0.dropFirst("commit ".count).split(separator: ",") }
        #expect(offsets == (0..<20).map { "\($0)" })
    }
}
