import Testing

@testable import DeliveryEngine

@Suite struct LedgerCodingTests {
    private let key = SubscriptionKey(group: "group", topic: "主题")

    private func record(_ changes: [LedgerChange]) -> [UInt8] {
        var bytes: [UInt8] = []
        for change in changes { change.encode(queueID: 3, into: &bytes) }
        var record = LedgerRecord()
        record.append(key, changes: bytes)
        return record.bytes
    }

    private let changes: [LedgerChange] = [
        .start(offset: 100),
        .deliver(
            .init(
                from: 100, next: 200, popMillis: 1_700_000_000_000, visibleAtMillis: 1_700_000_060_000, new: [100, 150])
        ),
        .deliver(
            .init(
                from: 200, next: 201, popMillis: 1_700_000_060_000, visibleAtMillis: 1_700_000_120_000, new: [200],
                redelivered: [Redelivery(offset: 150, attempt: 2)])),
        .done(offset: 100),
        .visible(offset: 200, atMillis: 1_700_000_090_000),
        .orderAttempt("fd7ee090-ac67"),
    ]

    @Test func everyChangeReplays() throws {
        var image = LedgerImage()
        try image.replay(record: record(changes))
        let ledger = try #require(image.ledgers[key]?[3])
        #expect(ledger.nextOffset == 201)
        #expect(ledger.lowWater == 150)
        #expect(ledger.entry(offset: 150)?.attempt == 2)
        #expect(ledger.entry(offset: 150)?.firstPopMillis == 1_700_000_060_000)
        #expect(ledger.entry(offset: 200)?.visibleAtMillis == 1_700_000_090_000)
        #expect(ledger.entry(offset: 150)?.attemptKey == AckLedger.attemptKey("fd7ee090-ac67"))
        #expect(ledger.entry(offset: 150)?.orderKey == 0)
        try image.replay(record: record([.reconcile(minOffset: 160, maxOffset: 1000)]))
        #expect(image.ledgers[key]?[3]?.lowWater == 200)
    }

    @Test func aSnapshotReadsBack() throws {
        var image = LedgerImage()
        try image.replay(record: record(changes))
        let snapshot = try LedgerSnapshot(bytes: LedgerSnapshot(nextRecord: 42, image: image).encode())
        #expect(snapshot.nextRecord == 42)
        #expect(snapshot.image.ledgers[key]?[3]?.inFlight == image.ledgers[key]?[3]?.inFlight)
    }

    @Test func anOrderedPopReplaysAndItsSnapshotReadsBack() throws {
        var delivery = LedgerChange.OrderedDelivery(
            from: 201, popMillis: 1_700_000_200_000, visibleAtMillis: 1_700_000_260_000, attemptKey: 77)
        delivery.next = 210
        delivery.redelivered = [Redelivery(offset: 150, attempt: 3)]
        delivery.new = [
            .init(offset: 201, orderKey: .max, isDeferred: false), .init(offset: 205, orderKey: .max, isDeferred: true),
        ]
        var image = LedgerImage()
        try image.replay(record: record(changes + [.ordered(delivery)]))
        var ledger = try #require(image.ledgers[key]?[3])
        #expect(ledger.inFlight.map(\.offset) == [150, 200, 201])
        #expect(ledger.live.map(\.offset) == [150, 200, 201, 205])
        #expect(ledger.deferredCount == 1)
        #expect(ledger.nextOffset == 210)
        #expect(ledger.entry(offset: 150)?.attemptKey == 77)
        let snapshot = try LedgerSnapshot(bytes: LedgerSnapshot(nextRecord: 42, image: image).encode())
        #expect(snapshot.image.ledgers[key]?[3]?.live == ledger.live)
        // The deferred one goes out at last.
        delivery = LedgerChange.OrderedDelivery(
            from: 210, popMillis: 1_700_000_300_000, visibleAtMillis: 1_700_000_360_000, attemptKey: 0)
        delivery.redelivered = [Redelivery(offset: 205, attempt: 1)]
        try image.replay(record: record([.done(offset: 201), .ordered(delivery)]))
        ledger = try #require(image.ledgers[key]?[3])
        #expect(ledger.entry(offset: 205)?.firstPopMillis == 1_700_000_300_000)
        #expect(ledger.deferredCount == 0)
    }

    @Test func aSnapshotWithoutMessageGroupsReadsBack() throws {
        // What version 0.1 wrote: one attempt id for the queue, entries of four numbers.
        var bytes = Array("RMQLEDG1".utf8)
        LedgerWriter.signed(42, to: &bytes)
        LedgerWriter.unsigned(1, to: &bytes)
        LedgerWriter.text(key.group, to: &bytes)
        LedgerWriter.text(key.topic, to: &bytes)
        LedgerWriter.unsigned(1, to: &bytes)
        LedgerWriter.signed(3, to: &bytes)
        LedgerWriter.signed(20, to: &bytes)
        LedgerWriter.text("a-1", to: &bytes)
        LedgerWriter.unsigned(1, to: &bytes)
        for number: Int64 in [17, 2, 1_000, 500] { LedgerWriter.signed(number, to: &bytes) }
        let checksum = CRC32.checksum(bytes)
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: checksum >> shift))
        }
        let ledger = try #require(try LedgerSnapshot(bytes: bytes).image.ledgers[key]?[3])
        #expect(
            ledger.inFlight == [
                AckLedger.Entry(
                    offset: 17, firstPopMillis: 1_000, visibleAtMillis: 1_500, attempt: 2, orderKey: 0,
                    attemptKey: AckLedger.attemptKey("a-1"))
            ])
        #expect(ledger.nextOffset == 20)
    }

    @Test func aRemovedSubscriptionIsGone() throws {
        var image = LedgerImage()
        try image.replay(record: record(changes))
        var removal = LedgerRecord()
        removal.appendRemoval(of: key)
        try image.replay(record: removal.bytes)
        #expect(image.ledgers.isEmpty)
    }

    @Test func changesAfterALostDeliveryDeliverAgainRatherThanSkip() throws {
        var image = LedgerImage()
        try image.replay(record: record([.start(offset: 0)]))
        // The delivery of 0..<10 is missing.
        try image.replay(
            record: record([
                .deliver(.init(from: 10, next: 12, popMillis: 0, visibleAtMillis: 1, new: [10, 11])), .done(offset: 10),
            ]))
        #expect(image.ledgers[key]?[3]?.nextOffset == 0)
    }

    @Test func changesWithoutAStartAreLeftOut() throws {
        var image = LedgerImage()
        try image.replay(record: record([.done(offset: 1)]))
        #expect(image.ledgers.isEmpty)
    }

    @Test func aDamagedSnapshotIsRefused() throws {
        var image = LedgerImage()
        try image.replay(record: record(changes))
        let bytes = LedgerSnapshot(nextRecord: 42, image: image).encode()
        for position in bytes.indices {
            var damaged = bytes
            damaged[position] ^= 0x10
            #expect(throws: LedgerCodingError.self) { try LedgerSnapshot(bytes: damaged) }
            #expect(throws: LedgerCodingError.self) { try LedgerSnapshot(bytes: Array(bytes[..<position])) }
        }
    }

    @Test func noBytesCrashTheReader() {
        var random = SplitMix64(state: 11)
        let good = record(changes)
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 1..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
            var image = LedgerImage()
            do {
                try image.replay(record: bytes)
            } catch {
                continue
            }
            // Whatever was understood can be written again.
            _ = LedgerSnapshot(nextRecord: 0, image: image).encode()
        }
    }
}
