#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

extension String {
    /// Filled with blanks on the right.
    func padded(_ width: Int) -> String {
        count >= width ? self : self + String(repeating: " ", count: width - count)
    }

    /// Filled with blanks on the left.
    func paddedLeft(_ width: Int) -> String {
        count >= width ? self : String(repeating: " ", count: width - count) + self
    }

    /// The first characters, as Apache shortens names in tables.
    func front(_ width: Int) -> String { count <= width ? self : String(prefix(width)) }
}

extension Double {
    /// With a fixed number of decimals.
    func fixed(_ decimals: Int) -> String {
        guard isFinite, abs(self) < 1e15 else { return "\(self)" }
        var scale: Int64 = 1
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int64((abs(self) * Double(scale)).rounded())
        let sign = self < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return sign + String(scaled) }
        let fraction = String(scaled % scale)
        return sign + String(scaled / scale) + "." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }
}

/// Local times as Apache's tools print them.
enum LocalTime {
    /// `2026-11-23 03:35:23,042`
    static func text(millis: Int64) -> String {
        var seconds = time_t(millis / 1_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let fraction = String(millis % 1_000)
        let date = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        let time = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        return "\(date) \(time),\(String(repeating: "0", count: 3 - fraction.count))\(fraction)"
    }

    /// The wall clock.
    static var nowMillis: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
    }
}

/// Standard output and error, whole texts at once.
enum Console {
    static func print(_ text: String) { writeLine(STDOUT_FILENO, text) }
    static func printError(_ text: String) { writeLine(STDERR_FILENO, text) }

    private static func writeLine(_ descriptor: Int32, _ text: String) {
        var bytes = Array((text + "\n").utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    /// A variable of the environment that is not empty.
    static func environment(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}
