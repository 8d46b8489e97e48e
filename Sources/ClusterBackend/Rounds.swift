import NIOCore

/// Runs something every period, and shortly after a change. Changes that come together make one round.
///
/// All mutable state is touched on the event loop only.
final class Rounds: @unchecked Sendable {
    private let eventLoop: any EventLoop
    private let periodSeconds: Int64
    private let settleMillis: Int64
    private var run: (@Sendable (_ isPeriodic: Bool) -> Void)?
    private var periodic: RepeatedTask?
    private var isPlanned = false

    init(eventLoop: any EventLoop, periodSeconds: Int64, settleMillis: Int64) {
        self.eventLoop = eventLoop
        self.periodSeconds = periodSeconds
        self.settleMillis = settleMillis
    }

    /// Begins; any thread. Rounds run on the loop.
    func start(_ run: @escaping @Sendable (_ isPeriodic: Bool) -> Void) {
        eventLoop.execute { [self] in
            self.run = run
            periodic = eventLoop.scheduleRepeatedTask(
                initialDelay: .seconds(periodSeconds), delay: .seconds(periodSeconds)
            ) { _ in run(true) }
        }
    }

    /// Ends; any thread.
    func stop() {
        eventLoop.execute { [self] in
            periodic?.cancel()
            periodic = nil
        }
    }

    /// Something changed; any thread.
    func plan() {
        eventLoop.execute { [self] in
            guard !isPlanned else { return }
            isPlanned = true
            eventLoop.scheduleTask(in: .milliseconds(settleMillis)) { [self] in
                isPlanned = false
                run?(false)
            }
        }
    }
}
