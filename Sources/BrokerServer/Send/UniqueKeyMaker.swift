import MessageModel
import Synchronization

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Makes ids for messages whose producer sent none.
final class UniqueKeyMaker: Sendable {
    private let host: [UInt8]
    private let salt: UInt32
    private let counter = Atomic<UInt32>(0)

    init(host: [UInt8], salt: UInt32 = UInt32.random(in: .min ... .max)) {
        self.host = host
        self.salt = salt
    }

    func make(nowMillis: Int64) -> String {
        let (number, _) = counter.add(1, ordering: .relaxed)
        return UniqueKey.make(
            host: host, processId: UInt16(truncatingIfNeeded: getpid()), salt: salt,
            millisSinceMonthStart: UInt32(truncatingIfNeeded: nowMillis - Self.monthStartMillis(nowMillis)),
            counter: UInt16(truncatingIfNeeded: number))
    }

    /// The local midnight on the first of the month: clients guess from an id when its message was made.
    private static func monthStartMillis(_ nowMillis: Int64) -> Int64 {
        var seconds = time_t(nowMillis / 1_000)
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
