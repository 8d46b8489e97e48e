import NIOConcurrencyHelpers
import NIOCore

/// Jobs from other threads for one event loop: however many arrive, the loop is woken once until it drained them.
/// Its length is bounded by the requests in flight, each of which is answered once.
final class LoopMailbox: Sendable {
    typealias Job = @Sendable () -> Void

    private struct State {
        var jobs: [Job] = []
        var isScheduled = false
    }

    private let eventLoop: any EventLoop
    private let state = NIOLockedValueBox(State())

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Runs a job on the loop; any thread.
    func submit(_ job: @escaping Job) {
        let mustSchedule = state.withLockedValue { state in
            state.jobs.append(job)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if mustSchedule { eventLoop.execute { self.drain() } }
    }

    private func drain() {
        let jobs = state.withLockedValue { state in
            state.isScheduled = false
            var taken: [Job] = []
            swap(&taken, &state.jobs)
            return taken
        }
        for job in jobs { job() }
    }
}
