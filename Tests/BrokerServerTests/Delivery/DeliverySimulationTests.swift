import DeliveryEngine
import MessageModel
import Testing

@testable import BrokerServer

/// A small reproducible generator: the seed is the test's argument.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// Producers, consumers, kills and restarts against a model that knows only what clients were told.
@Suite struct DeliverySimulationTests {
    private struct Message: Hashable {
        var queueID: Int32
        var offset: Int64
    }

    private struct Handle {
        var message: Message
        var popMillis: Int64
    }

    private struct Run {
        var random: Seeded
        var world: DeliveryWorld
        var sent: Set<Message> = []
        var handles: [Handle] = []
        /// Acknowledged, and flushed since.
        var ackedForGood: Set<Message> = []
        /// Acknowledged after the last flush: a kill may bring these back.
        var ackedLately: Set<Message> = []
        /// When a client was last told a message is invisible until, and flushed since.
        var invisibleUntil: [Message: Int64] = [:]
        var invisibleLately: [Message: Int64] = [:]
        var attempts: [Message: Int32] = [:]
        var waiting: [Inbox<PopOutcome>] = []
        var seen: Set<Message> = []

        mutating func flushed() {
            ackedForGood.formUnion(ackedLately)
            ackedLately = []
            invisibleUntil.merge(invisibleLately) { $1 }
            invisibleLately = [:]
        }
    }

    private static let retryMaxTimes: Int32 = 3

    @Test(arguments: 0..<30)
    func keepsItsPromises(seed: UInt64) throws {
        var configuration = DeliveryConfiguration()
        configuration.ledger = AckLedger.Limits(inFlightMax: 30, offsetSpanMax: 100)
        configuration.snapshotBytesMax = seed.isMultiple(of: 2) ? 300 : 1 << 20
        var run = Run(
            random: Seeded(state: seed),
            world: try DeliveryWorld(
                configuration: configuration, queueCount: 3, retryMaxTimes: Self.retryMaxTimes))
        for _ in 0..<400 {
            try step(&run)
            collect(&run)
        }
        try finish(&run)
    }

    private func step(_ run: inout Run) throws {
        switch Int.random(in: 0..<100, using: &run.random) {
        case 0..<20: send(&run)
        case 20..<50: pop(&run)
        case 50..<70: ack(&run)
        case 70..<76: change(&run)
        case 76..<88: run.world.advance(.random(in: 0...400, using: &run.random))
        case 88..<95:
            run.world.service.flushJournal()
            run.flushed()
        case 95..<97:
            run.world.service.close()
            collect(&run)
            run.flushed()
            run.world = try run.world.restarted()
        default:
            // Killed: waiting requests are never answered, and what was not flushed is forgotten.
            run.waiting = []
            run.ackedLately = []
            run.invisibleLately = [:]
            run.attempts = [:]
            run.world = try run.world.restarted()
        }
    }

    private func send(_ run: inout Run) {
        let queueID = Int32.random(in: 0..<3, using: &run.random)
        for _ in 0..<Int.random(in: 1...6, using: &run.random) {
            let offset = run.world.store.bounds(topic: "T", queueID: queueID).max
            run.sent.insert(Message(queueID: queueID, offset: offset))
            run.world.send(1, queueID: queueID)
        }
    }

    private func pop(_ run: inout Run) {
        let maxCount = Int32.random(in: 1...12, using: &run.random)
        let invisible = Int64.random(in: 100...1_000, using: &run.random)
        let poll = Int64.random(in: 0...1, using: &run.random) * 500
        let queueID = Int32.random(in: -3..<3, using: &run.random)
        run.waiting.append(
            run.world.start { request in
                request.maxCount = maxCount
                request.invisibleMillis = invisible
                request.pollMillis = poll
                request.queueID = max(-1, queueID)
            })
    }

    /// Looks at all answers that came.
    private func collect(_ run: inout Run) {
        let answers = run.waiting.compactMap(\.all.first)
        run.waiting.removeAll { $0.count > 0 }
        for case .found(let batch) in answers {
            for popped in batch.messages {
                let message = Message(queueID: popped.queueID, offset: popped.queueOffset)
                #expect(run.sent.contains(message))
                #expect(!run.ackedForGood.contains(message), "acked means acked")
                #expect(!run.ackedLately.contains(message), "acked means acked")
                #expect(popped.attempt <= Self.retryMaxTimes + 1)
                let until = run.invisibleLately[message] ?? run.invisibleUntil[message] ?? 0
                #expect(batch.popMillis >= until, "before its invisible time ended")
                if let before = run.attempts[message] { #expect(popped.attempt == before + 1) }
                run.attempts[message] = popped.attempt
                run.invisibleLately[message] = batch.popMillis + batch.invisibleMillis
                run.handles.append(Handle(message: message, popMillis: batch.popMillis))
                run.seen.insert(message)
            }
        }
    }

    private func ack(_ run: inout Run) {
        for _ in 0..<Int.random(in: 1...8, using: &run.random) {
            guard let handle = run.handles.randomElement(using: &run.random) else { return }
            do throws(ServiceError) {
                try run.world.ack(handle.message.offset, queueID: handle.message.queueID, popped: handle.popMillis)
                // Of what the dead-letter queue took, an ack is welcome too.
                run.ackedLately.insert(handle.message)
            } catch {
                // A kill made the broker forget that it handed the message out: then it will do so again.
                #expect(error.code == .noMessage)
            }
        }
    }

    private func change(_ run: inout Run) {
        guard let handle = run.handles.randomElement(using: &run.random) else { return }
        let millis = Int64.random(in: 0...800, using: &run.random)
        do throws(ServiceError) {
            _ = try run.world.change(
                handle.message.offset, queueID: handle.message.queueID, popped: handle.popMillis, to: millis)
            run.invisibleLately[handle.message] = run.world.now + millis
        } catch {
            #expect(error.code == .noMessage)
        }
    }

    /// Consumes what is left: every message was seen, and each is acked or a dead letter.
    private func finish(_ run: inout Run) throws {
        for round in 0..<200 {
            run.world.advance(31_000)
            run.waiting.append(run.world.start { $0.maxCount = 32 })
            let before = run.handles.count
            collect(&run)
            for handle in run.handles[before...] {
                try run.world.ack(handle.message.offset, queueID: handle.message.queueID, popped: handle.popMillis)
                run.ackedLately.insert(handle.message)
            }
            if round == 100 { run.world = try run.world.restartedAfterFlush() }
        }
        #expect(run.seen == run.sent)
        for queueID: Int32 in 0..<3 {
            let end = run.world.store.bounds(topic: "T", queueID: queueID).max
            let progress = run.world.service.progress(group: "group", topic: "T", queueID: queueID)
            #expect(progress?.lowWater == end)
        }
        let acked = run.ackedForGood.union(run.ackedLately)
        let dead = run.world.store.messages("%DLQ%group").count
        #expect(acked.count + dead >= run.sent.count, "nothing is forgotten")
    }
}
