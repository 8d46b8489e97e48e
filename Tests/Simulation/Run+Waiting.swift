import BrokerServer
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import StorageEngine

/// Delayed messages and transactions: none is lost, none delayed is early, and each transaction ends once, as decided.
extension Run {
    /// One operation on messages that wait, chosen by the seed.
    func stepWaiting() throws {
        switch random.below(100) {
        case ..<22: try sendDelayed()
        case ..<24: try recall()
        case ..<44: try prepare()
        case ..<62: try endTransaction()
        case ..<70: try answerQuestion()
        case ..<88: try deliverDelayed()
        default: try lookAtTransactions()
        }
    }

    private func services() throws -> WaitingServices {
        guard let services = try world.waiting else { throw Violation("the workload has no waiting messages") }
        return services
    }

    /// What the threads of a broker do again and again.
    func workOnWaiting() throws {
        try flush()
        try dispatch()
        try deliverDelayed()
        try lookAtTransactions()
        try flush()
        try dispatch()
    }

    private func deliverDelayed() throws {
        let pause = try services().delay.pass()
        trace.note("delayed pass \(pause.map(String.init) ?? "-")")
        try collect()
    }

    private func lookAtTransactions() throws {
        _ = try services().transactions.tick()
        trace.note("transactions \(try services().transactions.openCount) open")
        try collect()
    }

    // MARK: Producers

    private func sendDelayed() throws {
        let (id, now) = (model.waiting.count, clock.nowMillis)
        let message: WaitingMessage
        if random.happens(percent: 50) {
            let level = random.below(WaitingServices.levels.count)
            message = .delayed(
                id, level: level + 1, dueMillis: now + WaitingServices.levels[level], nowMillis: now)
        } else {
            let most = random.happens(percent: 10) ? Self.longDelayMillis : 60_000
            message = .delayed(id, level: nil, dueMillis: now + 1 + Int64(random.below(most)), nowMillis: now)
        }
        model.waiting.append(message)
        trace.note("send delayed \(id) to \(message.stored.topic)")
        let keep = keeper()
        try world.store.append(message.stored) { keep(.waits(id: id, $0)) }
        try collect()
    }

    /// Takes a message back that waits for a time, and has the broker read the order.
    private func recall() throws {
        let now = clock.nowMillis
        let known = model.waiting.indices.filter { id in
            guard case .delayed(let dueMillis) = model.waiting[id].kind, dueMillis > now else { return false }
            return model.waiting[id].fate == .accepted && model.waiting[id].stored.topic == NameRules.timerTopic
        }
        guard !known.isEmpty else { return }
        let id = choose(known)
        guard case .delayed(let dueMillis) = model.waiting[id].kind else { return }
        model.waiting[id].isRecallAsked = true
        let faults = disk.injectedCount
        let isStored = NIOLockedValueBox(false)
        try world.store.append(WaitingMessage.recall(id, dueMillis: dueMillis, nowMillis: now)) { outcome in
            if case .stored = outcome { isStored.withLockedValue { $0 = true } }
        }
        try flush()
        while try world.store.dispatchStep() {}
        try deliverDelayed()
        guard isStored.withLockedValue({ $0 }), try !world.isFenced, disk.injectedCount == faults else {
            return trace.note("recall \(id) perhaps")
        }
        trace.note("recalled \(id)")
        model.waiting[id].isRecalled = true
    }

    private func prepare() throws {
        let id = model.waiting.count
        let decisions: [EndTransaction.Decision?] = [.commit, .commit, .commit, .rollback, .rollback, nil]
        let message = WaitingMessage.half(id, choose(decisions), nowMillis: clock.nowMillis)
        model.waiting.append(message)
        trace.note("prepare \(id)")
        let keep = keeper()
        do throws(ServiceError) {
            try transactions().prepare(message.stored) { keep(.waits(id: id, $0)) }
        } catch {
            throw Violation("half message \(id) was refused: \(error)")
        }
        try collect()
    }

    /// The transactions, for places that throw service errors only.
    private func transactions() throws(ServiceError) -> TransactionService {
        guard let services = try? services() else {
            throw ServiceError(code: .systemError, message: "no process runs")
        }
        return services.transactions
    }

    /// The producer says how a transaction ended, again perhaps.
    private func endTransaction() throws {
        let known = model.waiting.indices.filter { id in
            guard case .half(.some) = model.waiting[id].kind else { return false }
            return model.waiting[id].fate == .accepted && !model.waiting[id].isGone
        }
        guard !known.isEmpty else { return }
        let id = choose(Array(known.suffix(8)))
        try end(id, model.waiting[id].queueOffset, model.waiting[id].logOffset, isAnswer: false)
    }

    private func answerQuestion() throws {
        guard !questions.isEmpty else { return }
        try answer(questions.remove(at: random.below(questions.count)))
    }

    private func answer(_ check: TransactionCheck) throws {
        guard let id = Int(check.messageID), model.waiting.indices.contains(id) else {
            throw Violation("a transaction was asked about that nobody began: \(check.messageID)")
        }
        try end(id, check.queueOffset, check.logOffset, isAnswer: true)
    }

    private func end(_ id: Int, _ queueOffset: Int64, _ logOffset: Int64, isAnswer: Bool) throws {
        guard case .half(let decision) = model.waiting[id].kind else {
            throw Violation("a transaction was asked about that is none: \(id)")
        }
        guard let decision else { return }
        model.waiting[id].isEndAsked = true
        trace.note("end \(id) \(decision) at \(queueOffset)\(isAnswer ? ", asked" : "")")
        let request = EndTransaction(
            decision, producerGroup: WaitingServices.group, queueOffset: queueOffset, logOffset: logOffset,
            isAnswerToCheck: isAnswer)
        let keep = keeper()
        try services().transactions.end(request) { result in
            if case .failure(let error) = result { keep(.ended(id: id, error)) } else { keep(.ended(id: id, nil)) }
        }
        try collect()
    }

    // MARK: Answers

    func checkWaits(_ id: Int, _ outcome: AppendOutcome) {
        switch outcome {
        case .stored(let receipt):
            trace.note("waits \(id) at \(receipt.queueOffset)")
            model.waiting[id].fate = .accepted
            model.waiting[id].queueOffset = receipt.queueOffset
            model.waiting[id].logOffset = receipt.logOffset
            if isSynchronous { model.waiting[id].isDurable = true }
        case .failed(let error): trace.note("does not wait \(id): \(error.code.rawValue)")
        }
    }

    func checkEnded(_ id: Int, _ error: ServiceError?) {
        trace.note("ended \(id): \(error?.message ?? "OK")")
        guard error == nil else { return }
        model.waiting[id].isEnded = true
        if isSynchronous { model.waiting[id].isEndDurable = true }
    }

    // MARK: Looks

    /// Looks at the copies of messages that waited, and notes those that only retention may take any more.
    func noteDelivered() throws {
        guard simulation.workload == .waiting, !disk.hasLostPower else { return }
        disk.heal()
        while try world.store.dispatchStep() {}
        let flushed = try world.store.flushedLogOffset
        try readAll(WaitingServices.delayedTopic, 0) { record, _ in
            let id = try identifyWaiting(record)
            guard case .delayed(let dueMillis) = model.waiting[id].kind else {
                throw Violation("message \(id) was delivered as a delayed one")
            }
            guard record.storeTimestampMillis >= dueMillis else {
                throw Violation("delayed message \(id) came \(dueMillis - record.storeTimestampMillis) ms early")
            }
            guard !model.waiting[id].isRecalled else {
                throw Violation("delayed message \(id) was delivered, but taken back")
            }
            if record.logOffset < flushed { model.waiting[id].isDelivered = true }
        }
        var committed: Set<Int> = []
        try readAll(WaitingServices.transactionTopic, 0) { record, _ in
            let id = try identifyWaiting(record)
            guard case .half(.commit) = model.waiting[id].kind, model.waiting[id].isEndAsked else {
                throw Violation("transaction \(id) was delivered, but not committed")
            }
            guard committed.insert(id).inserted else { throw Violation("transaction \(id) was delivered twice") }
            if record.logOffset < flushed { model.waiting[id].isDelivered = true }
        }
        try readAll("TRANS_CHECK_MAX_TIME_TOPIC", 0) { record, _ in
            let id = try identifyWaiting(record)
            guard !committed.contains(id), !model.waiting[id].isEndDurable else {
                throw Violation("transaction \(id) was given up, but had ended")
            }
            if record.logOffset < flushed { model.waiting[id].isGivenUp = true }
        }
    }

    private func identifyWaiting(_ record: MessageRecord) throws -> Int {
        guard let id = record.property("UNIQ_KEY").flatMap({ Int($0) }), model.waiting.indices.contains(id),
            record.body == model.waiting[id].stored.body
        else { throw Violation("\(record.topic)@\(record.queueOffset) holds a message that nobody sent") }
        return id
    }

    /// After a start: what is on the disk still waits, and what producers were told to have ended has.
    func checkWaiting(afterPowerLoss: Bool) throws {
        guard simulation.workload == .waiting else { return }
        disk.heal()
        let store = try world.store
        for id in model.waiting.indices where model.waiting[id].fate == .accepted && !model.waiting[id].isGone {
            if try isThere(id) {
                model.waiting[id].isDurable = true
            } else if store.minLogOffset > model.waiting[id].logOffset
                || afterPowerLoss && !model.waiting[id].isDurable
            {
                trace.note("lost waiting \(id)")
                model.waiting[id].isGone = true
            } else {
                throw Violation("waiting message \(id), answered OK at \(model.waiting[id].logOffset), is lost")
            }
            if afterPowerLoss {
                model.waiting[id].isEnded = model.waiting[id].isEndDurable
            } else {
                model.waiting[id].isEndDurable = model.waiting[id].isEnded
            }
        }
        try noteDelivered()
        for id in model.waiting.indices where model.waiting[id].isEndDurable && !model.waiting[id].isGone {
            guard case .half(.commit) = model.waiting[id].kind, !model.waiting[id].isDelivered else { continue }
            throw Violation("transaction \(id) was committed, but its message is lost")
        }
    }

    private func isThere(_ id: Int) throws -> Bool {
        var buffer = ByteBuffer()
        guard try world.store.checkedRecord(logOffset: model.waiting[id].logOffset, into: &buffer),
            let record = try? MessageRecord(buffer)
        else { return false }
        return record.property("UNIQ_KEY") == "\(id)" && record.queueOffset == model.waiting[id].queueOffset
    }

    // MARK: The end

    /// The longest wait of the few that wait for long.
    private static var longDelayMillis: Int { 60 * 3_600_000 }

    /// With a disk that works, everything is delivered or given up.
    func finishWaiting() throws {
        guard simulation.workload == .waiting else { return }
        for round in 0..<90 {
            try workOnWaiting()
            while let check = questions.popLast() { try answer(check) }
            try advance(round < 30 ? 15_000 : 3_600_000)
        }
        try workOnWaiting()
        try noteDelivered()
        for (id, message) in model.waiting.enumerated()
        where message.fate == .accepted && message.isDurable && !message.isGone {
            let isKept: Bool
            switch message.kind {
            case .delayed: isKept = message.isDelivered || message.isRecallAsked
            case .half(.commit): isKept = message.isDelivered || message.isGivenUp && !message.isEndDurable
            case .half(.rollback): isKept = message.isEndAsked || message.isGivenUp
            case .half(nil): isKept = message.isGivenUp
            }
            guard isKept else { throw Violation("waiting message \(id) was never delivered: \(message.kind)") }
        }
        let open = try services().transactions.openCount
        guard open == 0 else { throw Violation("\(open) transactions are never decided") }
    }
}
