import Logging
import NIOCore

/// What the connections of one event loop share: the flush pass, the mailbox, timers, and the list of themselves.
/// All mutable state is touched on `eventLoop` only; the class is Sendable to be captured by the loop's own tasks.
final class ServerLoop: @unchecked Sendable {
    /// An idle connection is found within this part of the idle time.
    private static let sweepsPerIdleTime: Int64 = 12

    let eventLoop: any EventLoop
    let configuration: RemotingServerConfiguration
    let service: any RemotingService
    let logger: Logger
    let flushPass: FlushPass
    let mailbox: LoopMailbox
    let timer: DeadlineTimer
    private var connections: [UInt64: RemotingServerConnection] = [:]
    private var sweep: Scheduled<Void>?
    private var isDraining = false
    private var drained: [EventLoopPromise<Void>] = []

    init(
        eventLoop: any EventLoop, configuration: RemotingServerConfiguration, service: any RemotingService,
        logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.configuration = configuration
        self.service = service
        self.logger = logger
        flushPass = FlushPass(eventLoop: eventLoop)
        mailbox = LoopMailbox(eventLoop: eventLoop)
        timer = DeadlineTimer(eventLoop: eventLoop)
        timer.onDue = { [weak self] in self?.expireCalls(now: $0) ?? .distantFuture }
    }

    func add(_ connection: RemotingServerConnection) {
        connections[connection.id] = connection
        if sweep == nil { scheduleSweep() }
        if isDraining { connection.drain() }
    }

    func remove(_ connection: RemotingServerConnection) {
        connections[connection.id] = nil
        if isDraining && connections.isEmpty { finishDrain() }
    }

    /// Closes each connection as soon as nothing of it is in flight; the future is done when none is left.
    func drain() -> EventLoopFuture<Void> {
        isDraining = true
        let promise = eventLoop.makePromise(of: Void.self)
        drained.append(promise)
        for connection in Array(connections.values) { connection.drain() }
        if connections.isEmpty { finishDrain() }
        return promise.futureResult
    }

    /// Closes whatever is left.
    func closeAll() {
        for connection in Array(connections.values) { connection.closeNow() }
        finishDrain()
    }

    private func finishDrain() {
        sweep?.cancel()
        sweep = nil
        timer.stop()
        let promises = drained
        drained = []
        for promise in promises { promise.succeed(()) }
    }

    private func scheduleSweep() {
        let interval = max(1, configuration.idleMillisMax / Self.sweepsPerIdleTime)
        sweep = eventLoop.scheduleTask(in: .milliseconds(interval)) { self.closeIdle() }
    }

    /// A connection that moved no byte during as many sweeps as the idle time has is closed.
    private func closeIdle() {
        sweep = nil
        for connection in Array(connections.values) {
            if connection.wasActive {
                connection.wasActive = false
                connection.idleSweeps = 0
            } else {
                connection.idleSweeps += 1
            }
            if connection.idleSweeps >= Self.sweepsPerIdleTime {
                logger.debug("closing an idle connection", metadata: ["remote": "\(connection.remoteAddress)"])
                connection.closeNow()
            }
        }
        if !connections.isEmpty { scheduleSweep() }
    }

    private func expireCalls(now: NIODeadline) -> NIODeadline {
        var next = NIODeadline.distantFuture
        for connection in Array(connections.values) {
            for completion in connection.calls.removeDue(now: now) {
                completion(.failure(RemotingError(.timeout, "no answer from \(connection.remoteAddress) in time")))
            }
            next = min(next, connection.calls.earliest)
        }
        return next
    }
}
