import NIOCore

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Time as the proxy sees it; tests hand in their own.
package struct ProxyClock: Sendable {
    /// Milliseconds since 1970.
    package let wallMillis: @Sendable () -> Int64
    /// Milliseconds of a clock that never jumps.
    package let uptimeMillis: @Sendable () -> Int64

    /// A clock.
    package init(wallMillis: @escaping @Sendable () -> Int64, uptimeMillis: @escaping @Sendable () -> Int64) {
        self.wallMillis = wallMillis
        self.uptimeMillis = uptimeMillis
    }

    /// The machine's clock.
    package static let system = ProxyClock(
        wallMillis: {
            var now = timespec()
            clock_gettime(CLOCK_REALTIME, &now)
            return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
        },
        uptimeMillis: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) })
}
