import ServerSupport
import StorageEngine

/// `mqbroker --check`: tells whether the store of a stopped broker is sound.
enum StoreCheckCommand {
    /// Prints what was found; false when something is wrong.
    static func run(_ configuration: StoreConfiguration) throws -> Bool {
        let report = try StoreCheck.run(configuration, files: LinuxFileSystem())
        ProgramStart.printLine("log offsets   \(report.log.lowerBound)-\(report.log.upperBound)")
        ProgramStart.printLine("messages      \(report.messages)")
        ProgramStart.printLine("queues        \(report.queues) with \(report.units) messages")
        if let index = report.index {
            ProgramStart.printLine("index files   \(index.files) with \(index.entries) keys")
        }
        if !report.wasClean {
            ProgramStart.printLine(
                "last stop     not clean: the next start adds \(report.missingUnits) messages to their queues")
        }
        for damage in report.damages {
            ProgramStart.printLine(
                "DAMAGE        \(damage.bytes) bytes cannot be read at log offset \(damage.logOffset) in \(damage.file)"
            )
        }
        for difference in report.differences + report.indexDifferences {
            ProgramStart.printLine("DIFFERENCE    \(difference)")
        }
        let untold =
            report.differenceCount - report.differences.count + report.indexDifferenceCount
            - report.indexDifferences.count
        if untold > 0 { ProgramStart.printLine("              and \(untold) more") }
        ProgramStart.printLine(report.isGood ? "the store is sound" : "the store is not sound" + advice(report))
        return report.isGood
    }

    /// What to remove, so that the next start builds it again from the log.
    private static func advice(_ report: StoreCheck.Report) -> String {
        switch (report.differenceCount > 0, report.indexDifferenceCount > 0) {
        case (true, false): ": with consumequeue removed, the next start builds the queues from the log"
        case (false, true): ": with index removed, the next start builds the index from the log"
        case (true, true): ": with consumequeue and index removed, the next start builds both from the log"
        case (false, false): ": what cannot be read is lost, the rest is served"
        }
    }
}
