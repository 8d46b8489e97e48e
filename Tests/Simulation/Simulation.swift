import StorageEngine

/// One seeded run of a workload with faults over the real store and the real delivery service, checked against a shadow
/// model of what clients were told.
///
/// Everything that happens is chosen by the seed, so a run repeats exactly; ``SimulationResult/traceHash`` says so.
package struct Simulation: Sendable {
    /// A mistake made on purpose, which the model has to notice.
    package enum Breakage: String, Sendable, CaseIterable {
        /// Sends that wait for the disk are answered before it was asked.
        case ackEarly = "ack-early"
        /// Recovery takes the last records of the log without looking at their checksums.
        case skipTailCheck = "skip-tail-check"
        /// Starts do not know of deleted topics.
        case forgetDeletions = "forget-deletions"
    }

    /// What clients do.
    package enum Workload: String, Sendable, CaseIterable {
        /// They send, receive and acknowledge.
        case deliveries
        /// They send delayed messages and transactions besides.
        case waiting
    }

    /// The seed of all choices.
    package var seed: UInt64
    /// What clients do; the same seed makes other choices in another workload.
    package var workload: Workload
    /// Operations before the end, in which everything is consumed.
    package var stepCount: Int
    /// A mistake to make.
    package var breakage: Breakage?

    /// A run by its seed.
    package init(
        seed: UInt64, workload: Workload = .deliveries, stepCount: Int = 300, breakage: Breakage? = nil
    ) {
        self.seed = seed
        self.workload = workload
        self.stepCount = stepCount
        self.breakage = breakage
    }

    /// Runs to the end, or to the first broken promise.
    package func run() -> SimulationResult {
        let run = Run(self)
        var violation: String?
        do {
            try run.start()
            for _ in 0..<stepCount { try run.step() }
            try run.finish()
        } catch {
            violation = "\(error)"
            run.trace.note("violation: \(error)")
        }
        return SimulationResult(
            seed: seed, workload: workload, violation: violation, traceHash: run.trace.hash, trace: run.trace.lines,
            counts: run.counts)
    }
}

/// What came of a run.
package struct SimulationResult: Sendable {
    /// How often things happened.
    package struct Counts: Sendable {
        /// Messages sent.
        package var sent = 0
        /// Messages handed out.
        package var delivered = 0
        /// Starts after a stop, a kill or a loss of power.
        package var restarts = 0
        /// Faults of the disk.
        package var faults = 0

        /// Nothing yet.
        package init() {}

        mutating func add(_ other: Counts) {
            sent += other.sent
            delivered += other.delivered
            restarts += other.restarts
            faults += other.faults
        }
    }

    /// The seed.
    package var seed: UInt64
    /// What clients did.
    package var workload: Simulation.Workload
    /// The promise that was broken; nil when all were kept.
    package var violation: String?
    /// Equal for equal runs.
    package var traceHash: UInt64
    /// What happened, line by line.
    package var trace: [String]
    /// How much happened.
    package var counts: Counts

    /// The seed, the violation and the last lines of the trace.
    package func report(lineCount: Int = 40) -> String {
        let tail = trace.suffix(lineCount).joined(separator: "\n  ")
        return """
            seed \(seed): \(violation ?? "no violation")
              \(tail)
            replay: scripts/simulate --workload \(workload.rawValue) --seed \(seed)
            """
    }
}

extension SimulationResult.Counts {
    /// The sum over runs.
    package static func + (left: Self, right: Self) -> Self {
        var sum = left
        sum.add(right)
        return sum
    }
}
