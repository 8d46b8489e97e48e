import HTTP2Session
import Logging
import NIOCore

/// Everything the connections of one event loop share: the service, the timers, the pools and the list of those to flush.
// @unchecked: all state is touched on `eventLoop` only, which every entry point asserts in debug builds.
final class GRPCLoop: @unchecked Sendable {
    /// Most bytes written to a connection at a time before looking whether its socket still takes more.
    static let writeBytesMax = 64 << 10

    let eventLoop: any EventLoop
    let configuration: GRPCServerConfiguration
    let logger: Logger
    let service: any GRPCService
    let methods: GRPCMethodTable
    let streamPool = HTTP2StreamPool()
    /// Written and sent before the next connection uses it, so its memory is reused.
    var scratch = ByteBuffer()
    var inflater = Inflater()
    /// Memory in half-received messages.
    var assemblyBytes = 0
    /// Milliseconds of the monotonic clock when the current event came.
    private(set) var nowMillis: Int64

    private let clock: @Sendable () -> Int64
    private var connections: [UInt64: GRPCConnection] = [:]
    private var dirty = ContiguousArray<GRPCConnection>()
    private var isFlushScheduled = false
    private var callTimers: TimerWheel<GRPCCall>
    private var connectionTimers: TimerWheel<GRPCConnection>
    private var wake: Scheduled<Void>?
    private var wakeMillis = Int64.max
    private var drained: EventLoopPromise<Void>?
    private(set) var isDraining = false

    init(
        eventLoop: any EventLoop, configuration: GRPCServerConfiguration, service: any GRPCService, logger: Logger,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.eventLoop = eventLoop
        self.configuration = configuration
        self.service = service
        self.logger = logger
        self.clock = clock
        methods = GRPCMethodTable(service.methodTable())
        nowMillis = clock()
        callTimers = TimerWheel(nowMillis: nowMillis)
        connectionTimers = TimerWheel(slotMillis: 64, slotCount: 256, nowMillis: nowMillis)
    }

    /// Reads the clock and keeps the answer for what happens next.
    @discardableResult
    func readClock() -> Int64 {
        nowMillis = clock()
        return nowMillis
    }

    // MARK: Connections

    func connectionOpened(_ connection: GRPCConnection) {
        eventLoop.assertInEventLoop()
        connections[connection.id] = connection
    }

    func connectionClosed(_ connection: GRPCConnection) {
        connections[connection.id] = nil
        if isDraining && connections.isEmpty { drained?.succeed() }
    }

    // MARK: Flushing

    /// Has `connection` written in this tick's pass, after all events read in it.
    func enqueueFlush(_ connection: GRPCConnection) {
        eventLoop.assertInEventLoop()
        dirty.append(connection)
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        eventLoop.execute { self.flushDirty() }
    }

    private func flushDirty() {
        isFlushScheduled = false
        // What ends in this pass ends now, however long ago the last bytes came in.
        readClock()
        var batch = ContiguousArray<GRPCConnection>()
        swap(&batch, &dirty)
        for connection in batch { connection.flush() }
        // Keep the larger array's memory for the next tick unless new entries came.
        if dirty.isEmpty {
            batch.removeAll(keepingCapacity: true)
            swap(&batch, &dirty)
        }
    }

    // MARK: Timers

    func setTimer(of call: GRPCCall, at deadlineMillis: Int64) {
        call.timer = callTimers.insert(call, deadlineMillis: deadlineMillis)
        if deadlineMillis < wakeMillis { scheduleWake() }
    }

    func clearTimer(of call: GRPCCall) {
        guard let timer = call.timer else { return }
        call.timer = nil
        callTimers.remove(timer)
    }

    func setTimer(of connection: GRPCConnection, at deadlineMillis: Int64) {
        clearTimer(of: connection)
        connection.timer = connectionTimers.insert(connection, deadlineMillis: deadlineMillis)
        if deadlineMillis < wakeMillis { scheduleWake() }
    }

    func clearTimer(of connection: GRPCConnection) {
        guard let timer = connection.timer else { return }
        connection.timer = nil
        connectionTimers.remove(timer)
    }

    /// One scheduled task serves all timers; it is only ever moved earlier, a late one looks again.
    private func scheduleWake() {
        let next = [callTimers.nextWakeMillis, connectionTimers.nextWakeMillis].compactMap { $0 }.min()
        guard let next else {
            wake?.cancel()
            wake = nil
            wakeMillis = .max
            return
        }
        guard next < wakeMillis else { return }
        wake?.cancel()
        wakeMillis = next
        wake = eventLoop.scheduleTask(in: .milliseconds(max(0, next - nowMillis))) { self.timersDue() }
    }

    private func timersDue() {
        let now = readClock()
        wakeMillis = .max
        wake = nil
        let calls = callTimers.advance(nowMillis: now)
        let due = connectionTimers.advance(nowMillis: now)
        for call in calls { call.timer = nil }
        for connection in due { connection.timer = nil }
        for call in calls where call.stream != nil { call.connection.deadlineReached(call) }
        for connection in due { connection.timerFired(nowMillis: now) }
        scheduleWake()
    }

    // MARK: End

    /// Announces the end to clients and service; the future completes when the last connection has closed.
    func beginDrain() -> EventLoopFuture<Void> {
        eventLoop.assertInEventLoop()
        if let drained { return drained.futureResult }
        let promise = eventLoop.makePromise(of: Void.self)
        drained = promise
        isDraining = true
        readClock()
        service.drain()
        for connection in connections.values { connection.beginDrain() }
        if connections.isEmpty { promise.succeed() }
        return promise.futureResult
    }

    /// Ends the calls that are left and closes every connection.
    func closeAll() {
        eventLoop.assertInEventLoop()
        for connection in connections.values { connection.endNow() }
    }
}
