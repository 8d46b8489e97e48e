import NIOConcurrencyHelpers
import ServerSupport

/// A thread that runs a body again and again, with the pause that the body asks for; a call ends the pause.
final class PausingThread: Sendable {
    private enum Signal {
        static let quiet = 0
        static let wake = 1
    }

    private enum Phase {
        case idle
        case running
        case stopping
        case stopped
    }

    private let name: String
    private let signal = ConditionLock(value: Signal.quiet)
    private let end = ConditionLock(value: Signal.quiet)
    private let phase = NIOLockedValueBox(Phase.idle)

    init(name: String) {
        self.name = name
    }

    /// Starts the thread. The body returns how long to pause; nil is until woken.
    func start(_ body: @escaping @Sendable () -> Int64?) -> Bool {
        phase.withLockedValue { $0 = .running }
        let started = DetachedThread.start(name: name, stackBytes: 512 * 1024) { self.loop(body) }
        if !started { phase.withLockedValue { $0 = .idle } }
        return started
    }

    /// Ends the pause.
    func wake() {
        signal.lock()
        signal.unlock(withValue: Signal.wake)
    }

    /// Ends the thread and waits for it.
    func stop() {
        let isRunning = phase.withLockedValue { phase in
            guard phase == .running else { return false }
            phase = .stopping
            return true
        }
        guard isRunning else { return }
        wake()
        end.lock(whenValue: Signal.wake)
        end.unlock()
        phase.withLockedValue { $0 = .stopped }
    }

    private func loop(_ body: @Sendable () -> Int64?) {
        while phase.withLockedValue({ $0 == .running }) {
            if let pauseMillis = body() {
                guard pauseMillis > 0 else { continue }
                if signal.lock(whenValue: Signal.wake, timeoutSeconds: Double(pauseMillis) / 1000) {
                    signal.unlock(withValue: Signal.quiet)
                }
            } else {
                signal.lock(whenValue: Signal.wake)
                signal.unlock(withValue: Signal.quiet)
            }
        }
        end.lock()
        end.unlock(withValue: Signal.wake)
    }
}
