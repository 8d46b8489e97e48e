import InMemoryFileSystem
import NIOCore
import Testing

@testable import StorageEngine

@Suite("A replica's log")
struct LogReceiverTests {
    /// A master's store with what was copied from it so far.
    private struct Pair {
        let masterWorld = MemoryStoreWorld()
        var replicaWorld = MemoryStoreWorld()
        let master: MessageStore
        var replica: MessageStore
        var receiver: LogReceiver

        init() throws {
            replicaWorld.configuration.isReplica = true
            master = try masterWorld.open().store
            replica = try replicaWorld.open().store
            receiver = LogReceiver(store: replica)
        }

        func append(_ bodies: [String], topic: String = "T", queueId: Int32 = 0) {
            for body in bodies {
                master.append(StoreFixture.message(body, topic: topic, queueId: queueId)) { _ in }
            }
            while master.dispatchStep() {}
        }

        /// Copies what is missing, in pieces of so many bytes.
        func copy(piece: Int, upTo end: Int64? = nil) throws {
            let end = end ?? master.sendableLogEnd
            var offset = max(master.minLogOffset, replica.maxLogOffset)
            while offset < end {
                var bytes = ByteBuffer()
                let count = try master.readLog(
                    from: offset, bytesMax: min(piece, Int(end - offset)), into: &bytes)
                try receiver.receive(bytes, at: offset)
                offset += Int64(count)
            }
            while replica.dispatchStep() {}
        }

        mutating func restartReplica(killed: Bool) throws {
            if killed {
                replicaWorld.files = replicaWorld.files.afterKill()
            } else {
                try replica.close()
            }
            try restartReplica()
        }

        mutating func restartReplica() throws {
            replica = try replicaWorld.open().store
            receiver = LogReceiver(store: replica)
        }
    }

    /// The log offsets and sizes of a queue.
    private func units(_ store: MessageStore, topic: String = "T", queueId: Int32 = 0) -> [String] {
        var buffer = ByteBuffer()
        let result = store.read(
            topic: topic, queueId: queueId, from: store.minOffset(topic: topic, queueId: queueId), maxCount: 1_000,
            maxBytes: 16 << 20, into: &buffer)
        return result.records.map { "\($0.queueOffset)@\($0.logOffset)" }
    }

    @Test("has the same queues, whatever pieces the bytes come in", arguments: [1, 7, 333, 4_096, 1 << 20])
    func pieces(piece: Int) throws {
        let pair = try Pair()
        // Over the ends of some files, each of which has a blank at its end.
        let count = piece == 1 ? 4 : 12
        for number in 0..<count {
            pair.append([String(repeating: "x", count: 30_000), "short"], queueId: Int32(number % 3))
        }
        try pair.copy(piece: piece == 1 ? 5_000 : piece)
        if piece == 1 {
            // The last record byte by byte: it is there with its last one.
            pair.append(["slowly"])
            let end = pair.master.sendableLogEnd
            try pair.copy(piece: 1, upTo: end - 1)
            #expect(units(pair.replica).count == units(pair.master).count - 1)
            try pair.copy(piece: 1)
        }
        #expect(pair.replica.maxLogOffset == pair.master.maxLogOffset)
        for queueId in 0..<Int32(3) {
            #expect(!units(pair.master, queueId: queueId).isEmpty)
            #expect(units(pair.replica, queueId: queueId) == units(pair.master, queueId: queueId))
        }
    }

    @Test("goes on where it ended, after a stop and after a kill, in the middle of a record", arguments: [true, false])
    func restart(killed: Bool) throws {
        var pair = try Pair()
        pair.append((0..<20).map { "message \($0)" + String(repeating: "x", count: 9_000) })
        try pair.copy(piece: 4_096, upTo: 100_000)
        try pair.restartReplica(killed: killed)
        // What is left of a record is cut off: it comes again.
        #expect(pair.replica.maxLogOffset <= 100_000 && pair.replica.maxLogOffset > 90_000)
        try pair.copy(piece: 4_096)
        #expect(units(pair.replica) == units(pair.master))
        try pair.restartReplica(killed: killed)
        #expect(pair.replica.maxLogOffset == pair.master.maxLogOffset)
        #expect(units(pair.replica) == units(pair.master))
    }

    @Test("begins where the master's log begins")
    func begins() throws {
        let pair = try Pair()
        let start = Int64(2 * pair.masterWorld.configuration.commitLogFileBytes)
        pair.append((0..<30).map { _ in String(repeating: "x", count: 20_000) })
        var bytes = ByteBuffer()
        let count = try pair.master.readLog(from: start, bytesMax: 1 << 20, into: &bytes)
        try pair.receiver.receive(bytes, at: start)
        #expect(pair.replica.minLogOffset == start && pair.replica.maxLogOffset == start + Int64(count))
        try pair.copy(piece: 10_000)
        #expect(units(pair.replica).last == units(pair.master).last)
        #expect(throws: StoreError.self) { try pair.receiver.receive(ByteBuffer(string: "x"), at: 5) }
    }

    @Test("takes nothing that does not follow, or that goes over the end of a file")
    func refuses() throws {
        let pair = try Pair()
        pair.append(["a"])
        try pair.copy(piece: 4_096)
        let end = pair.replica.maxLogOffset
        let fileBytes = pair.masterWorld.configuration.commitLogFileBytes
        for (offset, count) in [(end - 1, 10), (end + 1, 10), (end, fileBytes)] {
            #expect(throws: StoreError.self) {
                try pair.receiver.receive(ByteBuffer(repeating: 0, count: count), at: offset)
            }
        }
        #expect(pair.replica.maxLogOffset == end)
        pair.append(["b"])
        try pair.copy(piece: 4_096)
        #expect(units(pair.replica) == units(pair.master))
    }

    @Test("lets go of a topic's former life, when the table comes before the next one and when it comes late")
    func deletedTopics() throws {
        let pair = try Pair()
        pair.append(["old 1", "old 2", "old 3"])
        pair.append(["kept"], topic: "other")
        try pair.copy(piece: 4_096)
        try pair.master.deleteTopic("T")
        pair.append(["new 1"])
        // The table comes late: nothing that goes back is taken before.
        #expect(throws: StoreError.self) { try pair.copy(piece: 4_096) }
        #expect(units(pair.replica).count == 3)
        try pair.receiver.adoptDeletedTopics(pair.master.deletedTopics)
        pair.append(["new 2"])
        try pair.copy(piece: 4_096)
        #expect(units(pair.replica) == units(pair.master) && units(pair.replica).count == 2)
        // Now before, though the end of the deleted life is still to come.
        pair.append(["new 3"])
        try pair.master.deleteTopic("T")
        try pair.receiver.adoptDeletedTopics(pair.master.deletedTopics)
        #expect(units(pair.replica).isEmpty && units(pair.replica, topic: "other").count == 1)
        pair.append(["newer"], queueId: 1)
        try pair.copy(piece: 4_096)
        #expect(units(pair.replica, queueId: 1) == units(pair.master, queueId: 1))
        #expect(units(pair.replica, queueId: 1).count == 1 && units(pair.replica).isEmpty)
        #expect(throws: StoreError.self) { try pair.receiver.adoptDeletedTopics([1, 2, 3]) }
    }

    @Test("keeps the first message of a next life though it went to a queue that the former life had not used")
    func nextLife() throws {
        let pair = try Pair()
        pair.append((0..<5).map { "old \($0)" })
        try pair.copy(piece: 4_096)
        try pair.master.deleteTopic("T")
        pair.append(["new in another queue"], queueId: 1)
        pair.append(["new in the same"])
        #expect(throws: StoreError.self) { try pair.copy(piece: 4_096) }
        while pair.replica.dispatchStep() {}
        try pair.receiver.adoptDeletedTopics(pair.master.deletedTopics)
        pair.append(["more"])
        try pair.copy(piece: 4_096)
        for queueId in 0..<Int32(2) {
            #expect(units(pair.replica, queueId: queueId) == units(pair.master, queueId: queueId))
            #expect(!units(pair.replica, queueId: queueId).isEmpty)
        }
    }

    @Test("passes over a record that goes back though no topic was deleted: it is damaged")
    func goesBack() throws {
        let pair = try Pair()
        pair.append(["a", "b", "c"])
        var bytes = ByteBuffer()
        _ = try pair.master.readLog(from: 0, bytesMax: 1 << 20, into: &bytes)
        let third = try #require(units(pair.master)[2].split(separator: "@").last.flatMap { Int($0) })
        bytes.setInteger(Int64(0), at: third + RecordLayout.queueOffsetAt)
        #expect(throws: StoreError.self) { try pair.receiver.receive(bytes, at: 0) }
        try pair.receiver.adoptDeletedTopics(pair.master.deletedTopics)
        pair.append(["d"])
        try pair.copy(piece: 4_096)
        #expect(units(pair.replica) == [0, 1, 3].map { units(pair.master)[$0] })
        #expect(pair.replica.health.damageCount == 1)
    }

    @Test("is not shown less of to readers when a replica that has less counts")
    func shownStays() throws {
        let pair = try Pair()
        pair.append(["seen"])
        pair.master.show(replicatedTo: 0)
        var buffer = ByteBuffer()
        #expect(try pair.master.loadRecord(logOffset: 0, into: &buffer))
        pair.append(["new"])
        #expect(units(pair.master).count == 1)
    }

    @Test("takes over damage as it is, and what follows it")
    func damage() throws {
        let world = MemoryStoreWorld()
        let (store, _) = try world.open()
        for number in 0..<6 {
            store.append(StoreFixture.message("\(number)" + String(repeating: "x", count: 1_000))) { _ in }
        }
        while store.dispatchStep() {}
        let second = try #require(units(store)[1].split(separator: "@").last.flatMap { Int($0) })
        try store.close()
        let (master, _) = try world.open()
        try world.files.openFile("/store/commitlog/00000000000000000000", mode: .existing).zero(
            from: second, count: 500)
        let (replica, _) = try MemoryStoreWorld().open()
        let receiver = LogReceiver(store: replica)
        var bytes = ByteBuffer()
        _ = try master.readLog(from: 0, bytesMax: 1 << 20, into: &bytes)
        try receiver.receive(bytes, at: 0)
        while replica.dispatchStep() {}
        #expect(replica.maxLogOffset == master.maxLogOffset)
        let found = units(replica)
        #expect(found.count == 5 && found.last == units(master).last)
    }

    @Test("is shown to readers as far as replicas have it")
    func shown() throws {
        let pair = try Pair()
        pair.append(["both"])
        let end = pair.master.maxLogOffset
        pair.master.show(replicatedTo: end)
        pair.append(["only here"])
        #expect(units(pair.master).count == 1)
        var buffer = ByteBuffer()
        #expect(try !pair.master.loadRecord(logOffset: end, into: &buffer))
        pair.master.show(replicatedTo: pair.master.maxLogOffset)
        while pair.master.dispatchStep() {}
        #expect(units(pair.master).count == 2)
        pair.append(["nobody else is there"])
        #expect(units(pair.master).count == 2)
        pair.master.show(replicatedTo: nil)
        while pair.master.dispatchStep() {}
        #expect(units(pair.master).count == 3)
    }

    @Test("of a master with SYNC_FLUSH is sent as far as it is on the disk")
    func sendable() throws {
        var world = MemoryStoreWorld()
        world.configuration.flushMode = .synchronous
        let (store, _) = try world.open()
        store.append(StoreFixture.message(String(repeating: "a", count: 100))) { _ in }
        #expect(store.sendableLogEnd == 0 && store.maxLogOffset > 0)
        var bytes = ByteBuffer()
        #expect(try store.readLog(from: 0, bytesMax: 100, into: &bytes) == 0)
        store.flushStep()
        #expect(store.sendableLogEnd == store.maxLogOffset)
        #expect(try store.readLog(from: 0, bytesMax: 100, into: &bytes) == 100)
        #expect(throws: StoreError.self) {
            try store.readLog(from: store.maxLogOffset + 1, bytesMax: 1, into: &bytes)
        }
    }

    /// Copies as a replica does: with the table of deleted topics when a record asks for it.
    private func copyWithTable(_ pair: Pair, piece: Int, upTo end: Int64) throws {
        do {
            try pair.copy(piece: piece, upTo: end)
        } catch {
            while pair.replica.dispatchStep() {}
            try pair.receiver.adoptDeletedTopics(pair.master.deletedTopics)
            try pair.copy(piece: piece, upTo: end)
        }
    }

    @Test(
        "is the master's after any order of sends, deletions, pieces, stops, kills and losses of power",
        arguments: 0..<60)
    func anyOrder(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var pair = try Pair()
        let topics = ["T", "U", "V"]
        for _ in 0..<120 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                try pair.master.deleteTopic(topics.randomElement(using: &random) ?? "T")
                if Bool.random(using: &random) {
                    while pair.replica.dispatchStep() {}
                    try pair.receiver.adoptDeletedTopics(pair.master.deletedTopics)
                }
            case 1: try pair.restartReplica(killed: Bool.random(using: &random))
            case 2:
                pair.replicaWorld.files = pair.replicaWorld.files.afterPowerLoss()
                try pair.restartReplica()
            case 3...9:
                let end = pair.master.sendableLogEnd
                let missing = end - max(pair.replica.maxLogOffset, pair.master.minLogOffset)
                let piece = Int.random(in: 1_000...40_000, using: &random)
                try copyWithTable(pair, piece: piece, upTo: end - Int64.random(in: 0...max(0, missing), using: &random))
            default:
                let bytes = Int.random(in: 1...30_000, using: &random)
                let bodies = (0..<Int.random(in: 1...4, using: &random)).map {
                    "\($0)" + String(repeating: "x", count: bytes)
                }
                pair.append(
                    bodies, topic: topics.randomElement(using: &random) ?? "T",
                    queueId: Int32.random(in: 0..<2, using: &random))
            }
        }
        try copyWithTable(pair, piece: 40_000, upTo: pair.master.sendableLogEnd)
        try pair.receiver.adoptDeletedTopics(pair.master.deletedTopics)
        for round in 0..<2 {
            for topic in topics {
                for queueId in 0..<Int32(2) {
                    #expect(
                        units(pair.replica, topic: topic, queueId: queueId)
                            == units(pair.master, topic: topic, queueId: queueId), "\(topic) \(queueId), round \(round)"
                    )
                }
            }
            // And as the master that it may be from now on.
            try pair.restartReplica(killed: true)
        }
    }
}
