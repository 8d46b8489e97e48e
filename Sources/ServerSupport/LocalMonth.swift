#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Months of the local calendar: ids of messages count from the start of one.
package enum LocalMonth {
    /// The local midnight on the first of the month of a time, in milliseconds since 1970.
    package static func startMillis(of millis: Int64) -> Int64 {
        var seconds = time_t(millis / 1_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        parts.tm_mday = 1
        parts.tm_hour = 0
        parts.tm_min = 0
        parts.tm_sec = 0
        parts.tm_isdst = -1
        return Int64(mktime(&parts)) * 1_000
    }
}
