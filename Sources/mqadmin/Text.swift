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
    static func text(millis given: Int64) -> String {
        let millis = max(0, min(given, endOfYear9999))
        var seconds = time_t(millis / 1_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let fraction = String(millis % 1_000)
        let date = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        let time = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        return "\(date) \(time),\(String(repeating: "0", count: 3 - fraction.count))\(fraction)"
    }

    /// `2026-11-23 03:35:23`
    static func secondsText(millis: Int64) -> String { String(text(millis: millis).dropLast(4)) }

    private static let endOfYear9999: Int64 = 253_402_300_799_999

    /// `2026-11-23#03:35:23:042`, as options take it.
    static func optionText(millis: Int64) -> String {
        String(text(millis: millis).map { $0 == " " ? "#" : $0 == "," ? ":" : $0 })
    }

    /// The time of an option: `now`, milliseconds since 1970, or local time as `yyyy-MM-dd#HH:mm:ss:SSS`; nil when the
    /// option is not given.
    static func millis(option name: String, of options: GivenOptions) throws -> Int64? {
        guard let text = options.string(name) else { return nil }
        if text == "now" { return nowMillis }
        if let number = Int64(text) { return number }
        guard let millis = millis(parsing: text) else {
            throw UsageError(
                description: "--\(name) must be now, milliseconds since 1970 or yyyy-MM-dd#HH:mm:ss:SSS, not \(text)")
        }
        return millis
    }

    /// Reads `2026-11-23#03:35:23:042`.
    static func millis(parsing text: String) -> Int64? {
        let parts = text.split(separator: "#", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let date = parts[0].split(separator: "-").map { Int32($0) }
        let time = parts[1].split(separator: ":").map { Int32($0) }
        guard date.count == 3, time.count == 4, let year = date[0], let month = date[1], let day = date[2],
            let hour = time[0], let minute = time[1], let second = time[2], let millis = time[3],
            1_970...9_999 ~= year, 1...12 ~= month, 1...31 ~= day, 0...23 ~= hour, 0...59 ~= minute, 0...60 ~= second,
            0...999 ~= millis
        else { return nil }
        var fields = tm()
        fields.tm_year = year - 1_900
        fields.tm_mon = month - 1
        fields.tm_mday = day
        fields.tm_hour = hour
        fields.tm_min = minute
        fields.tm_sec = second
        fields.tm_isdst = -1
        return Int64(mktime(&fields)) * 1_000 + Int64(millis)
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
