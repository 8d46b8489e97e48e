import Simulation

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Long simulator runs by seed: prints each failing seed with its trace, and ends with 1 when there was one.
struct Options {
    var first: UInt64 = 1
    var seedCount: UInt64 = 100
    var stepCount = 300
    var workload = Simulation.Workload.deliveries
    var breakage: Simulation.Breakage?
    var isVerbose = false

    init?(_ arguments: [String]) {
        var rest = arguments[...]
        while let option = rest.popFirst() {
            if option == "--verbose" {
                isVerbose = true
                continue
            }
            guard let value = rest.popFirst() else { return nil }
            switch option {
            case "--seeds":
                guard let number = UInt64(value) else { return nil }
                seedCount = number
            case "--first":
                guard let number = UInt64(value) else { return nil }
                first = number
            case "--seed":
                guard let number = UInt64(value) else { return nil }
                (first, seedCount) = (number, 1)
            case "--steps":
                guard let number = Int(value) else { return nil }
                stepCount = number
            case "--workload":
                guard let chosen = Simulation.Workload(rawValue: value) else { return nil }
                workload = chosen
            case "--break":
                guard let mistake = Simulation.Breakage(rawValue: value) else { return nil }
                breakage = mistake
            default: return nil
            }
        }
    }
}

func simulate(_ options: Options) -> Int32 {
    var failed: [UInt64] = []
    var counts = SimulationResult.Counts()
    for seed in options.first..<options.first + options.seedCount {
        let result = Simulation(
            seed: seed, workload: options.workload, stepCount: options.stepCount, breakage: options.breakage
        ).run()
        counts = counts + result.counts
        if options.isVerbose { print(result.trace.joined(separator: "\n")) }
        if options.seedCount == 1 { print("trace hash \(String(result.traceHash, radix: 16))") }
        guard result.violation != nil else { continue }
        failed.append(seed)
        print(result.report())
    }
    print(
        "\(options.seedCount) seeds, \(failed.count) with a violation; \(counts.sent) messages sent, "
            + "\(counts.delivered) deliveries, \(counts.restarts) restarts, \(counts.faults) disk faults")
    if !failed.isEmpty { print("failing seeds: \(failed.map(String.init).joined(separator: " "))") }
    return failed.isEmpty ? 0 : 1
}

guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
    print(
        "usage: simulate [--seeds N] [--first S] [--seed S] [--steps N] [--verbose] "
            + "[--workload \(Simulation.Workload.allCases.map(\.rawValue).joined(separator: "|"))] "
            + "[--break \(Simulation.Breakage.allCases.map(\.rawValue).joined(separator: "|"))]")
    exit(2)
}
exit(simulate(options))
