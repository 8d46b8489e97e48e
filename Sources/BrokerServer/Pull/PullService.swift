import DeliveryEngine
import Logging
import MessageModel
import NIOCore
import ServerSupport
import StorageEngine
import Synchronization

/// Serves consumers that keep their own position: pull and push clients of 4.x, lite pull, and whoever reads a queue from
/// an offset on.
///
/// A pull that finds nothing waits in a table by queue, and exactly the pulls of a queue are woken when something is
/// appended to it. Calls may come from any thread; answers come on the request's event loop, on the calling thread or,
/// when messages had to be read from the disk, on the thread for that.
package final class PullService: Sendable {
    /// What the service needs to know of the rest of the broker.
    struct Dependencies: Sendable {
        var store: MessageStore
        var topics: TopicRegistry
        var groups: GroupRegistry
        var clients: ClientRegistry
        var delivery: DeliveryService
        var filters: FilterCache
        var savedFilters: SavedFilters
        var isReadable: @Sendable () -> Bool
        /// Reads what is not in memory.
        var coldReader: SerialWorker
        var nowMillis: @Sendable () -> Int64
        var statistics: BrokerStatistics
    }

    let configuration: PullConfiguration
    let dependencies: Dependencies
    /// Positions set by administrators that clients do not know yet.
    package let resets = OffsetResets()
    private let table = PullTable()
    private let timers = DeliveryTimers<Int>(threadName: "pull-timer")
    private let waiterCount = Atomic<Int>(0)
    private let isClosed = Atomic<Bool>(false)

    init(configuration: PullConfiguration, dependencies: Dependencies) {
        self.configuration = configuration
        self.dependencies = dependencies
    }

    /// Requests parked now.
    package var parkedCount: Int { waiterCount.load(ordering: .relaxed) }

    // MARK: Life

    /// Starts the timer's thread.
    func start() -> Bool {
        timers.start(nowMillis: dependencies.nowMillis) { [weak self] in self?.fireTimers() }
    }

    /// Answers whoever waits and ends the threads.
    func close() {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        timers.stop()
        releaseWaiters()
    }

    /// Answers whoever waits, so that connections can drain.
    package func releaseWaiters() {
        let waiters = table.removeAll()
        waiterCount.subtract(waiters.count, ordering: .relaxed)
        for waiter in waiters { goOn(waiter, .last) }
    }

    /// Forgets the resets of a deleted topic, and lets those who wait see that it is gone.
    func topicDeleted(_ topic: String, queueCount: Int32) {
        resets.remove { $0.topic == topic }
        for queueID in 0..<max(0, queueCount) { wake(topic: topic, queueID: queueID) { _ in true } }
    }

    /// Forgets the resets of a deleted group.
    func groupDeleted(_ group: String) {
        resets.remove { $0.group == group }
    }

    // MARK: Pulling

    /// Reads messages, now or when some arrive; the completion runs exactly once.
    package func pull(_ request: PullRequest, completion: @escaping @Sendable (PullAnswer) -> Void) {
        let waiter: PullWaiter
        do throws(PullRefusal) {
            waiter = try check(request, nowMillis: dependencies.nowMillis(), completion)
        } catch {
            return completion(error.answer)
        }
        attempt(waiter, .first)
        if let offset = request.commitOffset, offset >= 0 {
            commit(group: request.group, topic: request.topic, queueID: request.queueID, offset: offset)
        }
    }

    /// Takes a puller's progress in, unless an administrator has just decided otherwise.
    package func commit(group: String, topic: String, queueID: Int32, offset: Int64) {
        guard resets.pending(group: group, topic: topic, queueID: queueID) == nil else { return }
        dependencies.delivery.advanceOffset(group: group, topic: topic, queueID: queueID, offset: offset)
    }

    /// How a look at the queue may end.
    enum Pass: Sendable {
        /// The first: nothing new may park the request; messages that do not pass the filter are told at once.
        case first
        /// Woken: whatever does not pass the filter is passed over, and the request goes on waiting.
        case woken
        /// The time is over: there is an answer in any case.
        case last
    }

    private func attempt(_ waiter: PullWaiter, _ pass: Pass) {
        let request = waiter.request
        if pass != .first, let isAbandoned = request.isAbandoned, isAbandoned() {
            return waiter.completion(.refused(.pullNotFound, "the client is gone"))
        }
        let isCold = dependencies.store.readMayBlock(
            topic: request.topic, queueId: request.queueID, from: waiter.offset, maxCount: maxCount(request),
            maxBytes: maxBytes(request), matching: waiter.filter.tagTest, filters: waiter.filter.recordTest != nil)
        guard isCold else { return serve(waiter, pass) }
        guard dependencies.coldReader.submit({ [self] in serve(waiter, pass) }) else {
            return waiter.completion(.refused(.systemBusy, "too many reads of old messages wait for the disk"))
        }
    }

    private func serve(_ waiter: PullWaiter, _ pass: Pass) {
        let request = waiter.request
        if let offset = resets.take(group: request.group, topic: request.topic, queueID: request.queueID) {
            return waiter.completion(moved(waiter, to: offset))
        }
        var body = ByteBuffer()
        let result = read(waiter, into: &body)
        let code = Self.code(result.status, requestedOffset: waiter.offset)
        if mayWait(code, result, waiter, pass) {
            var waiter = waiter
            waiter.offset = result.nextOffset
            return park(waiter)
        }
        if !result.records.isEmpty {
            dependencies.statistics.countDelivered(
                topic: request.topic, group: request.group, count: result.records.count, bytes: body.readableBytes,
                nowMillis: dependencies.nowMillis())
        }
        waiter.completion(
            PullAnswer(
                code: code, remark: Self.remark(result.status),
                position: position(waiter, nextOffset: result.nextOffset, result.minOffset, result.maxOffset),
                body: result.records.isEmpty ? nil : body, messageCount: result.records.count))
    }

    private func mayWait(_ code: ResponseCode, _ result: ReadResult, _ waiter: PullWaiter, _ pass: Pass) -> Bool {
        switch pass {
        case .first: code == .pullNotFound && waiter.request.suspendMillis > 0
        case .woken: code == .pullNotFound || (code == .pullRetryImmediately && result.nextOffset >= result.maxOffset)
        case .last: false
        }
    }

    /// Reads what passes the filter, over several stretches when the first hold nothing that does.
    private func read(_ waiter: PullWaiter, into body: inout ByteBuffer) -> ReadResult {
        let request = waiter.request
        var from = waiter.offset
        var stretches = 0
        while true {
            let result = dependencies.store.read(
                topic: request.topic, queueId: request.queueID, from: from, maxCount: maxCount(request),
                maxBytes: maxBytes(request), into: &body, matching: waiter.filter.tagTest,
                accepting: waiter.filter.recordTest)
            stretches += 1
            guard result.status == .noMatchedMessage, result.nextOffset > from, result.nextOffset < result.maxOffset,
                stretches < Self.stretchesMax
            else { return result }
            from = result.nextOffset
        }
    }

    private func maxCount(_ request: PullRequest) -> Int { Int(max(1, min(request.maxCount, configuration.countMax))) }

    private func maxBytes(_ request: PullRequest) -> Int {
        max(1, min(request.maxBytes.map(Int.init) ?? .max, configuration.bytesMax))
    }

    /// Stretches read in search of a match before the client has to ask again; each passes over what the store allows.
    private static let stretchesMax = 8

    private func position(
        _ waiter: PullWaiter, nextOffset: Int64, _ minOffset: Int64, _ maxOffset: Int64
    ) -> PullAnswer.Position {
        PullAnswer.Position(
            nextOffset: nextOffset, minOffset: minOffset, maxOffset: maxOffset, topicSysFlag: waiter.topicSysFlag,
            groupSysFlag: waiter.groupSysFlag)
    }

    private func moved(_ waiter: PullWaiter, to offset: Int64) -> PullAnswer {
        let (topic, queueID) = (waiter.request.topic, waiter.request.queueID)
        return PullAnswer(
            code: .pullOffsetMoved, remark: "OFFSET_RESET",
            position: position(
                waiter, nextOffset: offset, dependencies.store.minOffset(topic: topic, queueId: queueID),
                dependencies.store.maxOffset(topic: topic, queueId: queueID)))
    }

    /// Apache's code for what the store found (`consume.md` 1.5).
    static func code(_ status: ReadResult.Status, requestedOffset: Int64) -> ResponseCode {
        switch status {
        case .found: .success
        case .messageWasRemoving, .noMatchedMessage: .pullRetryImmediately
        case .noMatchedLogicQueue, .noMessageInQueue: requestedOffset == 0 ? .pullNotFound : .pullOffsetMoved
        case .offsetFoundNull, .offsetOverflowOne: .pullNotFound
        case .offsetOverflowBadly, .offsetTooSmall: .pullOffsetMoved
        }
    }

    /// A queue of a known topic exists for clients even when nothing was ever stored in it.
    static func remark(_ status: ReadResult.Status) -> String {
        status == .noMatchedLogicQueue ? ReadResult.Status.noMessageInQueue.rawValue : status.rawValue
    }

    // MARK: Waiting

    private func park(_ waiter: PullWaiter) {
        let now = dependencies.nowMillis()
        guard waiter.deadlineMillis > now, !isClosed.load(ordering: .acquiring) else {
            return goOn(waiter, .last)
        }
        guard waiterCount.load(ordering: .relaxed) < configuration.waitersMax, let parked = table.park(waiter) else {
            return waiter.completion(
                .refused(.systemBusy, "\(configuration.waitersMax) requests wait for messages already"))
        }
        waiterCount.add(1, ordering: .relaxed)
        if let timer = parked.timer { timers.schedule(timer.shard, atMillis: timer.millis) }
        // What arrived between the look and the parking woke nobody.
        let request = waiter.request
        let isStale =
            dependencies.store.maxOffset(topic: request.topic, queueId: request.queueID) > waiter.offset
            || resets.pending(group: request.group, topic: request.topic, queueID: request.queueID) != nil
            || isClosed.load(ordering: .acquiring)
        guard isStale, let mine = table.cancel(parked.ticket) else { return }
        waiterCount.subtract(1, ordering: .relaxed)
        goOn(mine, isClosed.load(ordering: .acquiring) ? .last : .woken)
    }

    /// Wakes the pulls that can use messages that became readable; called in the order of the log.
    func messagesArrived(_ messages: some RandomAccessCollection<ArrivedMessage>) {
        guard waiterCount.load(ordering: .relaxed) > 0 else { return }
        var rest = messages[...]
        while let first = rest.first {
            let end = rest.firstIndex { $0.queueID != first.queueID || $0.topic != first.topic } ?? rest.endIndex
            let run = rest[..<end]
            rest = rest[end...]
            wake(topic: first.topic, queueID: first.queueID) { waiter in
                switch waiter.filter {
                case .all, .properties: true
                case .tags(let filter): run.contains { filter.mayMatch(tagsCode: $0.tagsCode) }
                }
            }
        }
    }

    /// Wakes pulls of a queue.
    func wake(topic: String, queueID: Int32, where canUse: (PullWaiter) -> Bool) {
        let woken = table.wake(topic: topic, queueID: queueID, where: canUse)
        waiterCount.subtract(woken.count, ordering: .relaxed)
        for waiter in woken { goOn(waiter, .woken) }
    }

    private func goOn(_ waiter: PullWaiter, _ pass: Pass) {
        guard let eventLoop = waiter.request.eventLoop else { return attempt(waiter, pass) }
        eventLoop.execute { self.attempt(waiter, pass) }
    }

    /// Answers those whose time is over.
    func fireTimers() {
        let now = dependencies.nowMillis()
        for (shard, scheduled) in timers.takeDue(nowMillis: now) {
            let (expired, next) = table.expire(shard: shard, scheduledAtMillis: scheduled, nowMillis: now)
            if let next { timers.schedule(shard, atMillis: next) }
            waiterCount.subtract(expired.count, ordering: .relaxed)
            for waiter in expired { goOn(waiter, .last) }
        }
    }
}
