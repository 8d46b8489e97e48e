import Testing

@testable import DeliveryEngine

/// Random ordered consumers against a naive model: per message group one message in flight, in order, none forgotten.
@Suite struct OrderedModelTests {
    private static let maxAttempts: Int32 = 4
    private let key = SubscriptionKey(group: "g", topic: "t")

    private struct World {
        var random: SplitMix64
        var now: Int64 = 1_000_000
        var limits: AckLedger.Limits
        var ledger: AckLedger
        var groups: [UInt64] = []
        /// Offsets of each group that are not done, ascending.
        var waiting: [UInt64: [Int64]] = [:]
        /// Attempt, pop time and end of the invisible time of what is in flight.
        var inFlight: [Int64: (attempt: Int32, popMillis: Int64, visibleAt: Int64)] = [:]
        var handles: [(offset: Int64, popMillis: Int64)] = []
        var pending: [UInt8] = []
        var records: [[UInt8]] = []

        init(seed: UInt64) {
            random = SplitMix64(state: seed)
            limits = AckLedger.Limits(inFlightMax: 30, offsetSpanMax: 200, deferredMax: Int(seed % 3) * 20 + 5)
            ledger = AckLedger(startOffset: 0, limits: limits)
        }

        mutating func record(_ change: LedgerChange) { change.encode(queueID: 7, into: &pending) }

        mutating func done(_ offset: Int64) {
            record(.done(offset: offset))
            inFlight[offset] = nil
            waiting[groups[Int(offset)]]?.removeAll { $0 == offset }
        }
    }

    @Test(arguments: 0..<40)
    func keepsOrder(seed: UInt64) throws {
        var world = World(seed: seed)
        world.record(.start(offset: 0))
        for _ in 0..<800 {
            switch Int.random(in: 0..<100, using: &world.random) {
            case 0..<15: send(&world)
            case 15..<45: pop(&world)
            case 45..<75: ack(&world)
            case 75..<95: world.now += .random(in: 0...60, using: &world.random)
            default: try restart(&world)
            }
            check(world)
        }
        for _ in 0..<20_000 where world.waiting.values.contains(where: { !$0.isEmpty }) {
            pop(&world)
            ack(&world)
            world.now += 20
        }
        #expect(!world.waiting.values.contains { !$0.isEmpty })
        #expect(world.ledger.lowWater == Int64(world.groups.count))
        #expect(world.ledger.live.isEmpty)
    }

    private func send(_ world: inout World) {
        for _ in 0..<Int.random(in: 1...8, using: &world.random) {
            let group = UInt64.random(in: 1...6, using: &world.random)
            world.waiting[group, default: []].append(Int64(world.groups.count))
            world.groups.append(group)
        }
    }

    private func pop(_ world: inout World) {
        let groups = world.groups
        world.ledger.beginOrdered { groups[Int($0)] }
        let visibleAt = world.now + .random(in: 10...200, using: &world.random)
        let attemptKey = UInt64.random(in: 0...3, using: &world.random)
        var delivery = LedgerChange.OrderedDelivery(
            from: world.ledger.nextOffset, popMillis: world.now, visibleAtMillis: visibleAt, attemptKey: attemptKey)
        let maxCount = Int.random(in: 1...10, using: &world.random)
        let plan = world.ledger.takeDue(
            nowMillis: world.now, maxCount: maxCount, maxAttempts: Self.maxAttempts, isOrdered: true)
        for redelivery in plan.redeliver {
            world.ledger.redeliver(
                redelivery, popMillis: world.now, visibleAtMillis: visibleAt, attemptKey: attemptKey)
            delivery.redelivered.append(redelivery)
            handOut(&world, redelivery.offset, attempt: redelivery.attempt, visibleAt: visibleAt)
        }
        for dead in plan.deadLetters {
            #expect(dead.attempt == Self.maxAttempts)
            world.ledger.settle(offset: dead.offset)
            world.done(dead.offset)
        }
        var left = min(maxCount - plan.redeliver.count, world.limits.inFlightMax - world.ledger.inFlightCount)
        while left > 0, world.ledger.takesNewInOrder, world.ledger.nextOffset < world.groups.count {
            let offset = world.ledger.nextOffset
            let orderKey = groups[Int(offset)]
            let admission = world.ledger.admit(
                offset: offset, orderKey: orderKey, popMillis: world.now, visibleAtMillis: visibleAt,
                attemptKey: attemptKey)
            guard admission != .full else { break }
            delivery.new.append(.init(offset: offset, orderKey: orderKey, isDeferred: admission == .deferred))
            delivery.next = offset + 1
            guard admission == .delivered else { continue }
            handOut(&world, offset, attempt: 1, visibleAt: visibleAt)
            left -= 1
        }
        world.record(.ordered(delivery))
    }

    private func handOut(_ world: inout World, _ offset: Int64, attempt: Int32, visibleAt: Int64) {
        let group = world.groups[Int(offset)]
        #expect(world.waiting[group]?.first == offset, "an earlier message of the group is not done")
        if let before = world.inFlight[offset] {
            #expect(before.visibleAt <= world.now, "before its invisible time ended")
            #expect(attempt == before.attempt + 1)
        } else {
            #expect(attempt == 1)
        }
        world.inFlight[offset] = (attempt, world.now, visibleAt)
        world.handles.append((offset, world.now))
    }

    private func ack(_ world: inout World) {
        guard let handle = world.handles.randomElement(using: &world.random) else { return }
        let outcome = world.ledger.ack(offset: handle.offset, popMillis: handle.popMillis, isOrdered: true)
        guard let state = world.inFlight[handle.offset] else {
            #expect(outcome == .alreadyDone)
            return
        }
        guard handle.popMillis >= state.popMillis else {
            #expect(outcome == .staleHandle)
            return
        }
        guard case .acked = outcome else {
            Issue.record("an ack of a message in flight gave \(outcome)")
            return
        }
        world.done(handle.offset)
    }

    private func check(_ world: World) {
        #expect(world.ledger.inFlight.map(\.offset) == world.inFlight.keys.sorted())
        #expect(world.ledger.deferredCount <= world.limits.deferredMax)
        #expect(world.ledger.deferredCount == world.ledger.live.count - world.ledger.inFlightCount)
    }

    /// The next process goes on with what the journal says.
    private func restart(_ world: inout World) throws {
        var record = LedgerRecord()
        record.append(key, changes: world.pending)
        world.records.append(record.bytes)
        world.pending = []
        var image = LedgerImage(limits: world.limits)
        for record in world.records { try image.replay(record: record) }
        let recovered = try #require(image.ledgers[key]?[7])
        #expect(recovered.live == world.ledger.live)
        #expect(recovered.nextOffset == world.ledger.nextOffset)
        let snapshot = try LedgerSnapshot(
            bytes: LedgerSnapshot(nextRecord: 0, image: image).encode(), limits: world.limits)
        world.ledger = try #require(snapshot.image.ledgers[key]?[7])
        #expect(world.ledger.live == recovered.live)
    }
}
