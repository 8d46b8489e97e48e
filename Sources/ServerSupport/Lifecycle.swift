import Logging
import NIOConcurrencyHelpers
import NIOCore

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The life of a program: runs until SIGTERM or SIGINT, then drains once within a deadline.
///
/// The first stop signal completes `stopRequested()`; a second one, or the end of the deadline, ends the process at once
/// with a status other than 0. SIGHUP calls the reload action. It does not stop servers itself: `main` does, in its order.
package final class Lifecycle: Sendable {
    private let logger: Logger
    private let drainMillisMax: Int
    private let state = NIOLockedValueBox(State())

    private struct State {
        var isStopping = false
        var waiters: [CheckedContinuation<Void, Never>] = []
        var reload: (@Sendable () -> Void)?
    }

    /// Installs the signal handlers and starts listening to them on a thread of its own. Make one per process.
    package init(logger: Logger, drainMillisMax: Int = 30_000) throws(ServerSupportError) {
        self.logger = logger
        self.drainMillisMax = drainMillisMax
        guard let readEnd = SignalPipe.install(for: [SIGTERM, SIGINT, SIGHUP]) else {
            throw ServerSupportError(.signals, "no pipe for signals: \(String(cString: strerror(errno)))")
        }
        guard DetachedThread.start(name: "signals", stackBytes: 128 * 1024, { [self] in listen(readEnd) }) else {
            throw ServerSupportError(.signals, "no thread for signals")
        }
    }

    /// Sets what SIGHUP does. It runs on the signal thread and should only pass the request on.
    package func onReload(_ action: @escaping @Sendable () -> Void) {
        state.withLockedValue { $0.reload = action }
    }

    /// Suspends until the program is asked to stop.
    package func stopRequested() async {
        await withCheckedContinuation { continuation in
            let isStopping = state.withLockedValue { state in
                if !state.isStopping { state.waiters.append(continuation) }
                return state.isStopping
            }
            if isStopping { continuation.resume() }
        }
    }

    /// Asks for the same orderly stop from inside, for instance after a fatal error of a server.
    package func requestStop() {
        kill(getpid(), SIGTERM)
    }

    private func listen(_ readEnd: Int32) {
        while true {
            guard case .signal(let number) = SignalPipe.wait(readEnd, timeoutMillis: -1) else { continue }
            if number == SIGHUP {
                logger.info("reload requested")
                let action = state.withLockedValue { $0.reload }
                action?()
                continue
            }
            logger.info("stop requested", metadata: ["signal": "\(number)"])
            let waiters = state.withLockedValue { state in
                state.isStopping = true
                defer { state.waiters = [] }
                return state.waiters
            }
            for waiter in waiters { waiter.resume() }
            superviseDrain(readEnd)
        }
    }

    /// Ends the process when draining takes too long or a second stop signal comes; otherwise `main` ends it first.
    private func superviseDrain(_ readEnd: Int32) -> Never {
        let deadline = NIODeadline.now() + .milliseconds(Int64(drainMillisMax))
        while true {
            let leftMillis = (deadline - .now()).nanoseconds / 1_000_000
            switch SignalPipe.wait(readEnd, timeoutMillis: Int32(max(0, min(leftMillis, Int64(Int32.max))))) {
            case .signal(let number) where number == SIGHUP: continue
            case .signal(let number):
                logger.warning("stopped by a second signal before draining ended")
                _exit(128 + number)
            case .timedOut:
                logger.error("draining did not end in time", metadata: ["millisMax": "\(drainMillisMax)"])
                _exit(1)
            }
        }
    }
}
