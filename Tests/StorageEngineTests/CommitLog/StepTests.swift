import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import StorageEngine

/// A store that has no threads: nothing happens but by a step.
@Suite struct StepTests {
    @Test func aSyncSendIsAnsweredByTheFlushAndReadableAfterDispatch() throws {
        let fixture = StoreFixture()
        fixture.configuration.flushMode = .synchronous
        let store = fixture.makeStore()
        _ = try store.open(driving: .steps)
        let outcome = NIOLockedValueBox<AppendOutcome?>(nil)
        store.append(StoreFixture.message("one")) { answer in outcome.withLockedValue { $0 = answer } }
        #expect(!store.dispatchStep())
        #expect(outcome.withLockedValue { $0?.receipt } == nil)
        store.flushStep()
        #expect(outcome.withLockedValue { $0?.receipt?.queueOffset } == 0)
        #expect(store.maxOffset(topic: "T", queueId: 0) == 0)
        #expect(store.dispatchStep())
        #expect(store.maxOffset(topic: "T", queueId: 0) == 1)
        #expect(!store.dispatchStep())
        #expect(store.housekeepingStep())
        try store.close()
    }

    @Test func whatMustBeDurableIsAnsweredByTheFlushInEitherMode() throws {
        let store = StoreFixture().makeStore()
        _ = try store.open(driving: .steps)
        let stored = NIOLockedValueBox<[String]>([])
        for (name, isDurable) in [("one", true), ("two", false)] {
            store.append(StoreFixture.message(name), isDurable: isDurable) { answer in
                if answer.receipt != nil { stored.withLockedValue { $0.append(name) } }
            }
        }
        #expect(stored.withLockedValue { $0 } == ["two"])
        store.flushStep()
        #expect(stored.withLockedValue { $0 } == ["two", "one"])
        try store.close()
    }

    @Test func anAppendWithoutCompletionSaysWhetherMoreComes() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open(driving: .steps)
        let first = try store.append(StoreFixture.message("one"))
        #expect(first.isDone && first.receipt.queueOffset == 0)
        let second = try store.append(StoreFixture.message("two"), isDurable: true)
        #expect(!second.isDone && second.receipt.queueOffset == 1)
        let outcome = NIOLockedValueBox<AppendOutcome?>(nil)
        store.complete(second) { answer in outcome.withLockedValue { $0 = answer } }
        #expect(outcome.withLockedValue { $0?.receipt } == nil)
        store.flushStep()
        #expect(outcome.withLockedValue { $0?.receipt } == second.receipt)
        try store.close()
        #expect(throws: StoreError.self) { try store.append(StoreFixture.message("three")) }
    }

    @Test func closingFlushesAndDispatchesWhatIsLeft() throws {
        let fixture = StoreFixture()
        let store = fixture.makeStore()
        _ = try store.open(driving: .steps)
        store.append(StoreFixture.message("one")) { _ in }
        try store.close()
        let again = fixture.makeStore()
        let report = try again.open(driving: .steps)
        #expect(report.wasClean)
        #expect(again.maxOffset(topic: "T", queueId: 0) == 1)
        try again.deleteTopic("T")
        #expect(again.maxOffset(topic: "T", queueId: 0) == 0)
        try again.close()
    }
}
