import MessageModel
import ServerSupport
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

    /// Clients guess from an id when its message was made: they count from the start of the month.
    func make(nowMillis: Int64) -> String {
        let (number, _) = counter.add(1, ordering: .relaxed)
        return UniqueKey.make(
            host: host, processId: UInt16(truncatingIfNeeded: getpid()), salt: salt,
            millisSinceMonthStart: UInt32(truncatingIfNeeded: nowMillis - LocalMonth.startMillis(of: nowMillis)),
            counter: UInt16(truncatingIfNeeded: number))
    }
}
