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
        if !report.wasClean {
            ProgramStart.printLine(
                "last stop     not clean: the next start adds \(report.missingUnits) messages to their queues")
        }
        for damage in report.damages {
            ProgramStart.printLine(
                "DAMAGE        \(damage.bytes) bytes cannot be read at log offset \(damage.logOffset) in \(damage.file)"
            )
        }
        for difference in report.differences { ProgramStart.printLine("DIFFERENCE    \(difference)") }
        if report.differenceCount > report.differences.count {
            ProgramStart.printLine("              and \(report.differenceCount - report.differences.count) more")
        }
        ProgramStart.printLine(
            report.isGood
                ? "the store is sound"
                : "the store is not sound: with consumequeue removed, the next start builds the queues from the log")
        return report.isGood
    }
}
