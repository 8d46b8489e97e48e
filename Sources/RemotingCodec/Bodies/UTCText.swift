#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Times as text that means the same on every machine.
package enum UTCText {
    /// `1970-01-01#00:00:00:000`, as bodies write times beside their number.
    package static func stamp(millis: Int64) -> String {
        var seconds = time_t(millis / 1_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func digits(_ number: Int32, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let date =
            "\(digits(parts.tm_year + 1_900, 4))-\(digits(parts.tm_mon + 1, 2))-\(digits(parts.tm_mday, 2))"
        let time = "\(digits(parts.tm_hour, 2)):\(digits(parts.tm_min, 2)):\(digits(parts.tm_sec, 2))"
        return "\(date)#\(time):\(digits(Int32(millis % 1_000), 3))"
    }
}
