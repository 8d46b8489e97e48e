import DeliveryEngine
import NIOConcurrencyHelpers

/// When to look at which target (a subscription, a table of parked pulls), and the thread that does.
///
/// A target that is to be looked at earlier than scheduled is scheduled again; its later entry finds nothing to do.
final class DeliveryTimers<Target: Sendable>: Sendable {
    private struct Entry: Comparable {
        var millis: Int64
        var order: UInt64
        var target: Target

        static func == (left: Entry, right: Entry) -> Bool { left.order == right.order }
        static func < (left: Entry, right: Entry) -> Bool {
            left.millis == right.millis ? left.order < right.order : left.millis < right.millis
        }
    }

    private struct State {
        var heap = MinHeap<Entry>()
        var order: UInt64 = 0
        /// Until when the thread pauses; far in the past while it does not, or is not there.
        var pausesUntilMillis = Int64.min
    }

    private let state = NIOLockedValueBox(State())
    private let thread: PausingThread

    init(threadName: String) {
        thread = PausingThread(name: threadName)
    }

    func schedule(_ target: Target, atMillis: Int64) {
        let mustWake = state.withLockedValue { state in
            state.order += 1
            state.heap.push(Entry(millis: atMillis, order: state.order, target: target))
            return atMillis < state.pausesUntilMillis
        }
        if mustWake { thread.wake() }
    }

    func takeDue(nowMillis: Int64) -> [(Target, Int64)] {
        state.withLockedValue { state in
            var due: [(Target, Int64)] = []
            while let first = state.heap.top, first.millis <= nowMillis {
                state.heap.pop()
                due.append((first.target, first.millis))
            }
            return due
        }
    }

    var nextMillis: Int64? { state.withLockedValue { $0.heap.top?.millis } }

    /// Starts the thread, which runs `fire` when something is due.
    func start(nowMillis: @escaping @Sendable () -> Int64, fire: @escaping @Sendable () -> Void) -> Bool {
        thread.start { [state] in
            state.withLockedValue { $0.pausesUntilMillis = .min }
            fire()
            let untilMillis = state.withLockedValue { state in
                state.pausesUntilMillis = state.heap.top?.millis ?? .max
                return state.pausesUntilMillis
            }
            guard untilMillis != .max else { return nil }
            // The clock may be set while the thread pauses: look at it again from time to time.
            return min(untilMillis - nowMillis(), Self.pauseMillisMax)
        }
    }

    /// Ends the thread and waits for it.
    func stop() { thread.stop() }

    private static var pauseMillisMax: Int64 { 10_000 }
}
