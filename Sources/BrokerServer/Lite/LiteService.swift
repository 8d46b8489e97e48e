import DeliveryEngine
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import StorageEngine
import Synchronization

/// Lite topics: who subscribes to which, and handing their messages out in order.
///
/// A lite topic is a light queue of its parent in the store; the delivery service keeps a group's account of it like that
/// of any queue, so acknowledgements last as long as others do. This service adds what is special: subscriptions by
/// client, one poll for all lite topics of a client, one batch of a lite topic in flight at a time, and the end of lite
/// topics that nobody writes to. The calls may come from any thread.
package final class LiteService: Sendable {
    /// Bounds, intervals, and what metrics may cost.
    package struct Limits: Sendable {
        /// Most lite topics of all parents.
        package var topicsMax = 1_000_000
        /// Age below which a lite topic never expires, and time after the start before the first one does.
        package var idleMillisMin: Int64 = 900_000
        /// Time between two looks for lite topics that are over.
        package var expiryCheckMillis: Int64 = 120_000
        /// Bounds of the subscriptions.
        package var subscriptions = LiteSubscriptions.Limits()
        /// Lite topics over its quota that a client's full list may have: it may not know of its latest losses.
        package var quotaSlack = 300
        /// Whether metrics tell how far groups are behind, which looks at every lite topic.
        package var countsLags = true
        /// Whether they tell for how long too, which reads a message of each that is not consumed.
        package var readsLagTimes = false

        /// The product's values.
        package init() {}
    }

    /// What the service needs to know of the rest of the broker.
    package struct Dependencies: Sendable {
        /// The topic of that name.
        package var topic: @Sendable (String) -> TopicConfig?
        /// The group of that name, not created.
        package var group: @Sendable (String) -> SubscriptionGroupConfig?
        /// The light queues that the store has.
        package var storedQueues: @Sendable () -> [String]
        /// Store time of a message of a light queue.
        package var storeMillis: @Sendable (_ queue: String, _ offset: Int64) -> Int64?
        /// Removes light queues that end at the given offsets, others stay; answers those removed.
        package var deleteQueues: @Sendable ([(name: String, end: Int64)]) throws -> [String]

        /// All of them.
        package init(
            topic: @escaping @Sendable (String) -> TopicConfig?,
            group: @escaping @Sendable (String) -> SubscriptionGroupConfig?,
            storedQueues: @escaping @Sendable () -> [String],
            storeMillis: @escaping @Sendable (String, Int64) -> Int64?,
            deleteQueues: @escaping @Sendable ([(name: String, end: Int64)]) throws -> [String]
        ) {
            self.topic = topic
            self.group = group
            self.storedQueues = storedQueues
            self.storeMillis = storeMillis
            self.deleteQueues = deleteQueues
        }
    }

    enum Timer: Sendable {
        /// Requests whose time is over.
        case waiters
        /// A lite topic whose messages become visible again.
        case queue(SubscriptionKey)
    }

    struct Waiter: Sendable {
        let request: LitePopRequest
        let maxAttempts: Int32
        let deadlineMillis: Int64
        let completion: @Sendable (PopOutcome) -> Void
        /// What was brought into memory for it, and the lite topics of that which it looks at first.
        var warmed = WarmedStretches()
        var fetched: [String] = []
        var key: LiteClientKey { LiteClientKey(group: request.group, clientID: request.clientID) }
    }

    /// Parked questions whether there is something to look at.
    struct Question: Sendable {
        let completion: @Sendable (NotificationOutcome) -> Void
    }

    /// What was taken out of the state to go on without its lock.
    struct Woken: Sendable {
        var pops: [Waiter] = []
        var questions: [Question] = []

        static func += (left: inout Woken, right: Woken) {
            left.pops += right.pops
            left.questions += right.questions
        }
    }

    struct State {
        var subscriptions: LiteSubscriptions
        var waiters = WaiterIndex<LiteClientKey, Waiter>(limitPerKey: 64)
        var questions = WaiterIndex<LiteClientKey, Question>(limitPerKey: 64)
        /// Until when a group gets nothing of a lite topic.
        var blocked: [SubscriptionKey: Int64] = [:]
        /// When the timer looks at a lite topic.
        var booked: [SubscriptionKey: Int64] = [:]
        var waitersBookedMillis = Int64.max
        var index = LiteIndex()
        /// Whom to tell what a client has to know; the last ones that spoke for it.
        var channels: [LiteClientKey: [LiteChannel]] = [:]
        /// The connections among them.
        var channelIDs: Set<UInt64> = []
        /// Lite topics that are being deleted: nobody looks at them meanwhile.
        var deleting: Set<String> = []
        var nextExpiryMillis: Int64 = 0

        /// Requests that wait.
        var waitingCount: Int { waiters.count + questions.count }

        /// Takes out who can use something that a client has to look at: one pop, and all questions.
        mutating func wake(_ key: LiteClientKey) -> Woken {
            Woken(pops: waiters.wakeOne(key: key).map { [$0] } ?? [], questions: questions.wakeAll(key: key))
        }

        /// The same for several clients.
        mutating func wake(_ keys: [LiteClientKey]) -> Woken {
            var woken = Woken()
            for key in keys { woken += wake(key) }
            return woken
        }

        /// Takes the next lite topic that a client has to look at. `isUnseen`: whether there is anything in it for the
        /// group is not known.
        mutating func takeNext(_ key: LiteClientKey, topic: String) -> (queue: String, isUnseen: Bool)? {
            if subscriptions.isUnseenNext(key), let queue = takeUnseen(key, topic: topic) { return (queue, true) }
            while let queue = subscriptions.takeReady(key) {
                if !deleting.contains(queue) { return (queue, false) }
            }
            return takeUnseen(key, topic: topic).map { ($0, true) }
        }

        private mutating func takeUnseen(_ key: LiteClientKey, topic: String) -> String? {
            while let place = subscriptions.takeUnseen(key, topic: topic, places: index.count(parent: topic)) {
                guard let queue = index.parents[topic]?.topics[place].queue else { return nil }
                if !deleting.contains(queue) { return queue }
            }
            return nil
        }

        /// Whether a group gets nothing of a lite topic now.
        func isBlocked(_ queue: String, of group: String, nowMillis: Int64) -> Bool {
            blocked[SubscriptionKey(group: group, topic: queue)].map { $0 > nowMillis } ?? false
        }
    }

    let delivery: DeliveryService
    let dependencies: Dependencies
    let limits: Limits
    let logger: Logger
    // Held for a moment only, and no other lock is taken under it.
    let state: NIOLockedValueBox<State>
    let timers = DeliveryTimers<Timer>(threadName: "lite-timer")
    let bootMillis: Int64
    private let isClosed = Atomic<Bool>(false)

    /// A service over the delivery service, whose topics must include light queues (``topic(_:in:)``).
    package init(delivery: DeliveryService, limits: Limits = Limits(), dependencies: Dependencies, logger: Logger) {
        self.delivery = delivery
        self.limits = limits
        self.dependencies = dependencies
        self.logger = logger
        bootMillis = delivery.dependencies.nowMillis()
        state = NIOLockedValueBox(State(subscriptions: LiteSubscriptions(limits: limits.subscriptions)))
    }

    var nowMillis: Int64 { delivery.dependencies.nowMillis() }
    var isStopping: Bool { isClosed.load(ordering: .acquiring) }

    /// A topic of that name, light queues of LITE topics included.
    package static func topic(_ name: String, in topics: (String) -> TopicConfig?) -> TopicConfig? {
        if let topic = topics(name) { return topic }
        guard let lite = LiteTopicName(queueName: name), let parent = topics(lite.parent),
            parent.messageType == .lite
        else { return nil }
        return TopicConfig(name: name, readQueueCount: 1, writeQueueCount: 1, permission: parent.permission)
    }

    // MARK: Life

    /// Learns which lite topics there are; the store is open and delivery recovered.
    package func recover() {
        let now = nowMillis
        let queues = dependencies.storedQueues()
        state.withLockedValue { state in
            for queue in queues {
                guard let name = LiteTopicName(queueName: queue) else { continue }
                state.index.note(queue: queue, parent: name.parent, storeMillis: 0)
            }
            state.nextExpiryMillis = now + limits.idleMillisMin
        }
    }

    /// Starts the timer's thread.
    package func start() -> Bool {
        timers.start(nowMillis: delivery.dependencies.nowMillis) { [weak self] in self?.fireTimers() }
    }

    /// Answers whoever waits and ends the timer's thread.
    package func close() {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        timers.stop()
        releaseWaiters()
    }

    /// Answers whoever waits that there is nothing.
    package func releaseWaiters() {
        end(state.withLockedValue { Woken(pops: $0.waiters.removeAll(), questions: $0.questions.removeAll()) })
    }

    /// Whether a message may go to a lite topic: one that is there, or a new one while there are not too many.
    package func admits(_ name: LiteTopicName) -> Bool {
        state.withLockedValue { state in
            state.index.count < limits.topicsMax || state.index.contains(queue: name.queueName, parent: name.parent)
        }
    }

    // MARK: Events

    /// Takes in messages that became readable, on the dispatch thread; returns those that are of no lite topic.
    package func arrived(_ messages: [DispatchedMessage]) -> [DispatchedMessage] {
        guard messages.contains(where: Self.isOfLightQueue) else { return messages }
        var queues: [(name: String, parent: String)] = []
        state.withLockedValue { state in
            for message in messages where Self.isOfLightQueue(message) {
                guard let name = LiteTopicName(queueName: message.topic) else { continue }
                state.index.note(
                    queue: message.topic, parent: name.parent, storeMillis: message.storeTimestampMillis)
                // Messages in a row are one reason to look.
                if queues.last?.name != message.topic { queues.append((message.topic, name.parent)) }
            }
        }
        for queue in queues { offer(queue.name, parent: queue.parent) }
        return messages.filter { !Self.isOfLightQueue($0) }
    }

    private static func isOfLightQueue(_ message: DispatchedMessage) -> Bool {
        message.topic.utf8.first == UInt8(ascii: "%") && message.topic.hasPrefix(NameRules.lmqPrefix)
    }

    /// Has clients look at a lite topic: all groups, or one.
    func offer(_ queue: String, parent: String, group: String? = nil) {
        let now = nowMillis
        let woken = state.withLockedValue { state in
            Self.wake(state.subscriptions.offer(queue, topic: parent, group: group), queue, &state, nowMillis: now)
        }
        run(woken)
    }

    /// Takes out one waiting pop of each group that is not blocked, and all questions. Under the lock.
    static func wake(
        _ keys: [LiteClientKey], _ queue: String, _ state: inout State, nowMillis: Int64
    ) -> Woken {
        var done: Set<String> = []
        var blocked: Set<String> = []
        var woken = Woken()
        for key in keys where !blocked.contains(key.group) {
            let isDone = done.contains(key.group)
            if isDone, state.questions.isEmpty { continue }
            if state.isBlocked(queue, of: key.group, nowMillis: nowMillis) {
                blocked.insert(key.group)
                continue
            }
            woken.questions += state.questions.wakeAll(key: key)
            guard !isDone, let waiter = state.waiters.wakeOne(key: key) else { continue }
            done.insert(key.group)
            woken.pops.append(waiter)
        }
        return woken
    }

    /// Goes on with requests that were taken out.
    func run(_ woken: Woken) {
        for question in woken.questions { question.completion(.answered(hasMessage: true)) }
        for waiter in woken.pops { goOn(waiter) }
    }

    // MARK: Time

    /// Notes until when a group gets nothing of a lite topic; returns whether the timer must be set to that time. Called
    /// under the subscription's lock, so that what is noted is always what its ledger says: a note that comes after that
    /// of a later acknowledgement would hide the next message from who waits for it.
    func note(_ key: SubscriptionKey, blockedUntilMillis untilMillis: Int64?) -> Bool {
        state.withLockedValue { state in
            state.blocked[key] = untilMillis
            guard let untilMillis, untilMillis < state.booked[key] ?? .max else { return false }
            state.booked[key] = untilMillis
            return true
        }
    }

    /// Answers requests whose time is over, and has clients look at lite topics whose messages are visible again.
    package func fireTimers() {
        let dueMillis = nowMillis
        for (index, (timer, millis)) in timers.takeDue(nowMillis: dueMillis).enumerated() {
            // Thousands of lite topics may be due at once: who waits for something else must not wait for that as well.
            if index % Self.looksPerExpiry == 0 { expireWaiters(dueMillis: dueMillis) }
            switch timer {
            case .waiters: expireWaiters(dueMillis: dueMillis)
            case .queue(let key):
                let isCurrent = state.withLockedValue { state in
                    guard state.booked[key] == millis else { return false }
                    state.booked[key] = nil
                    return true
                }
                if isCurrent { look(at: key) }
            }
        }
    }

    private static var looksPerExpiry: Int { 64 }

    /// Sees what a group's lite topic needs now: to be looked at by clients, now or later.
    func look(at key: SubscriptionKey) {
        guard let parent = LiteTopicName(queueName: key.topic)?.parent, let subscription = delivery.table.find(key)
        else {
            return
        }
        let now = nowMillis
        let (timer, hasMore) = subscription.withState { state -> (Int64?, Bool) in
            // Nothing is noted any more of a lite topic that is being forgotten.
            guard !state.isRemoved else { return (nil, false) }
            let until = state.queue(0)?.ledger.liteBlockedUntilMillis(nowMillis: now)
            let mustSchedule = note(key, blockedUntilMillis: until)
            if until != nil { return (mustSchedule ? until : nil, false) }
            // After the note: a message that comes before it is seen here, one that comes later is offered.
            let max = delivery.dependencies.store.bounds(topic: key.topic, queueID: 0).max
            return (nil, state.queue(0)?.ledger.lowWater ?? 0 < max)
        }
        if let timer { timers.schedule(.queue(key), atMillis: timer) }
        if hasMore { offer(key.topic, parent: parent, group: key.group) }
    }

    /// Answers requests whose time is over, if any. The clock may be set back since their timer was taken as due at that
    /// time: it comes only once, so they are over all the same.
    private func expireWaiters(dueMillis: Int64) {
        let nowMillis = max(dueMillis, nowMillis)
        let (expired, next) = state.withLockedValue { state -> (Woken, Int64?) in
            guard state.waitersBookedMillis <= nowMillis else { return (Woken(), nil) }
            state.waitersBookedMillis = .max
            let expired = Woken(
                pops: state.waiters.expire(nowMillis: nowMillis),
                questions: state.questions.expire(nowMillis: nowMillis))
            return (expired, Self.bookWaiters(&state))
        }
        if let next { timers.schedule(.waiters, atMillis: next) }
        end(expired)
    }

    /// Answers that there is nothing.
    private func end(_ over: Woken) {
        let now = nowMillis
        for waiter in over.pops { waiter.completion(.timedOut(empty(waiter.request, now))) }
        for question in over.questions { question.completion(.answered(hasMessage: false)) }
    }

    /// When the timer has to be set for waiting requests; nil when it need not. Under the lock.
    static func bookWaiters(_ state: inout State) -> Int64? {
        let next = min(state.waiters.nextDeadlineMillis() ?? .max, state.questions.nextDeadlineMillis() ?? .max)
        guard next < state.waitersBookedMillis else { return nil }
        state.waitersBookedMillis = next
        return next
    }

    func empty(_ request: LitePopRequest, _ nowMillis: Int64) -> EmptyPop {
        EmptyPop(
            popMillis: nowMillis, invisibleMillis: request.invisibleMillis,
            reviveQueueID: ReceiptHandle.orderedReviveQueueId, restCount: 0)
    }
}
