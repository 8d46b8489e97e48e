import Simulation
import Testing

/// Seeded runs over store and delivery. A failing seed is in the message; `scripts/simulate --seed N` repeats it.
@Suite struct SimulationTests {
    @Test(arguments: UInt64(1)...24)
    func keepsItsPromises(seed: UInt64) {
        let result = Simulation(seed: seed).run()
        #expect(result.violation == nil, "\(result.report())")
    }

    /// With delayed messages and transactions besides. The last ones broke a promise once: ends of which the op message was
    /// on the disk and the message was not (30, 261, 264), rollbacks told before they were written (126), a commit found
    /// behind damage (158), a copy that ended while its original did not (468), a queue file missing between others (1325)
    /// or before them (2282).
    @Test(arguments: Array(UInt64(1)...12) + [30, 126, 158, 261, 264, 468, 1_325, 2_282])
    func keepsWhatWaits(seed: UInt64) {
        let result = Simulation(seed: seed, workload: .waiting).run()
        #expect(result.violation == nil, "\(result.report())")
    }

    /// Each broke a promise once: records served from a killed process's memory (27, 72), a short new log file (10),
    /// queues lost behind a checkpoint (85), a hole that hid what lay before it (239), damage handed out (280, 836),
    /// pages lost by a failed flush (104), an old handle that acknowledged another message (834, 2781), files made by a
    /// start that failed (196, 778), a log file deleted with records of the journal that no snapshot includes (154),
    /// queues of a deleted topic that came back (2841, 3478), a file read whose name was not on the disk (2560), deliveries
    /// of messages that a hole took, which held up their groups (1387, 3116), a journal without its first record and
    /// without a snapshot (1469), dead letters done before their copies were on the disk (1568, 3639), a dead letter that
    /// a consumer kept while its group went on (3469), pages lost by a flush that failed at a start (8376).
    @Test(arguments: [
        UInt64(10), 27, 72, 85, 104, 154, 196, 239, 280, 778, 834, 836, 1_387, 1_469, 1_568, 2_560, 2_781, 2_841, 3_116,
        3_469, 3_478, 3_639, 8_376,
    ])
    func keepsPromisesOnceBroken(seed: UInt64) {
        let result = Simulation(seed: seed).run()
        #expect(result.violation == nil, "\(result.report())")
    }

    @Test func theSameSeedGivesTheSameRun() {
        for seed: UInt64 in 1...4 {
            let runs = (0..<2).map { _ in Simulation(seed: seed).run() }
            #expect(runs[0].trace == runs[1].trace)
            #expect(runs[0].traceHash == runs[1].traceHash)
        }
        #expect(Simulation(seed: 1).run().traceHash != Simulation(seed: 2).run().traceHash)
    }

    @Test(arguments: Simulation.Breakage.allCases)
    func noticesMistakesMadeOnPurpose(breakage: Simulation.Breakage) {
        let caught = (UInt64(1)...60).first { Simulation(seed: $0, breakage: breakage).run().violation != nil }
        #expect(caught != nil, "\(breakage.rawValue) went unnoticed")
    }
}
