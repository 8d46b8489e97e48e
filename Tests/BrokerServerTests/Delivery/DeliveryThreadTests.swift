import DeliveryEngine
import MessageModel
import NIOConcurrencyHelpers
import Testing

@testable import BrokerServer

/// The service with its threads, and with many callers at once.
@Suite struct DeliveryThreadTests {
    @Test func theTimerThreadAnswersInTimeAndEnds() async throws {
        let world = try DeliveryWorld(realClock: DeliveryWorld.makeRealClock())
        #expect(world.service.start())
        let service = world.service
        let request = world.request { $0.pollMillis = 30 }
        let outcome = await withCheckedContinuation { done in
            service.pop(request) { done.resume(returning: $0) }
        }
        #expect(outcome.word == "timedOut")
        world.send(1)
        let batch = try #require(world.pop { $0.invisibleMillis = 20 })
        let again = await withCheckedContinuation { done in
            service.pop(world.request { $0.pollMillis = 10_000 }) { done.resume(returning: $0) }
        }
        #expect(again.batch?.attempts == [2])
        #expect((again.batch?.popMillis ?? 0) >= batch.popMillis + 20)
        try world.ack(0)
        service.close()
        let next = try world.restarted()
        #expect(next.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == 1)
    }

    @Test func manyConsumersShareWithoutLossOrRepetition() async throws {
        let world = try DeliveryWorld(queueCount: 4)
        let service = world.service
        let total = 4_000
        let seen = NIOLockedValueBox<[String: Int]>([:])
        let request = world.request { request in
            request.invisibleMillis = 600_000
            request.pollMillis = 60_000
            request.maxCount = 5
        }
        let finished = Inbox<Int>()
        await withTaskGroup(of: Void.self) { group in
            for producer in 0..<2 {
                group.addTask {
                    for number in 0..<total / 2 { world.send(1, queueID: Int32((number + producer) % 4)) }
                }
            }
            for _ in 0..<4 {
                group.addTask {
                    while seen.withLockedValue({ $0.count }) < total {
                        let outcome = await withCheckedContinuation { done in
                            service.pop(request) { done.resume(returning: $0) }
                        }
                        guard let batch = outcome.batch else { break }
                        seen.withLockedValue { seen in
                            for message in batch.messages {
                                seen["\(message.queueID)/\(message.queueOffset)", default: 0] += 1
                            }
                        }
                        for message in batch.messages {
                            try? world.ack(
                                message.queueOffset, queueID: message.queueID, popped: batch.popMillis)
                        }
                        service.flushJournal()
                    }
                    finished.put(1)
                    // The others may wait for messages that do not come any more.
                    service.close()
                }
            }
        }
        #expect(finished.count == 4)
        #expect(seen.withLockedValue { $0.count } == total)
        #expect(seen.withLockedValue { $0.values.allSatisfy { $0 == 1 } })
        for queueID: Int32 in 0..<4 {
            let end = world.store.bounds(topic: "T", queueID: queueID).max
            #expect(service.progress(group: "group", topic: "T", queueID: queueID)?.lowWater == end)
        }
        service.flushJournal()
        #expect(try world.restarted().pop() == nil)
    }
}
