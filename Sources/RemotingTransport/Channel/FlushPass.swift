import NIOCore

/// A connection with bytes to flush.
protocol Flushable: AnyObject {
    /// Writes all pending bytes to the socket; called on the loop, once per pass.
    func flushPending()
}

/// One flush of all dirty connections of an event loop, at the end of the tick that made the first of them dirty.
/// All state is touched on `eventLoop` only; the class is Sendable to be captured by the loop's own tasks.
final class FlushPass: @unchecked Sendable {
    let pool = BufferPool()
    private let eventLoop: any EventLoop
    private var dirty: [any Flushable] = []
    private var running: [any Flushable] = []
    private var isScheduled = false

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Adds a connection that was clean; it stays in the list until the pass ran.
    func markDirty(_ connection: any Flushable) {
        dirty.append(connection)
        guard !isScheduled else { return }
        isScheduled = true
        eventLoop.execute { self.run() }
    }

    private func run() {
        isScheduled = false
        swap(&dirty, &running)
        for connection in running { connection.flushPending() }
        running.removeAll(keepingCapacity: true)
    }
}
