import Testing

@testable import DeliveryEngine

/// What the acknowledgement ledgers keep on disk.
@Suite("Fuzz: ledgers") struct LedgerFuzzTests {
    @Test("records of the journal") func records() throws {
        try FuzzTarget("ledger-records").run { input, _ in
            var image = LedgerImage()
            try? image.replay(record: input)
            if let problem = Self.problem(of: image) { return problem }
            return Self.problem(ofSnapshot: LedgerSnapshot(nextRecord: 7, image: image))
        }
    }

    @Test("snapshots") func snapshots() throws {
        func seal(_ input: [UInt8]) -> [UInt8] {
            let body = input.dropLast(4)
            return body + withUnsafeBytes(of: CRC32.checksum(body).littleEndian, Array.init)
        }
        try FuzzTarget("ledger-snapshots").run(seal: seal) { input, _ in
            guard let snapshot = try? LedgerSnapshot(bytes: input) else { return nil }
            return Self.problem(of: snapshot.image) ?? Self.problem(ofSnapshot: snapshot)
        }
    }

    private static func problem(of image: LedgerImage) -> String? {
        for ledger in image.ledgers.values.flatMap(\.values) {
            let offsets = ledger.live.map(\.offset)
            guard zip(offsets, offsets.dropFirst()).allSatisfy({ $0 < $1 }) else { return "entries out of order" }
            guard ledger.lowWater <= ledger.nextOffset else { return "done up to what was never delivered" }
        }
        return nil
    }

    private static func problem(ofSnapshot snapshot: LedgerSnapshot) -> String? {
        let bytes = snapshot.encode()
        do {
            let again = try LedgerSnapshot(bytes: bytes)
            return again.encode() == bytes ? nil : "written and read it is another"
        } catch { return "what was written cannot be read: \(error)" }
    }
}
