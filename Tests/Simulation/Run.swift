import BrokerServer
import InMemoryFileSystem
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import StorageEngine

/// A run under way: the process, its disk, the model and the choices.
final class Run {
    enum Event: Sendable {
        case sent(ids: [Int], AppendOutcome)
        case popped(PopTicket, PopOutcome)
        /// A message that waits was stored, or not.
        case waits(id: Int, AppendOutcome)
        case ended(id: Int, ServiceError?)
        case asked(TransactionCheck)
    }

    /// Who popped.
    struct PopTicket: Sendable {
        let group: String
        let topic: String
        let isOrdered: Bool
        /// The client's name for the attempt: the same one may have the same batch again.
        let attemptID: String?
    }

    struct Handle {
        let id: Int
        let ticket: PopTicket
        let queueID: Int32
        let offset: Int64
        let popMillis: Int64
        /// The process that gave it out.
        let life: Int
    }

    let simulation: Simulation
    var configuration = WorldConfiguration()
    let clock = SimulatedClock()
    var random: SeededGenerator
    var disk: InMemoryFileSystem
    var model = ShadowModel()
    var trace = Trace()
    var counts = SimulationResult.Counts()
    var handles: [Handle] = []
    /// Offsets that the pulling group may have committed, by queue, as far as the file goes.
    var commits: [ShadowModel.Queue: [Int64?]] = [:]
    /// Questions about transactions that this process asked.
    var questions: [TransactionCheck] = []
    /// Processes so far.
    var life = 0
    private var running: World?
    private let events = NIOLockedValueBox<[Event]>([])

    static let attemptsMax = World.retryMaxTimes + 1

    init(_ simulation: Simulation) {
        self.simulation = simulation
        var random = SeededGenerator(seed: simulation.seed)
        let clock = clock
        disk = InMemoryFileSystem(capacityBytes: 8 << 20, seed: random.next(), nowMillis: { clock.nowMillis })
        configuration.store.commitLogFileBytes = 65_536 * (1 + random.below(2))
        // The log never grows fast here, but what is done then is to be tried. By no random number: the seeds that once
        // found something are to stay what they were.
        configuration.store.fastLogBytesPerSecond = [1, 3].contains(simulation.seed % 10) ? 0 : .max
        configuration.store.consumeQueueFileBytes = 20 * (20 + random.below(60))
        configuration.store.flushMode =
            simulation.breakage == .ackEarly || random.happens(percent: 50)
            ? .synchronous : .asynchronous
        configuration.store.messageBytesMax = 16_384
        configuration.store.indexSlotCount = 50
        configuration.store.indexEntryCount = 100
        configuration.store.retentionHours = 24
        configuration.store.deleteHours = (0..<24).map(String.init).joined(separator: ";")
        // Not drawn, so that seeds keep their other choices.
        configuration.store.keptQueueUnitsMax = [0, 8, 1 << 18][Int(simulation.seed % 3)]
        configuration.store.queueWritesPerRound = [0, 1, 4_096][Int(simulation.seed / 3 % 3)]
        configuration.store.keptQueueLogBytesMax = [0, 20_000, 1 << 30][Int(simulation.seed / 9 % 3)]
        configuration.hasWaiting = simulation.workload == .waiting
        configuration.checksTail = simulation.breakage != .skipTailCheck
        configuration.delivery.snapshotBytesMax = random.happens(percent: 50) ? 600 : 1 << 20
        configuration.delivery.snapshotIntervalMillis = 10_000
        if random.happens(percent: 30) {
            configuration.delivery.ledger.inFlightMax = 20
            configuration.delivery.ledger.offsetSpanMax = 50
        }
        self.random = random
        for topic in World.topics {
            for queueID in 0..<topic.queueCount {
                commits[ShadowModel.Queue(topic: topic.name, queueID: queueID)] = [nil]
            }
        }
    }

    var isSynchronous: Bool { configuration.store.flushMode == .synchronous }

    var world: World {
        get throws {
            guard let running else { throw Violation("no process runs") }
            return running
        }
    }

    /// The queues of the workload, in order.
    var queues: [ShadowModel.Queue] { commits.keys.sorted() }

    /// The queues that are deleted and made again.
    let deletedQueues = (0..<World.deletedTopic.queueCount).map {
        ShadowModel.Queue(topic: World.deletedTopic.name, queueID: $0)
    }

    func choose<Element>(_ elements: [Element]) -> Element {
        elements[random.below(elements.count)]
    }

    // MARK: Events

    /// Keeps what a completion delivers until the step ends; what comes after the power is gone reaches nobody.
    func recorder(_ makeEvent: @escaping @Sendable (AppendOutcome) -> Event) -> @Sendable (AppendOutcome) -> Void {
        { [events, disk] outcome in
            if !disk.hasLostPower { events.withLockedValue { $0.append(makeEvent(outcome)) } }
        }
    }

    /// Keeps what happens outside of answers to sends and pops.
    func keeper() -> @Sendable (Event) -> Void {
        { [events, disk] event in
            if !disk.hasLostPower { events.withLockedValue { $0.append(event) } }
        }
    }

    func popRecorder(_ ticket: PopTicket) -> @Sendable (PopOutcome) -> Void {
        { [events, disk] outcome in
            if !disk.hasLostPower { events.withLockedValue { $0.append(.popped(ticket, outcome)) } }
        }
    }

    /// Looks at everything that clients were told in this step.
    func collect() throws {
        let taken = events.withLockedValue { events in
            defer { events = [] }
            return events
        }
        for event in taken {
            switch event {
            case .sent(let ids, let outcome): try checkSent(ids, outcome)
            case .popped(let ticket, let outcome): try checkPopped(ticket, outcome)
            case .waits(let id, let outcome): checkWaits(id, outcome)
            case .ended(let id, let error): checkEnded(id, error)
            case .asked(let check): questions.append(check)
            }
        }
    }

    // MARK: Life of a process

    enum Ending: String {
        case clean, kill, powerLoss
    }

    func start() throws {
        try disk.makeDirectories(World.root)
        try disk.synchronizeDirectory("/")
        trace.note("start \(configuration.store.flushMode.rawValue)")
        try launch()
    }

    private func launch() throws {
        let keep = keeper()
        running = try World(configuration, files: disk, clock: clock) { keep(.asked($0)) }
    }

    /// Ends the process in some way, has the next one recover, and looks at what it found.
    func restart(_ wanted: Ending) throws {
        counts.restarts += 1
        life += 1
        var ending = wanted
        if ending == .clean, try !closeCleanly() { ending = .kill }
        if disk.hasLostPower { ending = .powerLoss }
        trace.note("restart \(wanted.rawValue) as \(ending.rawValue)")
        try collect()
        handles.removeAll { $0.life < life - 3 }
        questions = []
        switch ending {
        case .clean:
            model.didFlushLog()
            model.didJournal(isDurable: true)
        case .kill: disk = disk.afterKill()
        case .powerLoss: disk = disk.afterPowerLoss()
        }
        model.crashed(losesPower: ending == .powerLoss)
        running = nil
        // A start takes time; a handle from before it is told by that.
        clock.advance(1 + Int64(random.below(100)))
        var losesPower = ending == .powerLoss
        try open(&losesPower)
        try checkEverything(afterPowerLoss: losesPower)
        try checkWaiting(afterPowerLoss: losesPower)
    }

    /// Whether all was saved.
    private func closeCleanly() throws -> Bool {
        let world = try world
        let faults = disk.injectedCount
        do {
            let isSaved = try world.close()
            try collect()
            guard isSaved else { return false }
        } catch let violation as Violation {
            throw violation
        } catch {
            trace.note("close failed: \(error)")
            return false
        }
        // Without room for their file the offsets stay as they were.
        guard !isFull, disk.injectedCount == faults else { return true }
        for queue in queues { commits[queue] = commits[queue]?.suffix(1) }
        return true
    }

    /// Starts, perhaps against failing operations; a start without them must succeed.
    private func open(_ losesPower: inout Bool) throws {
        disk.heal()
        for attempt in 0..<3 {
            if attempt < 2, random.happens(percent: 12) { injectFault(passingMax: 40) }
            if simulation.breakage == .forgetDeletions { try? disk.remove(World.root + "/deletedtopics") }
            do {
                try launch()
                counts.faults += disk.injectedCount
                return
            } catch {
                trace.note("does not start: \(error)")
                guard disk.injectedCount > 0 || attempt == 0 else {
                    throw Violation("the store does not open though the disk works: \(error)")
                }
                counts.faults += disk.injectedCount
                if disk.hasLostPower {
                    disk = disk.afterPowerLoss()
                    losesPower = true
                    model.crashed(losesPower: true)
                } else {
                    guard disk.injectedCount > 0 || isFull else {
                        throw Violation("the store does not open though the disk works: \(error)")
                    }
                    disk = disk.afterKill()
                    disk.occupy(bytes: 0)
                    isFull = false
                }
                disk.heal()
            }
        }
        throw Violation("the store does not open after faults")
    }

    /// Others have filled the disk.
    var isFull = false
}
