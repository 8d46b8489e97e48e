import DeliveryEngine
import MessageModel
import Testing

@testable import BrokerServer

@Suite struct LongPollTests {
    @Test func aNewMessageWakesOneWaiterOfEachGroupAtOnce() throws {
        let world = try DeliveryWorld()
        var other = SubscriptionGroupConfig(name: "other")
        other.retryMaxTimes = 1
        world.groups.withLockedValue { $0["other"] = other }
        let first = world.start { $0.pollMillis = 5_000 }
        let second = world.start { $0.pollMillis = 5_000 }
        let third = world.start {
            $0.pollMillis = 5_000; $0.group = "other"
        }
        #expect(world.service.parkedCount == 3)
        world.send(1)
        #expect(first.all.first?.batch?.queueOffsets == [0])
        #expect(second.count == 0)
        #expect(third.all.first?.batch?.queueOffsets == [0])
        world.send(1)
        #expect(second.all.first?.batch?.queueOffsets == [1])
        #expect(world.service.parkedCount == 0)
    }

    @Test func onlyWaitersThatCanUseAMessageAreWoken() throws {
        let world = try DeliveryWorld(queueCount: 2)
        let red = world.start {
            $0.pollMillis = 5_000; $0.expression = "red"
        }
        let queue1 = world.start {
            $0.pollMillis = 5_000; $0.queueID = 1
        }
        world.send(1, queueID: 0, tag: "blue")
        #expect(red.count == 0)
        #expect(queue1.count == 0)
        world.send(1, queueID: 0, tag: "red")
        #expect(red.all.first?.batch?.queueOffsets == [1])
        world.send(1, queueID: 1, tag: "blue")
        #expect(queue1.all.first?.batch?.queueOffsets == [0])
    }

    @Test func timesOutInTime() throws {
        let world = try DeliveryWorld()
        let waiting = world.start { $0.pollMillis = 5_000 }
        #expect(world.service.nextTimerMillis == world.now + 5_000)
        world.advance(4_999)
        #expect(waiting.count == 0)
        world.advance(1)
        #expect(waiting.all.map(\.word) == ["timedOut"])
        #expect(world.service.parkedCount == 0)
    }

    @Test func aRepeatWakesAWaiterTheMomentItIsDue() throws {
        let world = try DeliveryWorld()
        world.send(1)
        _ = world.pop()
        let waiting = world.start { $0.pollMillis = 5_000 }
        world.advance(999)
        #expect(waiting.count == 0)
        world.advance(1)
        #expect(waiting.all.first?.batch?.attempts == [2])
    }

    @Test func waitersParkedBeforeADeliverySeeItComeBack() throws {
        let world = try DeliveryWorld()
        let first = world.start { $0.pollMillis = 20_000 }
        let second = world.start { $0.pollMillis = 20_000 }
        world.send(1)
        #expect(first.count == 1)
        world.advance(1_000)
        #expect(second.all.first?.batch?.attempts == [2])
    }

    @Test func aWaiterThatLeavesMessagesWakesTheNext() throws {
        let world = try DeliveryWorld()
        world.send(40)
        #expect(world.pop()?.messages.count == 32)
        #expect(world.pop()?.messages.count == 8)
        let first = world.start { $0.pollMillis = 20_000 }
        let second = world.start { $0.pollMillis = 20_000 }
        world.advance(1_000)
        #expect(first.all.first?.batch?.messages.count == 32)
        #expect(second.all.first?.batch?.messages.count == 8)
    }

    @Test func anExtendedInvisibleTimeIsNotWokenFor() throws {
        let world = try DeliveryWorld()
        world.send(1)
        _ = world.pop()
        let waiting = world.start { $0.pollMillis = 20_000 }
        _ = try world.change(0, to: 3_000)
        world.advance(2_999)
        #expect(waiting.count == 0)
        world.advance(1)
        #expect(waiting.all.first?.batch?.attempts == [2])
    }

    @Test func aShortenedInvisibleTimeIs() throws {
        let world = try DeliveryWorld()
        world.send(1)
        _ = world.pop { $0.invisibleMillis = 60_000 }
        let waiting = world.start { $0.pollMillis = 20_000 }
        _ = try world.change(0, to: 3_000)
        world.advance(3_000)
        #expect(waiting.all.first?.batch?.attempts == [2])
    }

    @Test func anUnreadableMessageDoesNotSpin() throws {
        let world = try DeliveryWorld()
        world.send(1)
        _ = world.pop()
        world.store.makeUnreadable([0])
        world.advance(1_000)
        let waiting = world.start { $0.pollMillis = 20_000 }
        #expect(world.service.nextTimerMillis == world.now + 1_000)
        world.advance(1_000)
        #expect(waiting.count == 0)
        #expect(world.service.nextTimerMillis == world.now + 1_000)
        world.store.makeUnreadable([])
        world.advance(1_000)
        #expect(waiting.all.first?.batch?.attempts == [2])
    }

    @Test func theNumberOfWaitersIsBounded() throws {
        var configuration = DeliveryConfiguration()
        configuration.waitersPerKeyMax = 2
        configuration.waitersMax = 3
        let world = try DeliveryWorld(configuration: configuration, queueCount: 2)
        let waiting = (0..<2).map { _ in world.start { $0.pollMillis = 5_000 } }
        #expect(world.start { $0.pollMillis = 5_000 }.all.map(\.word) == ["pollingFull"])
        let other = world.start {
            $0.pollMillis = 5_000; $0.queueID = 0
        }
        #expect(
            world.start {
                $0.pollMillis = 5_000; $0.queueID = 1
            }.all.map(\.word) == ["pollingFull"])
        #expect(world.start().all.map(\.word) == ["timedOut"])
        #expect(world.service.pollingCount(group: "group", topic: "T", queueID: -1) == 2)
        world.advance(5_000)
        #expect((waiting + [other]).allSatisfy { $0.count == 1 })
    }

    @Test func aWaiterWhoseClientIsGonePassesTheMessageOn() throws {
        let world = try DeliveryWorld()
        let gone = world.start {
            $0.pollMillis = 5_000; $0.isAbandoned = { true }
        }
        #expect(gone.all.map(\.word) == ["timedOut"])
        let flag = Inbox<Bool>()
        let leaving = world.start {
            $0.pollMillis = 5_000; $0.isAbandoned = { flag.count > 0 }
        }
        let staying = world.start { $0.pollMillis = 5_000 }
        flag.put(true)
        world.send(1)
        #expect(leaving.all.map(\.word) == ["timedOut"])
        #expect(staying.all.first?.batch?.queueOffsets == [0])
    }

    @Test func closingAnswersEverybody() throws {
        let world = try DeliveryWorld()
        let waiting = world.start { $0.pollMillis = 5_000 }
        let asked = Inbox<NotificationOutcome>()
        world.service.notification(world.request { $0.pollMillis = 5_000 }) { asked.put($0) }
        world.service.close()
        #expect(waiting.all.map(\.word) == ["timedOut"])
        #expect(asked.count == 1)
        #expect(world.start { $0.pollMillis = 5_000 }.all.map(\.word) == ["timedOut"])
    }

    @Test func notificationsTellWhetherThereIsSomething() throws {
        let world = try DeliveryWorld()
        func ask(poll: Int64 = 0) -> Inbox<Bool> {
            let inbox = Inbox<Bool>()
            world.service.notification(world.request { $0.pollMillis = poll }) { outcome in
                if case .answered(let hasMessage) = outcome { inbox.put(hasMessage) }
            }
            return inbox
        }
        #expect(ask().all == [false])
        let waiting = ask(poll: 1_000)
        #expect(waiting.all == [])
        world.send(1)
        #expect(waiting.all == [true])
        #expect(ask().all == [true])
        _ = world.pop()
        #expect(ask().all == [false])
        let late = ask(poll: 800)
        world.advance(800)
        #expect(late.all == [false])
        let due = ask(poll: 1_000)
        world.advance(200)
        #expect(due.all == [true])
    }
}
