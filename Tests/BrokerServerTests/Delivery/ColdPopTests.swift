import MessageModel
import NIOCore
import Testing

@testable import BrokerServer

@Suite("Pops of messages that are not in memory")
struct ColdPopTests {
    @Test("the request waits for the disk elsewhere, and is answered then")
    func waits() throws {
        let world = try DeliveryWorld()
        world.send(5)
        world.store.makeCold(0..<5)
        let answers = world.start { $0.maxCount = 3 }
        #expect(answers.count == 0)
        #expect(world.readDisk() == 1)
        #expect(answers.all.first?.batch?.queueOffsets == [0, 1, 2])
        // The rest is fetched by the next one.
        let next = world.start { $0.maxCount = 3 }
        #expect(next.count == 0 && world.readDisk() == 1)
        #expect(next.all.first?.batch?.queueOffsets == [3, 4])
        #expect(world.store.coldReadCount == 0)
    }

    @Test("what is in memory goes at once, the rest is fetched meanwhile")
    func mixed() throws {
        let world = try DeliveryWorld(queueCount: 2)
        world.send(2, queueID: 0)
        world.send(2, queueID: 1)
        world.store.makeCold(0..<2, queueID: 0)
        #expect(try #require(world.pop()).messages.map(\.queueID) == [1, 1])
        #expect(world.readDisk() == 1)
        #expect(try #require(world.pop()).messages.map(\.queueID) == [0, 0])
        #expect(world.readDisk() == 0 && world.store.coldReadCount == 0)
    }

    @Test("redeliveries and dead letters wait alike")
    func again() throws {
        let world = try DeliveryWorld(retryMaxTimes: 1)
        world.send(2)
        _ = world.pop()
        world.advance(1_000)
        world.store.makeCold([0])
        // The second is there; the first is fetched for the next pop.
        #expect(try #require(world.pop()).queueOffsets == [1])
        world.readDisk()
        #expect(try #require(world.pop()).queueOffsets == [0])
        world.store.makeCold([0, 1])
        world.advance(1_000)
        _ = world.pop()
        #expect(world.store.messages("%DLQ%group").isEmpty)
        world.readDisk()
        #expect(world.store.messages("%DLQ%group").count == 2)
        #expect(world.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == 2)
    }

    @Test("an attempt that is repeated gets what it had, and nothing else, when that is fetched")
    func repeats() throws {
        let world = try DeliveryWorld()
        world.sendGroups("abc")
        func ordered(_ request: inout PopRequest) {
            request.isOrdered = true
            request.attemptID = "attempt"
            request.maxCount = 1
        }
        #expect(try #require(world.pop(ordered)).queueOffsets == [0])
        world.store.makeCold([0])
        let answers = world.start(ordered)
        #expect(answers.count == 0)
        world.readDisk()
        #expect(answers.all.first?.batch?.queueOffsets == [0])
        #expect(world.store.coldReadCount == 0)
    }

    @Test("when too many wait for the disk the answer is a code to try again")
    func full() throws {
        let world = try DeliveryWorld()
        world.send(1)
        world.store.makeCold([0])
        world.limitColdReads(to: 0)
        #expect(world.start().all.first?.word == "failed \(ResponseCode.systemBusy.rawValue)")
        world.limitColdReads(to: 1)
        let answers = world.start()
        world.readDisk()
        #expect(answers.all.first?.batch?.queueOffsets == [0])
    }

    @Test("memory that keeps nothing does not keep a request for ever")
    func hopeless() throws {
        let world = try DeliveryWorld()
        world.send(1)
        world.store.makeCold([0])
        let answers = world.start()
        var rounds = 0
        while answers.count == 0, rounds < 100 {
            world.readDisk()
            world.store.makeCold([0])
            rounds += 1
        }
        #expect(answers.all.first?.batch?.queueOffsets == [0] && rounds < 20)
    }

    @Test(
        "a filter waits for what passes its tags, and for all that it has to look at, once",
        arguments: ["TAG", "SQL92"])
    func filtered(type: String) throws {
        let world = try DeliveryWorld()
        for number in 0..<200 { world.send(tag: number == 150 ? "b" : "a") }
        world.store.makeCold([20, 150])
        let answers = world.start {
            $0.expressionType = type
            $0.expression = type == "TAG" ? "b" : "TAGS = 'b'"
            $0.maxCount = 2
        }
        #expect(answers.count == 0 && world.readDisk() == 1)
        #expect(answers.all.first?.batch?.queueOffsets == [150] && world.store.coldReadCount == 0)
        // What does not pass stays on the disk where tags alone tell that.
        #expect(world.store.warmedCount == (type == "TAG" ? 1 : 200))
    }
}
