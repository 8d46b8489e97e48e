import BrokerServer
import InMemoryFileSystem
import MessageModel
import NIOCore
import StorageEngine

extension Run {
    /// One operation, chosen by the seed, and what follows from it.
    func step() throws {
        if simulation.workload == .waiting, random.happens(percent: 35) {
            try stepWaiting()
        } else {
            try stepDelivery()
        }
        try collect()
        if disk.hasLostPower {
            try restart(.powerLoss)
        } else if try world.isFenced, random.happens(percent: 15) {
            try restart(choose([.clean, .kill, .powerLoss]))
        }
    }

    private func stepDelivery() throws {
        let chance = random.below(1_040)
        switch chance {
        case ..<190: try send(to: choose(queues))
        case ..<310: try flush()
        case ..<420: try dispatch()
        case ..<440: try keepHouse()
        case ..<590: try pop()
        case ..<710: try acknowledge()
        case ..<740: try changeInvisible()
        case ..<790: try pull()
        case ..<805: try commit()
        case ..<880: try advance(Int64(random.below(400)))
        case ..<930: try flushJournal()
        case ..<938: try advance(Int64(5_000 + random.below(40_000)))
        case ..<942: try letTimePass()
        case ..<952: disk.writeBack()
        case ..<962: try restart(.clean)
        case ..<974: try restart(.kill)
        case ..<984: try restart(.powerLoss)
        case ..<993: injectFault(passingMax: 20)
        case ..<1_000: fillDisk()
        case ..<1_030: try send(to: choose(deletedQueues))
        default: try deleteTopic()
        }
    }

    // MARK: Store

    private func send(to queue: ShadowModel.Queue) throws {
        let world = try world
        let count = random.happens(percent: 25) ? 1 + random.below(5) : 1
        var ids: [Int] = []
        var messages: [StoreMessage] = []
        for _ in 0..<count {
            let id = model.sent.count
            ids.append(id)
            let sent = makeMessage(id, queue)
            model.sent.append(sent)
            messages.append(
                StoreMessage(
                    topic: queue.topic, queueId: queue.queueID, bornTimestampMillis: clock.nowMillis,
                    bornHost: SocketHost(bytes: [10, 0, 0, 1], port: 1),
                    storeHost: SocketHost(bytes: [127, 0, 0, 1], port: 10_911), properties: sent.properties,
                    body: sent.body))
        }
        counts.sent += count
        trace.note("send \(ids) to \(queue)")
        let made = ids
        world.store.appendBatch(messages, completion: recorder { .sent(ids: made, $0) })
        if simulation.breakage == .ackEarly { world.store.acknowledgeUnflushed() }
        try collect()
    }

    private func makeMessage(_ id: Int, _ queue: ShadowModel.Queue) -> ShadowModel.Sent {
        let length = random.happens(percent: 15) ? random.below(7_000) : random.below(400)
        let padding = random.happens(percent: 15) ? random.below(2_000) : random.below(60)
        let messageGroup = random.below(3)
        var body = ByteBuffer(string: "\(id):")
        body.writeRepeatingByte(UInt8(id % 250 + 1), count: length)
        var properties = ByteBuffer(string: "UNIQ_KEY\u{1}\(id)\u{2}__SHARDINGKEY\u{1}\(messageGroup)\u{2}PAD\u{1}x")
        properties.writeRepeatingByte(UInt8(ascii: "a") + UInt8(id % 26), count: padding)
        return ShadowModel.Sent(queue: queue, body: body, properties: properties, messageGroup: messageGroup)
    }

    /// Deletes a topic, which the next message makes again. When that fails nobody knows whether it happened; the operator
    /// starts the broker again.
    private func deleteTopic() throws {
        // Answers that are still to come would be of another life.
        if isSynchronous { try flush() }
        let world = try world
        guard !world.isFenced, !disk.hasLostPower else { return }
        do {
            try world.store.deleteTopic(World.deletedTopic.name)
        } catch {
            trace.note("topic not deleted: \(error.code.rawValue)")
            model.deleted(World.deletedTopic.name, perhaps: true)
            return try restart(.kill)
        }
        trace.note("topic deleted")
        model.deleted(World.deletedTopic.name, perhaps: false)
    }

    func flush() throws {
        let world = try world
        world.store.flushStep()
        try collect()
        guard !world.isFenced, !disk.hasLostPower else { return trace.note("flush failed") }
        model.didFlushLog()
    }

    func dispatch() throws {
        let hasWork = try world.store.dispatchStep()
        trace.note("dispatch \(hasWork)")
        try collect()
    }

    func keepHouse() throws {
        let world = try world
        try noteDelivered()
        let before = world.store.minLogOffset
        let isKept = world.store.housekeepingStep()
        trace.note("housekeeping \(isKept)")
        try collect()
        try checkRetention(from: before)
    }

    // MARK: Time

    func advance(_ millis: Int64) throws {
        clock.advance(millis)
        trace.note("time +\(millis)")
        try world.delivery.fireTimers()
        try collect()
    }

    /// Hours in which nothing happens but what recurs: the journal is written, then old files go.
    private func letTimePass() throws {
        try flushJournal()
        try dispatch()
        let hours = 1 + random.below(40)
        if simulation.workload == .waiting {
            for _ in 0..<hours {
                try advance(3_600_000)
                try workOnWaiting()
            }
        } else {
            try advance(Int64(3_600_000 * hours))
        }
        try flushJournal()
        try flush()
        try dispatch()
        try keepHouse()
        try flushJournal()
    }

    func flushJournal() throws {
        let isWritten = try world.flushJournal()
        trace.note("journal \(isWritten)")
        try collect()
        if isWritten { model.didJournal(isDurable: isSynchronous) }
    }

    // MARK: Faults

    func injectFault(passingMax: Int) {
        let operation = choose(DiskFault.Operation.allCases)
        let effect: DiskFault.Effect =
            switch random.below(10) {
            case ..<3: .partly(random.below(256))
            case ..<5: operation == .read || operation == .list ? .inputOutput : .powerLoss
            case 5: operation == .write || operation == .create ? .noSpace : .inputOutput
            default: .inputOutput
            }
        let path = choose(["", "", "commitlog", "consumequeue", "config", "checkpoint"])
        let fault = DiskFault(
            operation, path: path, passing: random.below(passingMax), effect: effect,
            isLasting: random.happens(percent: 10))
        trace.note("fault \(operation.rawValue) \(path) \(fault.passing) \(effect) \(fault.isLasting)")
        disk.inject(fault)
    }

    private func fillDisk() {
        isFull.toggle()
        let free = Int64(random.below(200_000))
        trace.note("disk \(isFull ? "full but for \(free)" : "has room")")
        let used = disk.usedBytes
        disk.occupy(bytes: isFull ? max(0, disk.capacityBytes - used - free) : 0)
    }
}
