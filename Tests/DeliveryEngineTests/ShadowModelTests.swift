import Testing

@testable import DeliveryEngine

/// A small reproducible generator: the seed is in the message of a failure.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// The naive model: one state for every message ever written, nothing clever.
private struct Shadow {
    enum State: Equatable {
        case fresh
        case inFlight(attempt: Int32, firstPop: Int64, visibleAt: Int64)
        case done
    }

    var messages: [State] = []
    var handles: [(offset: Int64, popMillis: Int64)] = []
    /// On their way to the dead-letter queue, where they have not arrived.
    var deadLetters: Set<Int64> = []
}

@Suite struct ShadowModelTests {
    private static let maxAttempts: Int32 = 4
    private let key = SubscriptionKey(group: "g", topic: "t")

    /// A ledger, the model of it, and what a crash would leave of it.
    private struct World {
        var random: SplitMix64
        var now: Int64 = 1_000_000
        var ledger = AckLedger(startOffset: 0, limits: AckLedger.Limits(inFlightMax: 40, offsetSpanMax: 64))
        var shadow = Shadow()
        var pending: [UInt8] = []
        var records: [[UInt8]] = []
        var snapshot: [UInt8] = []

        mutating func record(_ change: LedgerChange) { change.encode(queueID: 7, into: &pending) }
    }

    @Test(arguments: 0..<40)
    func keepsItsPromises(seed: UInt64) throws {
        var world = World(random: SplitMix64(state: seed))
        world.record(.start(offset: 0))
        for _ in 0..<600 {
            switch Int.random(in: 0..<100, using: &world.random) {
            case 0..<15:
                world.shadow.messages += Array(repeating: .fresh, count: .random(in: 1...8, using: &world.random))
            case 15..<40: pop(&world)
            case 40..<65: ack(&world)
            case 65..<75: change(&world)
            case 75..<95: world.now += .random(in: 0...60, using: &world.random)
            case 95..<98: flush(&world)
            default: try snapshot(&world)
            }
            check(world)
        }
        try checkRecovery(&world)
        // Promise 2: whatever is not acknowledged comes again until it is dead-lettered; nothing is forgotten.
        for _ in 0..<2000 where world.shadow.messages.contains(where: { $0 != .done }) {
            world.now += 5000
            pop(&world)
        }
        #expect(world.shadow.messages.allSatisfy { $0 == .done })
        #expect(world.ledger.lowWater == Int64(world.shadow.messages.count))
    }

    private func pop(_ world: inout World) {
        let maxCount = Int.random(in: 1...12, using: &world.random)
        let invisible = Int64.random(in: 10...200, using: &world.random)
        let visibleAt = world.now + invisible
        let plan = world.ledger.takeDue(nowMillis: world.now, maxCount: maxCount, maxAttempts: Self.maxAttempts)
        var delivery = LedgerChange.Delivery(
            from: world.ledger.nextOffset, next: world.ledger.nextOffset, popMillis: world.now,
            visibleAtMillis: visibleAt, new: [])
        for redelivery in plan.redeliver {
            let state = world.shadow.messages[Int(redelivery.offset)]
            guard case .inFlight(let attempt, _, let was) = state else {
                Issue.record("redelivered a message that is \(state)")
                continue
            }
            #expect(was <= world.now, "before its invisible time ended")
            #expect(redelivery.attempt == attempt + 1)
            #expect(redelivery.attempt <= Self.maxAttempts)
            if Int.random(in: 0..<10, using: &world.random) == 0 {
                world.ledger.release(offset: redelivery.offset)
                continue
            }
            world.ledger.redeliver(redelivery, popMillis: world.now, visibleAtMillis: visibleAt)
            delivery.redelivered.append(redelivery)
            handOut(&world, redelivery.offset, attempt: redelivery.attempt, visibleAt: visibleAt)
        }
        for dead in plan.deadLetters {
            #expect(dead.attempt == Self.maxAttempts)
            guard Bool.random(using: &world.random) else {
                // The move failed: it stays in flight, invisible for the hold.
                world.shadow.deadLetters.insert(dead.offset)
                let entry = world.ledger.entry(offset: dead.offset)
                world.shadow.messages[Int(dead.offset)] = .inFlight(
                    attempt: dead.attempt, firstPop: entry?.firstPopMillis ?? 0,
                    visibleAt: world.now + world.ledger.limits.deadLetterHoldMillis)
                world.record(
                    .visible(
                        offset: dead.offset, atMillis: world.now + world.ledger.limits.deadLetterHoldMillis))
                continue
            }
            world.ledger.settle(offset: dead.offset)
            world.record(.done(offset: dead.offset))
            world.shadow.messages[Int(dead.offset)] = .done
        }
        let allowance = world.ledger.newAllowance(
            maxCount: maxCount - plan.redeliver.count, lowestRedelivered: plan.redeliver.first?.offset)
        while delivery.new.count < allowance, delivery.next < Int64(world.shadow.messages.count) {
            #expect(world.shadow.messages[Int(delivery.next)] == .fresh)
            if Int.random(in: 0..<5, using: &world.random) == 0 {
                world.shadow.messages[Int(delivery.next)] = .done
            } else {
                delivery.new.append(delivery.next)
                handOut(&world, delivery.next, attempt: 1, visibleAt: visibleAt)
            }
            delivery.next += 1
        }
        world.ledger.deliverNew(
            offsets: delivery.new, next: delivery.next, popMillis: world.now, visibleAtMillis: visibleAt)
        world.record(.deliver(delivery))
    }

    private func handOut(_ world: inout World, _ offset: Int64, attempt: Int32, visibleAt: Int64) {
        world.shadow.messages[Int(offset)] = .inFlight(attempt: attempt, firstPop: world.now, visibleAt: visibleAt)
        world.shadow.handles.append((offset, world.now))
    }

    private func ack(_ world: inout World) {
        guard let handle = world.shadow.handles.randomElement(using: &world.random) else { return }
        let isOrdered = Bool.random(using: &world.random)
        let outcome = world.ledger.ack(offset: handle.offset, popMillis: handle.popMillis, isOrdered: isOrdered)
        switch world.shadow.messages[Int(handle.offset)] {
        case .fresh: Issue.record("there is a handle of a message that was not handed out")
        case .done: #expect(outcome == .alreadyDone)
        case .inFlight(_, let firstPop, _) where isOrdered && handle.popMillis < firstPop:
            #expect(outcome == .staleHandle)
        case .inFlight:
            guard case .acked = outcome else {
                Issue.record("an ack of a message in flight gave \(outcome)")
                return
            }
            world.shadow.messages[Int(handle.offset)] = .done
            world.record(.done(offset: handle.offset))
        }
    }

    private func change(_ world: inout World) {
        guard let handle = world.shadow.handles.randomElement(using: &world.random) else { return }
        let visibleAt = world.now + .random(in: 0...300, using: &world.random)
        let outcome = world.ledger.changeInvisible(
            offset: handle.offset, popMillis: handle.popMillis, visibleAtMillis: visibleAt)
        switch world.shadow.messages[Int(handle.offset)] {
        case .fresh: Issue.record("there is a handle of a message that was not handed out")
        case .done: #expect(outcome == .alreadyDone)
        case .inFlight(_, let firstPop, _) where handle.popMillis < firstPop:
            #expect(outcome == .staleHandle)
        case .inFlight where world.shadow.deadLetters.contains(handle.offset): #expect(outcome == .staleHandle)
        case .inFlight(let attempt, let firstPop, _):
            #expect(outcome == .changed(visibleAtMillis: visibleAt))
            world.shadow.messages[Int(handle.offset)] = .inFlight(
                attempt: attempt, firstPop: firstPop, visibleAt: visibleAt)
            world.record(.visible(offset: handle.offset, atMillis: visibleAt))
        }
    }

    private func check(_ world: World) {
        var entries: [AckLedger.Entry] = []
        for (offset, state) in world.shadow.messages.enumerated() {
            guard case .inFlight(let attempt, let firstPop, let visibleAt) = state else { continue }
            entries.append(
                AckLedger.Entry(
                    offset: Int64(offset), firstPopMillis: firstPop, visibleAtMillis: visibleAt, attempt: attempt))
        }
        #expect(world.ledger.inFlight == entries)
        #expect(world.ledger.inFlightCount == entries.count)
        #expect(world.ledger.inFlightCount <= world.ledger.limits.inFlightMax)
        #expect(world.ledger.lowWater == (entries.first?.offset ?? world.ledger.nextOffset))
        var copy = world.ledger
        #expect(copy.nextVisibleAtMillis() == entries.map(\.visibleAtMillis).min())
    }

    private func flush(_ world: inout World) {
        var record = LedgerRecord()
        record.append(key, changes: world.pending)
        world.records.append(record.bytes)
        world.pending = []
    }

    private func snapshot(_ world: inout World) throws {
        flush(&world)
        var image = LedgerImage()
        image.set(world.ledger, queueID: 7, of: key)
        world.snapshot = LedgerSnapshot(nextRecord: Int64(world.records.count), image: image).encode()
        try checkRecovery(&world)
    }

    private func checkRecovery(_ world: inout World) throws {
        flush(&world)
        var image = LedgerImage(limits: world.ledger.limits)
        var first = 0
        if !world.snapshot.isEmpty {
            let snapshot = try LedgerSnapshot(bytes: world.snapshot, limits: world.ledger.limits)
            image = snapshot.image
            first = Int(snapshot.nextRecord)
        }
        for record in world.records[first...] { try image.replay(record: record) }
        let recovered = try #require(image.ledgers[key]?[7])
        #expect(recovered.inFlight == world.ledger.inFlight)
        #expect(recovered.nextOffset == world.ledger.nextOffset)
    }
}
