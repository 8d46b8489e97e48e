import DeliveryEngine
import MessageModel
import NIOCore

/// Messages of a queue that have to be fetched from the disk.
struct ColdStretch: Sendable, Hashable {
    var queueID: Int32
    /// The first of them.
    var from: Int64
    /// At most so many.
    var count: Int
}

extension PopPass {
    /// Times that a request waits for the disk before it reads on its event loop after all: what was brought in may be
    /// gone again when memory is short, and the request must come to an end.
    private static let warmCountMax = 8

    /// Whether messages must be fetched from the disk first, which is noted.
    mutating func isCold(_ queueID: Int32, from: Int64, count: Int) -> Bool {
        guard waiter.warmCount < Self.warmCountMax,
            !waiter.warmed.contains(where: {
                $0.queueID == queueID && from >= $0.from && from < $0.from + Int64($0.count)
            }), service.dependencies.store.isCold(topic: key.topic, queueID: queueID, from: from, maxCount: count)
        else { return false }
        cold.append(ColdStretch(queueID: queueID, from: from, count: count))
        mayHaveMore = true
        return true
    }
}

extension DeliveryService {
    /// Brings messages into memory, on the thread for that and under no lock, and then lets the request that wants them go
    /// on where it belongs. Without a request it is done for the next one.
    func warm(_ cold: [ColdStretch], _ key: SubscriptionKey, for waiter: PopWaiter?) {
        let isQueued = dependencies.coldRead { [self] in
            for stretch in cold {
                dependencies.store.warm(
                    topic: key.topic, queueID: stretch.queueID, from: stretch.from, maxCount: stretch.count,
                    maxBytes: configuration.popBytesMax)
            }
            guard var waiter else { return }
            waiter.warmed += cold
            waiter.warmCount += 1
            guard let eventLoop = waiter.request.eventLoop else { return attempt(waiter) }
            eventLoop.execute { [waiter] in self.attempt(waiter) }
        }
        guard !isQueued, let waiter else { return }
        waiter.completion(
            .failed(
                ServiceError(code: .systemBusy, message: "too many reads of old messages wait for the disk")))
    }

    /// Moves a dead letter, on the thread for that when it has to be fetched from the disk.
    func moveWarm(_ deadLetter: DeadLetter, of subscription: Subscription) {
        let isCold = dependencies.store.isCold(
            topic: subscription.key.topic, queueID: deadLetter.queueID, from: deadLetter.offset, maxCount: 1)
        if isCold, dependencies.coldRead({ [self] in move(deadLetter, of: subscription) }) { return }
        move(deadLetter, of: subscription)
    }
}
