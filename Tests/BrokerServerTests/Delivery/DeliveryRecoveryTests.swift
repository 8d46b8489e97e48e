import DeliveryEngine
import MessageModel
import Testing

@testable import BrokerServer

@Suite struct DeliveryRecoveryTests {
    /// A configuration that takes a snapshot with every change.
    private var eager: DeliveryConfiguration {
        var configuration = DeliveryConfiguration()
        configuration.snapshotBytesMax = 1
        return configuration
    }

    @Test(arguments: [false, true])
    func nothingAckedComesBackAfterACleanRestart(eagerSnapshots: Bool) throws {
        let world = try DeliveryWorld(configuration: eagerSnapshots ? eager : DeliveryConfiguration())
        world.send(10)
        _ = world.pop()
        for offset: Int64 in [0, 1, 2, 5, 9] { try world.ack(offset) }
        _ = try world.change(3, to: 5_000)
        world.service.close()
        let next = try world.restarted()
        #expect(next.pop() == nil)
        next.advance(1_000)
        let batch = try #require(next.pop { $0.invisibleMillis = 60_000 })
        #expect(batch.queueOffsets == [4, 6, 7, 8])
        #expect(batch.attempts == [2, 2, 2, 2])
        next.advance(3_999)
        #expect(next.pop() == nil)
        next.advance(1)
        #expect(next.pop()?.queueOffsets == [3])
        #expect(next.offsets.offset(group: "group", topic: "T", queueID: 0) == 3)
    }

    @Test func aKillLosesOnlyWhatWasNotFlushed() throws {
        let world = try DeliveryWorld()
        world.send(4)
        let batch = try #require(world.pop())
        try world.ack(0)
        world.service.flushJournal()
        try world.ack(1)
        // Killed here: the second ack was not written.
        let next = try world.restarted()
        next.advance(1_000)
        #expect(next.pop()?.queueOffsets == [1, 2, 3])
        // Handles of the process before are as good as ever.
        try next.ack(2, popped: batch.popMillis)
    }

    @Test(arguments: [false, true])
    func anAbsurdCommitSpoilsNoOtherState(eagerSnapshots: Bool) throws {
        let world = try DeliveryWorld(
            configuration: eagerSnapshots ? eager : DeliveryConfiguration(), queueCount: 2)
        world.send(4)
        _ = world.pop { $0.invisibleMillis = 60_000 }
        world.service.commitOffset(group: "group", topic: "T", queueID: 1, offset: .max)
        for offset: Int64 in 0..<4 { try world.ack(offset) }
        world.service.flushJournal()
        let next = try world.restarted()
        next.advance(100_000)
        #expect(next.pop() == nil)
        next.send(1, queueID: 1)
        #expect(next.pop()?.queueOffsets == [0])
    }

    @Test(arguments: [false, true])
    func aKillAfterADeletionBringsNoLedgerBack(ofGroup: Bool) throws {
        let world = try DeliveryWorld()
        world.send(4)
        _ = world.pop { $0.invisibleMillis = 60_000 }
        for offset: Int64 in 0..<4 { try world.ack(offset) }
        world.service.flushJournal()
        try world.offsets.save()
        if ofGroup { world.service.groupDeleted("group") } else { world.service.topicDeleted("T") }
        // The next topic or group of that name begins with its first message.
        let next = try world.restarted()
        #expect(next.pop()?.queueOffsets == [0, 1, 2, 3])
    }

    @Test func aKillBeforeAnyFlushForgetsNoMessage() throws {
        let world = try DeliveryWorld()
        world.send(4)
        _ = world.pop()
        let next = try world.restarted()
        #expect(next.pop()?.queueOffsets == [0, 1, 2, 3])
        #expect(next.pop()?.queueOffsets == nil)
    }

    @Test func aRestartReplaysOnlyWhatFollowsTheSnapshot() throws {
        let world = try DeliveryWorld(configuration: eager)
        world.send(3)
        _ = world.pop()
        world.service.flushJournal()
        let snapshot = try LedgerSnapshot(bytes: try #require(world.files.content(LedgerJournal.snapshotName)))
        #expect(snapshot.nextRecord == world.store.bounds(topic: LedgerJournal.topic, queueID: 0).max)
        // Records before the snapshot may be gone.
        world.store.expire(LedgerJournal.topic, before: snapshot.nextRecord)
        try world.ack(0)
        world.service.flushJournal()
        let next = try world.restarted()
        next.advance(1_000)
        #expect(next.pop()?.queueOffsets == [1, 2])
    }

    @Test func aSnapshotThatIsAskedForIsTakenThoughTheStoreRefusesRecords() throws {
        let world = try DeliveryWorld()
        world.send(2)
        _ = world.pop()
        world.service.flushJournal()
        try world.ack(0)
        world.store.failAppends()
        world.service.flushJournal()
        #expect(world.files.content(LedgerJournal.snapshotName) == nil)
        world.files.failWrites()
        world.service.journal.askForSnapshot()
        world.service.flushJournal()
        world.files.failWrites(false)
        // One that failed is not tried again at once.
        world.service.flushJournal()
        #expect(world.files.content(LedgerJournal.snapshotName) == nil)
        world.advance(5_000)
        world.service.flushJournal()
        #expect(world.files.content(LedgerJournal.snapshotName) != nil)
        #expect(try world.restarted().pop()?.queueOffsets == [1])
    }

    @Test func aDamagedSnapshotIsReplacedByTheOneBefore() throws {
        let world = try DeliveryWorld(configuration: eager)
        world.send(3)
        _ = world.pop()
        world.service.flushJournal()
        try world.ack(0)
        world.service.flushJournal()
        let backup = try #require(world.files.content(LedgerJournal.snapshotName + ".bak"))
        try world.files.replace(LedgerJournal.snapshotName, with: [1, 2, 3])
        try world.files.replace(LedgerJournal.snapshotName + ".bak", with: backup)
        let next = try world.restarted()
        next.advance(1_000)
        #expect(next.pop()?.queueOffsets == [1, 2])
    }

    @Test func withoutAnySnapshotTheCommittedOffsetsServe() throws {
        let world = try DeliveryWorld()
        world.send(6)
        _ = world.pop()
        for offset: Int64 in [0, 1, 4] { try world.ack(offset) }
        world.service.close()
        world.store.expire(LedgerJournal.topic, before: 1)
        let files = MemoryRegistryStorage([
            ConsumerOffsets.fileName: try #require(world.files.content(ConsumerOffsets.fileName))
        ])
        let next = try DeliveryWorld(world.store, files: files, now: world.now)
        // More than needed, but nothing is missing.
        #expect(next.pop()?.queueOffsets == [2, 3, 4, 5])
    }

    @Test func whatFollowsAStartWithoutASnapshotIsKept() throws {
        let world = try DeliveryWorld()
        world.send(3)
        _ = world.pop()
        world.service.flushJournal()
        // A power failure: the first record is gone, and no snapshot was taken yet.
        world.store.expire(LedgerJournal.topic, before: 1)
        let next = try world.restarted()
        #expect(next.pop()?.queueOffsets == [0, 1, 2])
        try next.ack(1)
        next.service.flushJournal()
        let last = try next.restarted()
        last.advance(1_000)
        let batch = try #require(last.pop())
        #expect(batch.queueOffsets == [0, 2])
        #expect(batch.attempts == [2, 2])
    }

    @Test func aCutLedgerStaysCut() throws {
        let world = try DeliveryWorld()
        world.send(5)
        _ = world.pop()
        for offset: Int64 in 0..<5 { try world.ack(offset) }
        world.service.flushJournal()
        // A power failure takes messages, but not the records behind them.
        world.store.truncate("T", to: 3)
        let next = try world.restarted()
        next.send(2)
        // Killed before the journal was flushed.
        #expect(try next.restarted().pop()?.queueOffsets == [3, 4])
    }

    @Test func aLostTailOfTheLogTakesItsAcksWithIt() throws {
        let world = try DeliveryWorld()
        world.send(5)
        _ = world.pop()
        for offset: Int64 in 0..<5 { try world.ack(offset) }
        world.service.close()
        // A power failure: messages and records are gone, the snapshot is not.
        world.store.truncate("T", to: 3)
        world.store.truncate(LedgerJournal.topic, to: 0)
        let next = try world.restarted()
        next.send(2)
        #expect(next.pop()?.queueOffsets == [3, 4])
        try next.ack(3)
        next.service.flushJournal()
        let last = try next.restarted()
        last.advance(1_000)
        #expect(last.pop()?.queueOffsets == [4])
    }

    @Test func aHandleOfALostMessageIsNeverThatOfTheNextOneThere() throws {
        var world = try DeliveryWorld()
        world.send(1)
        let old = try #require(world.pop()?.popMillis)
        // A power failure takes the message; another one gets its place, and is handed out.
        world.store.truncate("T", to: 0)
        world.advance(10)
        world = try world.restarted()
        _ = world.store.add("T", storedMillis: world.now)
        let popped = try #require(world.pop()?.popMillis)
        for _ in 0..<2 {
            #expect(throws: ServiceError.self) { try world.ack(0, popped: old) }
            #expect(throws: ServiceError.self) { try world.change(0, popped: old, to: 1_000) }
            world.service.flushJournal()
            world.advance(10)
            world = try world.restarted()
        }
        try world.ack(0, popped: popped)
    }

    @Test func changesThatTheStoreRefusesAreWrittenLater() throws {
        let world = try DeliveryWorld()
        world.send(3)
        _ = world.pop()
        world.store.failAppends()
        world.service.flushJournal()
        try world.ack(1)
        world.service.flushJournal()
        world.store.failAppends(false)
        world.service.flushJournal()
        let next = try world.restarted()
        next.advance(1_000)
        #expect(next.pop()?.queueOffsets == [0, 2])
    }

    @Test func aSnapshotTakesThePlaceOfChangesThatWereDropped() throws {
        var configuration = DeliveryConfiguration()
        configuration.journalBacklogBytesMax = 10
        let world = try DeliveryWorld(configuration: configuration)
        world.send(3)
        _ = world.pop()
        world.store.failAppends()
        world.files.failWrites()
        world.service.flushJournal()
        try world.ack(1)
        world.store.failAppends(false)
        // Nothing is written while a gap is open.
        let appends = world.store.appendCount
        world.service.flushJournal()
        #expect(world.store.appendCount == appends)
        world.files.failWrites(false)
        world.advance(10_000)
        world.service.flushJournal()
        try world.ack(2)
        world.service.flushJournal()
        let next = try world.restarted()
        next.advance(1_000)
        #expect(next.pop()?.queueOffsets == [0])
    }

    @Test func aDeletedTopicStaysForgotten() throws {
        let world = try DeliveryWorld()
        world.send(3)
        _ = world.pop()
        world.service.flushJournal()
        world.service.topicDeleted("T")
        world.store.removeTopic("T")
        world.send(2)
        #expect(world.pop()?.queueOffsets == [0, 1])
        try world.ack(0)
        world.service.flushJournal()
        let next = try world.restarted()
        next.advance(1_000)
        #expect(next.pop()?.queueOffsets == [1])
    }

    @Test func aDeletionIsFlushed() throws {
        let world = try DeliveryWorld()
        world.send(3)
        _ = world.pop()
        world.service.flushJournal()
        world.service.topicDeleted("T")
        #expect(world.store.flushedCount(LedgerJournal.topic) == 2)
    }

    @Test func offsetsAreSavedOnceTheMessagesBeforeThemAreOnTheDisk() throws {
        let world = try DeliveryWorld()
        world.send(3)
        world.service.commitOffset(group: "group", topic: "T", queueID: 0, offset: 3)
        world.store.failFlushes()
        world.advance(5_000)
        world.service.flushJournal()
        #expect(world.files.content("consumerOffset.json") == nil)
        world.store.failFlushes(false)
        world.advance(5_000)
        world.service.flushJournal()
        #expect(world.files.content("consumerOffset.json") != nil)
        #expect(world.store.flushedCount("T") == 3)
    }

    @Test func progressIsInApachesFile() throws {
        let world = try DeliveryWorld(queueCount: 2)
        world.send(3, queueID: 1)
        _ = world.pop()
        try world.ack(0, queueID: 1)
        world.advance(5_000)
        world.service.flushJournal()
        world.service.flushJournal()
        let text = String(decoding: try #require(world.files.content("consumerOffset.json")), as: UTF8.self)
        #expect(text.contains("\"T@group\":{0:0,1:1\n"))
        #expect(text.contains("\"groupTopicMap\""))
    }
}

@Suite struct ConsumerOffsetsTests {
    @Test func readsApachesFile() throws {
        let file = """
            {
            	"dataVersion":{
            		"counter":3,
            		"stateVersion":0,
            		"timestamp":1795365026317
            	},
            	"groupTopicMap":{
            		"StorePullGroup":["StoreA"]
            	},
            	"offsetTable":{
            		"%RETRY%G@G":{0:2
            		},
            		"StoreA@StorePullGroup":{0:3,1:4,2:5,3:6
            		}
            	}
            }
            """
        let files = MemoryRegistryStorage(["consumerOffset.json": Array(file.utf8)])
        let offsets = try DeliveryWorld(files: files).offsets
        #expect(offsets.offset(group: "StorePullGroup", topic: "StoreA", queueID: 3) == 6)
        #expect(offsets.offset(group: "G", topic: "%RETRY%G", queueID: 0) == 2)
        #expect(offsets.offset(group: "G", topic: "StoreA", queueID: 0) == nil)
        #expect(offsets.groups(topic: "StoreA") == ["StorePullGroup"])
        offsets.commit(group: "G", topic: "%RETRY%G", queueID: 0, offset: 9)
        try offsets.save()
        let again = try DeliveryWorld(files: files).offsets
        #expect(again.offsets(group: "StorePullGroup", topic: "StoreA") == [0: 3, 1: 4, 2: 5, 3: 6])
        #expect(again.offset(group: "G", topic: "%RETRY%G", queueID: 0) == 9)
    }

    /// A consumer that sent a message back commits it; the file must not know that before the disk has the copy.
    @Test func theFileHasNoOffsetFromAfterTheFlush() throws {
        let files = MemoryRegistryStorage()
        func saved() throws -> Int64? {
            try DeliveryWorld(files: files).offsets.offset(group: "G", topic: "T", queueID: 0)
        }
        let offsets = try DeliveryWorld(files: files).offsets
        offsets.commit(group: "G", topic: "T", queueID: 0, offset: 1)
        #expect(throws: BrokerError.self) { try offsets.save { false } }
        #expect(try saved() == nil)
        try offsets.save {
            offsets.commit(group: "G", topic: "T", queueID: 0, offset: 2)
            return true
        }
        #expect(try saved() == 1)
        try offsets.save()
        #expect(try saved() == 2)
    }
}
