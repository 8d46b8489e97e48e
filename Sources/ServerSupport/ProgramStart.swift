import MessageModel

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// When this process was started, and the line that says that it serves.
package enum ProgramStart {
    /// Milliseconds since the kernel started this process, to the clock tick (10 ms).
    package static func millisSinceStart() -> Int64 {
        guard let bytes = try? ConfigurationFile.read(path: "/proc/self/stat", bytesMax: 4_096) else { return 0 }
        // The program name, in parentheses, may contain blanks: count fields after it.
        guard let nameEnd = bytes.lastIndex(of: UInt8(ascii: ")")) else { return 0 }
        let fields = bytes[(nameEnd + 1)...].split(separator: UInt8(ascii: " "))
        guard fields.count > 19, let ticks = Int64(String(decoding: fields[19], as: UTF8.self)) else { return 0 }
        var now = timespec()
        clock_gettime(CLOCK_BOOTTIME, &now)
        let ticksPerSecond = Int64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000 - ticks * 1_000 / ticksPerSecond
    }

    /// Prints `PROGRAM ready on HOST:PORT in N ms` to standard output. Scripts wait for this line.
    package static func printReady(program: String, address: String) {
        printLine("\(program) ready on \(address) in \(millisSinceStart()) ms")
    }

    /// Opens a port; a failure says which.
    package static func openPort(
        _ address: HostPort, _ bind: @Sendable () async throws -> Int
    ) async throws(ServerSupportError) -> Int {
        do {
            return try await bind()
        } catch {
            throw ServerSupportError(.port, "cannot listen on \(address): \(error)")
        }
    }

    /// Writes one line to standard output at once, also when that is a pipe.
    package static func printLine(_ text: String) {
        writeAll(STDOUT_FILENO, text + "\n")
    }

    /// Writes one line to standard error.
    package static func printError(_ text: String) {
        writeAll(STDERR_FILENO, text + "\n")
    }

    private static func writeAll(_ descriptor: Int32, _ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return
            }
            bytes = bytes.dropFirst(count)
        }
    }
}
