import Glibc

/// CPU time and memory of another process, from /proc.
package struct ProcessMeter: Sendable {
    /// One reading.
    package struct Reading: Hashable, Sendable {
        /// User and system time together.
        package var cpuSeconds: Double
        /// Resident memory that is no file's, in bytes.
        package var anonymousBytes: Int
        /// All resident memory, mapped files included, in bytes.
        package var residentBytes: Int
    }

    /// What it is called in reports.
    package let name: String
    /// The process.
    package let pid: Int32

    /// A meter for `name=pid` or `pid`; nil when the text is neither.
    package init?(_ text: String) {
        let parts = text.split(separator: "=", maxSplits: 1)
        guard let last = parts.last, let pid = Int32(last), pid > 0 else { return nil }
        self.pid = pid
        name = parts.count == 2 ? String(parts[0]) : "pid \(pid)"
    }

    /// The values now; nil when the process is gone.
    package func read() -> Reading? {
        guard let stat = Self.file("/proc/\(pid)/stat"), let status = Self.file("/proc/\(pid)/status"),
            let close = stat.lastIndex(of: ")")
        else { return nil }
        // Behind the name, which may hold blanks: state is field 3, user time 14, system time 15.
        let fields = stat[stat.index(after: close)...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        return Reading(
            cpuSeconds: (user + system) / Double(sysconf(Int32(_SC_CLK_TCK))),
            anonymousBytes: Self.kilobytes("RssAnon:", status) * 1024,
            residentBytes: Self.kilobytes("VmRSS:", status) * 1024)
    }

    private static func kilobytes(_ name: String, _ status: String) -> Int {
        for line in status.split(separator: "\n") where line.hasPrefix(name) {
            return line.split(whereSeparator: { " \t".contains($0) }).dropFirst().first.flatMap { Int($0) } ?? 0
        }
        return 0
    }

    private static func file(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 8_192)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
