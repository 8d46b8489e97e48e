#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Turns signals into bytes of a pipe, so that ordinary code may answer them. The only global state of the module: a
/// signal handler can reach nothing else.
enum SignalPipe {
    /// Descriptor that the handler writes to; set once, before the handler is installed.
    nonisolated(unsafe) private static var writeEnd: Int32 = -1

    /// Creates the pipe, installs the handler for the signals and ignores SIGPIPE; returns the end to read from.
    static func install(for signals: [Int32]) -> Int32? {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        writeEnd = ends[1]
        signal(SIGPIPE, SIG_IGN)
        for number in signals {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                let saved = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(SignalPipe.writeEnd, &byte, 1)
                errno = saved
            }
            action.sa_flags = Int32(SA_RESTART)
            sigaction(number, &action, nil)
        }
        return ends[0]
    }

    /// What a read of the pipe gave.
    enum Event {
        case signal(Int32)
        case timedOut
    }

    /// Blocks until a signal arrives, or at most `timeoutMillis` when that is not negative.
    static func wait(_ readEnd: Int32, timeoutMillis: Int32) -> Event {
        while true {
            var descriptor = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
            let ready = poll(&descriptor, 1, timeoutMillis)
            if ready == 0 { return .timedOut }
            if ready < 0 { continue }
            var byte: UInt8 = 0
            if read(readEnd, &byte, 1) == 1 { return .signal(Int32(byte)) }
        }
    }
}
