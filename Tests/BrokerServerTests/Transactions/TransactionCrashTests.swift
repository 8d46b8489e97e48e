import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import Testing

@testable import BrokerServer

@Suite("Transactions over crashes")
struct TransactionCrashTests {
    /// A life with every kind of end. The producer decides by the body: `c` commit, `r` rollback, `u` only when asked,
    /// then commit, `v` only when asked, then rollback. Stops at the first thing that gets no answer.
    private func live(_ world: TransactionWorld) throws {
        var bodies: [String] = []
        for round in 0..<2 {
            for kind in ["c", "r", "u", "v", "c", "r"] {
                let body = "\(kind)\(round)\(bodies.count)"
                bodies.append(body)
                let place = try world.prepare(body)
                if kind == "c" { world.end(place, .commit) }
                if kind == "r" { world.end(place, .rollback) }
            }
            world.pass(6_000)
            _ = world.store.synchronize()
            try answer(world)
            world.pass(3_000)
        }
    }

    private func answer(_ world: TransactionWorld) throws {
        for check in world.takeAsked() {
            let body = String(buffer: try MessageRecord(check.record).body)
            let isCommit = body.hasPrefix("c") || body.hasPrefix("u")
            world.end((check.queueOffset, check.logOffset), isCommit ? .commit : .rollback, isAnswer: true)
        }
    }

    @Test("whatever the last record before a crash is, each transaction ends once and as decided")
    func anyCut() throws {
        let whole = try TransactionWorld()
        try live(whole)
        let count = whole.store.count
        #expect(count > 30)
        // The files of progress as they were at the end: they may know more than the log that is left.
        for files in [MemoryRegistryStorage(), whole.files] {
            for cut in 0...count {
                let world = try TransactionWorld(
                    clock: .init(2_000_000), store: whole.store.survivor(count: cut), files: copy(files))
                let sent = Set(
                    world.store.records(NameRules.halfTopic).map { String(buffer: $0.body) })
                for _ in 0..<3 {
                    world.pass(30_000)
                    try answer(world)
                    world.pass(3_000)
                }
                let expected = sent.filter { $0.hasPrefix("c") || $0.hasPrefix("u") }
                #expect(world.delivered.sorted() == expected.sorted(), "cut after \(cut)")
                #expect(world.service.openCount == 0, "cut after \(cut)")
            }
        }
    }

    private func copy(_ files: MemoryRegistryStorage) -> MemoryRegistryStorage {
        MemoryRegistryStorage([
            TransactionService.markFileName: files.content(TransactionService.markFileName) ?? [],
            ConsumerOffsets.fileName: files.content(ConsumerOffsets.fileName) ?? [],
        ])
    }

    @Test("a crash in the recovery after a crash changes nothing")
    func twice() throws {
        let whole = try TransactionWorld()
        try live(whole)
        for cut in 0...whole.store.count {
            let first = try TransactionWorld(clock: .init(2_000_000), store: whole.store.survivor(count: cut))
            let sent = Set(first.store.records(NameRules.halfTopic).map { String(buffer: $0.body) })
            first.store.crash(after: first.store.count + 2)
            first.pass(30_000)
            try answer(first)
            first.pass(3_000)
            let second = try TransactionWorld(clock: first.clock, store: first.store.survivor(), files: first.files)
            for _ in 0..<3 {
                second.pass(30_000)
                try answer(second)
                second.pass(3_000)
            }
            let expected = sent.filter { $0.hasPrefix("c") || $0.hasPrefix("u") }
            #expect(second.delivered.sorted() == expected.sorted(), "cut after \(cut)")
        }
    }

    @Test(
        "whichever record a loss of power takes of those not on the disk, no transaction is lost, and none ends twice")
    func anyHole() throws {
        let whole = try TransactionWorld()
        whole.store.holdFlushes()
        try live(whole)
        for cut in 1...whole.store.count {
            let (unflushed, end) = whole.store.unflushed(count: cut)
            for lost in unflushed {
                let world = try TransactionWorld(
                    clock: .init(2_000_000), store: whole.store.survivor(count: cut, without: lost))
                let halves = world.store.records(NameRules.halfTopic)
                for _ in 0..<3 {
                    world.pass(30_000)
                    try answer(world)
                    world.pass(3_000)
                }
                func committed(_ records: [MessageRecord]) -> Set<String> {
                    Set(records.map { String(buffer: $0.body) }.filter { $0.hasPrefix("c") || $0.hasPrefix("u") })
                }
                let told = "cut after \(cut) without \(lost)"
                #expect(Set(world.delivered).count == world.delivered.count, "\(told)")
                let all = committed(whole.store.records(NameRules.halfTopic))
                #expect(all.isSuperset(of: world.delivered), "\(told)")
                let kept = committed(halves.filter { $0.logOffset < end })
                #expect(kept.isSubset(of: world.delivered), "\(told)")
            }
        }
    }

    @Test("a half message that gets the place of a lost one is not taken for that")
    func placeOfALostOne() throws {
        let world = try TransactionWorld()
        #expect(world.end(try world.prepare("r"), .rollback) == nil)
        #expect(world.ops == ["rollback 0,"])
        // The op message was on the disk, what it is about was not.
        let restarted = try TransactionWorld(clock: world.clock, store: world.store.survivor(count: 2, without: 0))
        #expect(try restarted.prepare("u").queue == 0)
        let again = try restarted.restarted()
        #expect(again.service.openCount == 1)
        again.pass(6_000)
        try answer(again)
        #expect(again.delivered == ["u"])
    }

    @Test("a mark of a log that lost its end is not believed again when the log has grown over it")
    func markOfALostEnd() throws {
        let world = try TransactionWorld()
        let place = try world.prepare("c")
        let files = MemoryRegistryStorage([
            TransactionService.markFileName: Array(#"{"logOffset":2000,"logEnd":2000}"#.utf8)
        ])
        let first = try TransactionWorld(clock: world.clock, store: world.store.survivor(), files: files)
        #expect(first.end(place, .commit) == nil)
        while first.store.logBounds.end < 2_000 { try first.prepare("r\(first.store.count)") }
        let second = try first.restarted()
        second.pass(6_000)
        try answer(second)
        #expect(second.delivered == ["c"])
    }

    @Test("nor are the offsets of such a log believed after a kill that follows at once")
    func offsetsOfALostEnd() throws {
        let world = try TransactionWorld()
        try world.prepare("c")
        let queue = "\(NameRules.halfTopic)@\(TransactionService.group)"
        let files = MemoryRegistryStorage([
            TransactionService.markFileName: Array(#"{"logOffset":2000,"logEnd":2000}"#.utf8),
            "consumerOffset.json": Array(#"{"offsetTable":{"\#(queue)":{"0":1}}}"#.utf8),
        ])
        let first = try TransactionWorld(clock: world.clock, store: world.store.survivor(), files: files)
        #expect(first.service.openCount == 1)
        #expect(try first.restarted().service.openCount == 1)
    }

    @Test("a commit that a slow disk did not confirm in time is one nevertheless")
    func slowCommit() throws {
        let world = try TransactionWorld()
        let place = try world.prepare("a")
        world.store.timeOutAppends(to: ["T"])
        #expect(world.end(place, .commit) == .flushDiskTimeout)
        world.store.timeOutAppends(to: [])
        #expect(world.end(place, .rollback) == .illegalOperation)
        #expect(world.end(place, .commit) == nil)
        #expect(world.delivered == ["a"])
    }

    @Test("the end of a copy is that of its originals, also when no op message says that it is one")
    func endOfACopy() throws {
        let world = try TransactionWorld()
        _ = try world.prepare("u")
        world.pass(6_000)
        try answer(world)
        world.pass(3_000)
        #expect(world.ops == ["copy 0,", "commit 1,"])
        // Half message, copy, message, op messages.
        let restarted = try TransactionWorld(clock: world.clock, store: world.store.survivor(count: 5, without: 3))
        #expect(restarted.ops == ["commit 1,"] && restarted.service.openCount == 0)
        restarted.pass(60_000)
        try answer(restarted)
        #expect(restarted.delivered == ["u"])
    }

    @Test("a rollback is not told to be done before it is written")
    func rollbackAgain() throws {
        let world = try TransactionWorld()
        let place = try world.prepare("a")
        world.store.failAppends(to: [NameRules.opHalfTopic])
        #expect(world.end(place, .rollback) != nil)
        #expect(world.end(place, .rollback) != nil)
        #expect(world.end(place, .commit) == .illegalOperation)
        world.store.failAppends(to: [])
        #expect(world.end(place, .rollback) == nil)
        #expect(world.ops == ["rollback 0,"])
    }

    @Test("a rollback that is asked for again while it is being written is answered when it is")
    func rollbackMeanwhile() throws {
        let world = try TransactionWorld()
        let place = try world.prepare("a")
        world.store.stallAppends(to: [NameRules.opHalfTopic])
        let answered = NIOLockedValueBox(0)
        for _ in 0..<2 {
            world.service.end(
                EndTransaction(.rollback, producerGroup: "P", queueOffset: place.queue, logOffset: place.log)
            ) { result in
                if case .success = result { answered.withLockedValue { $0 += 1 } }
            }
        }
        #expect(answered.withLockedValue { $0 } == 0)
        world.store.stallAppends(to: [])
        _ = world.store.synchronize()
        #expect(answered.withLockedValue { $0 } == 2)
    }

    @Test("a commit whose op was not written is found in the log, and known as one")
    func commitWithoutOp() throws {
        let world = try TransactionWorld()
        let place = try world.prepare("a")
        #expect(world.end(place, .commit) == nil)
        let restarted = try world.restarted()
        #expect(restarted.service.openCount == 0)
        #expect(restarted.end(place, .commit) == nil)
        #expect(restarted.end(place, .rollback) == .illegalOperation)
        restarted.pass(60_000)
        #expect(restarted.delivered == ["a"] && restarted.takeAsked().isEmpty && restarted.ops == ["commit 0,"])
    }

    @Test("names from before a restart still end a transaction that was asked about")
    func oldNames() throws {
        let world = try TransactionWorld()
        let original = try world.prepare("a")
        world.pass(6_000)
        world.pass(30_000)
        let checks = world.takeAsked()
        #expect(checks.count == 2)
        let restarted = try world.restarted()
        #expect(restarted.end(original, .commit) == nil)
        for check in checks {
            #expect(restarted.end((check.queueOffset, check.logOffset), .commit, isAnswer: true) == nil)
        }
        #expect(restarted.delivered == ["a"])
        restarted.pass(60_000)
        #expect(restarted.takeAsked().isEmpty)
    }

    @Test("progress moves on, and a start reads only what is open")
    func progress() throws {
        let world = try TransactionWorld()
        for number in 0..<10 {
            let place = try world.prepare("m\(number)")
            if number != 7 { #expect(world.end(place, .commit) == nil) }
        }
        for _ in 0..<4 { world.pass(5_000) }
        func committed(_ topic: String) -> Int64? {
            world.offsets.offset(group: "CID_RMQ_SYS_TRANS", topic: topic, queueID: 0)
        }
        // Number 7 was asked about and is at 10 now, or further.
        #expect(committed(NameRules.halfTopic) ?? 0 >= 10)
        let restarted = try world.restarted()
        #expect(restarted.service.openCount == 1)
        #expect(restarted.end((0, 0), .commit) == nil)
    }

    @Test("the queues of an Apache broker are understood, old op messages too")
    func apacheQueues() throws {
        let world = try TransactionWorld()
        let places = try (0..<5).map { try world.prepare("m\($0)") }
        // What Apache writes: no word about how it ended; once a single offset without a comma.
        for body in ["0,1,", "3"] {
            world.store.append(
                .init(
                    topic: NameRules.opHalfTopic, queueId: 0, bornTimestampMillis: 1,
                    bornHost: .unknown, storeHost: .unknown,
                    properties: ByteBuffer(string: "WAIT\u{1}true\u{2}TAGS\u{1}d"), body: ByteBuffer(string: body)),
                isDurable: false
            ) { _ in }
        }
        let restarted = try world.restarted()
        #expect(restarted.service.openCount == 2)
        #expect(restarted.end(places[0], .commit) == .illegalOperation)
        #expect(restarted.end(places[2], .commit) == nil)
        restarted.pass(6_000)
        #expect(restarted.takeAsked().map(\.messageID) == ["id-m4"])
        #expect(restarted.delivered == ["m2"])
    }
}
