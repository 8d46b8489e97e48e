import NIOCore

/// Drives one load: producers by their schedules, consumers as they go, and measures. Bound to one event loop, which is
/// the program's only busy thread; it never waits.
///
/// Time is nanoseconds since 1970, so that latencies from producer to consumer make sense between programs.
final class LoadRun: ReceiveSink {
    private struct Producer {
        let sender: any MessageSender
        var schedule: SendSchedule
        var nextSequence: UInt64 = 0
        var isPumpBooked = false
    }

    private let settings: LoadSettings
    private let loop: any EventLoop
    private let nowNanos: () -> UInt64
    private let progress: (String) -> Void
    private let runID: UInt64
    private let filler: ByteBuffer
    private let measureFrom: UInt64
    private let measureUntil: UInt64
    private let drainUntil: UInt64
    private var producers: [Producer] = []
    private let receivers: [any MessageReceiver]
    private let done: EventLoopPromise<LoadReport>
    private var sends = FlowMeter()
    private var receives = FlowMeter()
    private var audit: DeliveryAudit
    private var servers: ServerMeters
    private var ticker: RepeatedTask?
    private var isMeasuringOver = false
    private var isFinished = false

    /// Sends that fail are followed by a pause, so that a dead server does not spin the loop.
    private static let failurePauseMillis: Int64 = 2
    /// Messages that are due closer together leave in steps of this, as from other load generators: with a timer for each,
    /// load and servers were woken so often at 20,000 a second that both cores were busy, and latency was no better. It
    /// counts from the planned times still.
    private static let stepNanos: UInt64 = 1_000_000

    init(
        settings: LoadSettings, senders: [any MessageSender], receivers: [any MessageReceiver], runID: UInt64,
        loop: any EventLoop, nowNanos: @escaping () -> UInt64, progress: @escaping (String) -> Void
    ) {
        self.settings = settings
        self.loop = loop
        self.nowNanos = nowNanos
        self.progress = progress
        self.runID = runID
        self.receivers = receivers
        filler = ByteBuffer(repeating: UInt8(ascii: "x"), count: settings.messageBytes)
        let start = nowNanos()
        measureFrom = start + UInt64(settings.warmUpMillis) * 1_000_000
        measureUntil = measureFrom + UInt64(settings.durationMillis) * 1_000_000
        drainUntil = measureUntil + UInt64(settings.drainMillis + settings.delayMillis) * 1_000_000
        audit = DeliveryAudit(run: settings.work == .endToEnd ? runID : nil)
        servers = ServerMeters(settings.meters)
        done = loop.makePromise(of: LoadReport.self)
        let interval = settings.ratePerSecond.map { UInt64(1e9 * Double(senders.count) / $0) }
        let isDense = (settings.ratePerSecond ?? 0) > 1e9 / Double(Self.stepNanos)
        for (index, sender) in senders.enumerated() {
            // Producers at a fixed rate take turns instead of sending in step.
            let shift = (interval ?? 0) * UInt64(index) / UInt64(senders.count)
            producers.append(
                Producer(
                    sender: sender,
                    schedule: SendSchedule(
                        startNanos: start + shift, endNanos: measureUntil, intervalNanos: interval,
                        windowMax: settings.inFlight, stepNanos: isDense ? Self.stepNanos : 0)))
        }
    }

    /// Runs to the end.
    func start() -> EventLoopFuture<LoadReport> {
        for receiver in receivers { receiver.start(self) }
        for index in producers.indices { pump(index) }
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: .nanoseconds(Int64(clamping: measureFrom - min(measureFrom, nowNanos())))) {
            bound.value.beginMeasuring()
        }
        loop.scheduleTask(in: .nanoseconds(Int64(clamping: measureUntil - min(measureUntil, nowNanos())))) {
            bound.value.endMeasuring()
            bound.value.finishIfDrained()
        }
        loop.scheduleTask(in: .nanoseconds(Int64(clamping: drainUntil - min(drainUntil, nowNanos())))) {
            bound.value.finish()
        }
        ticker = loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in bound.value.tick() }
        return done.futureResult
    }

    // MARK: Sending

    private func pump(_ index: Int) {
        producers[index].isPumpBooked = false
        while !isFinished {
            let now = nowNanos()
            switch producers[index].schedule.next(nowNanos: now) {
            case .send(let planned): send(index, plannedNanos: planned)
            case .waitUntil(let nanos): return bookPump(index, inNanos: Int64(nanos - now))
            case .waitForAnswer: return
            case .finished: return finishIfDrained()
            }
            if producers[index].isPumpBooked { return }
        }
    }

    private func bookPump(_ index: Int, inNanos nanos: Int64) {
        guard !producers[index].isPumpBooked else { return }
        producers[index].isPumpBooked = true
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: .nanoseconds(nanos)) { bound.value.pump(index) }
    }

    private func send(_ index: Int, plannedNanos: UInt64) {
        let sequence = producers[index].nextSequence
        producers[index].nextSequence += 1
        let turn = Int(truncatingIfNeeded: sequence) &* producers.count &+ index
        let stamp = MessageStamp(
            run: runID, producer: UInt16(index), sequence: sequence, plannedNanos: plannedNanos)
        let topicIndex = turn % settings.topics.count
        let message = OutgoingMessage(
            topic: settings.topics[topicIndex], topicIndex: topicIndex, stamp: stamp,
            fifoGroup: settings.fifoGroups > 0 ? turn % settings.fifoGroups : nil,
            deliveryMillis: settings.delayMillis > 0 ? Int64(nowNanos() / 1_000_000) + settings.delayMillis : nil,
            body: stamp.body(size: settings.messageBytes, filler: filler))
        producers[index].sender.send(message) { [self] failure in answered(index, stamp, failure) }
    }

    private func answered(_ index: Int, _ stamp: MessageStamp, _ failure: String?) {
        producers[index].schedule.answered()
        let now = nowNanos()
        if let failure {
            if isMeasured(stamp) { sends.latency.failed(failure) }
            return bookPump(index, inNanos: Self.failurePauseMillis * 1_000_000)
        }
        audit.acknowledged(producer: stamp.producer, sequence: stamp.sequence)
        if isMeasured(stamp) { sends.latency.record(nanos: now - min(now, stamp.plannedNanos)) }
        sends.count(at: now, from: measureFrom, until: measureUntil)
        if !producers[index].isPumpBooked { pump(index) }
    }

    private func isMeasured(_ stamp: MessageStamp) -> Bool { stamp.plannedNanos >= measureFrom }

    // MARK: Receiving

    func received(_ body: ByteBuffer) {
        let now = nowNanos()
        let stamp = MessageStamp(body)
        if audit.received(stamp), let stamp {
            // A consumer alone reads what was sent long before: there the latency is the message's age.
            if settings.work == .consume || isMeasured(stamp) {
                receives.latency.record(nanos: now - min(now, stamp.plannedNanos))
            }
        }
        receives.count(at: now, from: measureFrom, until: measureUntil)
        if now >= measureUntil { finishIfDrained() }
    }

    func receiveFailed(_ code: String) {
        if !isFinished { receives.latency.failed(code) }
    }

    // MARK: Time

    private func beginMeasuring() {
        if settings.work == .consume { receives.latency.restart() }
        servers.begin()
    }

    private func endMeasuring() {
        if !isMeasuringOver { servers.end() }
        isMeasuringOver = true
    }

    private func tick() {
        var parts: [String] = []
        if settings.sends { parts.append("sent " + sends.takeProgress()) }
        if settings.receives { parts.append("received " + receives.takeProgress()) }
        let now = nowNanos()
        let phase = now < measureFrom ? "warm-up" : now < measureUntil ? "measuring" : "draining"
        progress("\(phase): " + parts.joined(separator: "; "))
    }

    private func finishIfDrained() {
        guard !isFinished, nowNanos() >= measureUntil else { return }
        // Whoever notices first that the time is over; the timer may be late.
        endMeasuring()
        guard producers.allSatisfy({ $0.schedule.inFlightCount == 0 }) else {
            return
        }
        if settings.work == .endToEnd {
            guard audit.receivedCount >= sends.total, audit.outstandingCount == 0 else { return }
        }
        finish()
    }

    private func finish() {
        guard !isFinished else { return }
        isFinished = true
        ticker?.cancel()
        for receiver in receivers { receiver.stop() }
        for producer in producers { producer.sender.close() }
        let seconds = Double(settings.durationMillis) / 1_000
        let messages = settings.work == .produce ? sends.measured : receives.measured
        done.succeed(
            LoadReport(
                settings: settings, seconds: seconds,
                sends: settings.sends ? sends.flow(seconds, settings.messageBytes) : nil,
                receives: settings.receives ? receives.flow(seconds, settings.messageBytes) : nil,
                audit: audit.result, servers: servers.costs(messages: messages)))
    }
}
