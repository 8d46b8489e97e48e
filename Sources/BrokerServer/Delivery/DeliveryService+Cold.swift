import DeliveryEngine
import MessageModel
import NIOCore

/// Messages of a queue that have to be fetched from the disk.
struct ColdStretch: Sendable {
    var topic: String
    var queueID: Int32
    /// The first of them.
    var from: Int64
    /// At most so many that pass the filter.
    var count: Int
    var filter = MessageFilter.all
}

/// What was brought into memory for a request, and how often it waited for that.
struct WarmedStretches: Sendable {
    /// Times that a request waits for the disk before it reads on its event loop after all: what was brought in may be
    /// gone again when memory is short, and the request must come to an end.
    private static let roundsMax = 8

    /// Offsets of a queue that were brought in, or passed over.
    struct Stretch: Sendable {
        var topic: String
        var queueID: Int32
        var offsets: Range<Int64>
    }

    private var stretches: [Stretch] = []
    private var rounds = 0

    /// Whether the request must wait for the disk before it reads these.
    func mustFetch(_ stretch: ColdStretch, from store: some DeliveryStore) -> Bool {
        rounds < Self.roundsMax
            && !stretches.contains {
                $0.topic == stretch.topic && $0.queueID == stretch.queueID && $0.offsets.contains(stretch.from)
            }
            && store.isCold(
                topic: stretch.topic, queueID: stretch.queueID, from: stretch.from, maxCount: stretch.count,
                filter: stretch.filter)
    }

    /// Notes what was brought in for it.
    mutating func add(_ warmed: [Stretch]) {
        stretches += warmed
        rounds += 1
    }
}

extension PopPass {
    /// Whether messages must be fetched from the disk first, which is noted.
    mutating func isCold(_ queueID: Int32, from: Int64, count: Int, filter: MessageFilter = .all) -> Bool {
        let stretch = ColdStretch(topic: key.topic, queueID: queueID, from: from, count: count, filter: filter)
        guard waiter.warmed.mustFetch(stretch, from: service.dependencies.store) else { return false }
        cold.append(stretch)
        mayHaveMore = true
        return true
    }
}

extension DeliveryService {
    /// Brings messages into memory, on the thread for that and under no lock, and then lets the request that wants them go
    /// on where it belongs. Without a request it is done for the next one.
    func warm(_ cold: [ColdStretch], for waiter: PopWaiter?) {
        let isQueued = fetch(cold) { [self] warmed in
            guard var waiter else { return }
            waiter.warmed.add(warmed)
            guard let eventLoop = waiter.request.eventLoop else { return attempt(waiter) }
            eventLoop.execute { [waiter] in self.attempt(waiter) }
        }
        if !isQueued, let waiter { waiter.completion(.failed(Self.tooManyReads)) }
    }

    /// Brings messages into memory on the thread for that, as much as one answer has room for, and tells which of the
    /// stretches those are; false, and nothing is done, when too many wait for it.
    func fetch(_ cold: [ColdStretch], then done: @escaping @Sendable ([WarmedStretches.Stretch]) -> Void) -> Bool {
        dependencies.coldRead { [self] in
            var bytesLeft = configuration.popBytesMax
            var warmed: [WarmedStretches.Stretch] = []
            for stretch in cold where bytesLeft > 0 {
                let (bytes, end) = bringIn(stretch, bytesMax: bytesLeft)
                bytesLeft -= bytes
                warmed.append(.init(topic: stretch.topic, queueID: stretch.queueID, offsets: stretch.from..<end))
            }
            done(warmed)
        }
    }

    /// Brings in what passes the filter, and all that a pop has to look at before; returns its bytes and where it ends.
    private func bringIn(_ stretch: ColdStretch, bytesMax: Int) -> (bytes: Int, end: Int64) {
        var end = stretch.from
        for _ in 0..<PopPass.readsMax {
            let (bytes, next) = dependencies.store.warm(
                topic: stretch.topic, queueID: stretch.queueID, from: end, maxCount: stretch.count, maxBytes: bytesMax,
                filter: stretch.filter)
            let isDone = bytes > 0 || next <= end
            end = max(end, next)
            if isDone { return (bytes, end) }
        }
        return (0, end)
    }

    /// The answer to a request that would have to wait behind too many others.
    static var tooManyReads: ServiceError {
        ServiceError(code: .systemBusy, message: "too many reads of old messages wait for the disk")
    }

    /// Moves a dead letter, on the thread for that when it has to be fetched from the disk.
    func moveWarm(
        _ deadLetter: DeadLetter, of subscription: Subscription,
        completion: @escaping @Sendable (ServiceError?) -> Void = { _ in }
    ) {
        let isCold = dependencies.store.isCold(
            topic: subscription.key.topic, queueID: deadLetter.queueID, from: deadLetter.offset, maxCount: 1,
            filter: .all)
        if isCold,
            dependencies.coldRead({ [self] in move(deadLetter, of: subscription, completion: completion) })
        {
            return
        }
        move(deadLetter, of: subscription, completion: completion)
    }
}
