import NIOCore

/// One timer for many deadlines: armed for the earliest, it asks its owner at each firing for the next.
/// All state is touched on `eventLoop` only; the class is Sendable to be captured by the loop's own tasks.
final class DeadlineTimer: @unchecked Sendable {
    private let eventLoop: any EventLoop
    private var armedAt = NIODeadline.distantFuture
    private var scheduled: Scheduled<Void>?
    /// Handles what is due and returns the next deadline, `.distantFuture` for none.
    var onDue: ((_ now: NIODeadline) -> NIODeadline)?

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Makes sure that the timer fires no later than `deadline`.
    func arm(_ deadline: NIODeadline) {
        guard deadline < armedAt else { return }
        scheduled?.cancel()
        armedAt = deadline
        scheduled = eventLoop.scheduleTask(deadline: deadline) { self.fire() }
    }

    /// Stops the timer for good.
    func stop() {
        scheduled?.cancel()
        scheduled = nil
        onDue = nil
        armedAt = .distantFuture
    }

    private func fire() {
        scheduled = nil
        armedAt = .distantFuture
        guard let onDue else { return }
        let next = onDue(.now())
        if next < .distantFuture { arm(next) }
    }
}
