import NIOConcurrencyHelpers

/// Runs jobs one after the other on a thread of its own: work that blocks, such as writing small files.
///
/// The queue is bounded; a full or closed worker refuses, and the caller answers its peer.
package final class SerialWorker: Sendable {
    private enum Signal: Int {
        case idle
        case work
    }

    private struct Queue {
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
    }

    private let signal = ConditionLock(value: Signal.idle.rawValue)
    private let queue = NIOLockedValueBox(Queue())
    private let jobsMax: Int
    private let hasThread: Bool

    /// Starts the worker's thread.
    package init(name: String, jobsMax: Int = 10_000) {
        self.jobsMax = jobsMax
        let signal = signal
        let queue = queue
        hasThread = DetachedThread.start(name: name) { Self.run(signal, queue) }
    }

    /// Queues a job; false when the worker is full, closed or without a thread.
    package func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        guard hasThread else { return false }
        let isQueued = queue.withLockedValue { queue in
            guard !queue.isClosed, queue.jobs.count < jobsMax else { return false }
            queue.jobs.append(job)
            return true
        }
        if isQueued { wake() }
        return isQueued
    }

    /// Refuses further jobs; those in the queue still run, then `completion` runs and the thread ends.
    package func close(_ completion: @escaping @Sendable () -> Void = {}) {
        let isQueued = queue.withLockedValue { queue in
            guard !queue.isClosed, hasThread else { return false }
            queue.isClosed = true
            queue.jobs.append(completion)
            return true
        }
        if isQueued { wake() } else { completion() }
    }

    private func wake() {
        signal.lock()
        signal.unlock(withValue: Signal.work.rawValue)
    }

    private static func run(_ signal: ConditionLock<Int>, _ queue: NIOLockedValueBox<Queue>) {
        while true {
            signal.lock(whenValue: Signal.work.rawValue)
            signal.unlock(withValue: Signal.idle.rawValue)
            let (jobs, isClosed) = queue.withLockedValue { queue in
                defer { queue.jobs = [] }
                return (queue.jobs, queue.isClosed)
            }
            for job in jobs { job() }
            if isClosed { return }
        }
    }
}
