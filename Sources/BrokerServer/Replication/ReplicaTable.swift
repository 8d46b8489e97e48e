/// Bounds and times of replication.
struct ReplicationLimits: Sendable {
    /// Replicas that a message must be on before its send is answered (`inSyncReplicas` without the master).
    var needed = 0
    /// `slaveTimeout`: how long a send waits for them.
    var waitMillisMax: Int64 = 3_000
    /// `haHousekeepingInterval`: a replica that is not heard of for longer is given up.
    var silenceMillisMax: Int64 = 20_000
    /// `haSendHeartbeatInterval`: a replica that gets nothing for that time gets a sign of life.
    var heartbeatMillis: Int64 = 5_000
    /// `haMaxGapNotInSync`.
    var behindBytesMax: Int64 = 256 << 20
    /// How near to the end of the log a replica must come before it counts.
    var caughtUpBytes: Int64 = 4 << 20
    /// Bytes on the way to one replica.
    var windowBytes: Int64 = 8 << 20
    /// Connections.
    var replicasMax = 16
}

/// How a wait for replicas ended.
enum ReplicationOutcome: Sendable {
    /// Enough replicas have it.
    case replicated
    /// Too few replicas are there.
    case noReplica
    /// They took too long.
    case timedOut
}

/// Which replicas a master has and how far each is: what to send them, whether enough of them have a message, and what
/// readers may see. It knows no socket and no clock; `Waiter` is whatever stands for a send that waits.
///
/// A replica counts once it has come as near as `caughtUpBytes` to the end of the log, until it falls back by more than
/// `behindBytesMax`, falls silent or leaves. While fewer count than a message must be on, sends are stored and answered as
/// not replicated, and readers see everything: the broker goes on without them.
struct ReplicaTable<ID: Hashable & Sendable, Waiter: Sendable>: Sendable {
    /// One replica.
    struct Replica: Sendable {
        /// Its address.
        let address: String
        /// What it gets next; nil before its first report.
        var nextOffset: Int64?
        /// Everything before is in its log.
        var ackedOffset: Int64 = 0
        /// It counts.
        var isInSync = false
        var heardMillis: Int64
        var sentMillis: Int64
        /// Bytes of the log that it was sent.
        var bytesSent: Int64 = 0
    }

    /// Why a replica cannot be served.
    enum Refusal: Equatable {
        /// It has more than the log holds: another history, or one whose end was lost here.
        case ahead
        /// What it needs next is deleted.
        case tooOld
    }

    /// What to send to a replica.
    struct Order: Equatable {
        var id: ID
        var offset: Int64
        var bytesMax: Int64
    }

    private(set) var replicas: [ID: Replica] = [:]
    private var waiters: [(end: Int64, sinceMillis: Int64, waiter: Waiter)] = []
    let limits: ReplicationLimits

    init(limits: ReplicationLimits) {
        self.limits = limits
    }

    // No key paths here: in a generic type each use looks them up by name.

    /// The end of what as many replicas have as must; nil when nothing must be, or so many do not count.
    var confirmedOffset: Int64? {
        guard limits.needed > 0 else { return nil }
        if limits.needed == 1 {
            return replicas.values.reduce(nil) { $1.isInSync ? max($0 ?? 0, $1.ackedOffset) : $0 }
        }
        let acked = replicas.values.compactMap { $0.isInSync ? $0.ackedOffset : nil }.sorted(by: >)
        return acked.count >= limits.needed ? acked[limits.needed - 1] : nil
    }

    /// Whether a replica that counts does not have the log up to an offset.
    func isAnyInSync(lacking end: Int64) -> Bool { replicas.values.contains { $0.isInSync && $0.ackedOffset < end } }

    // MARK: Replicas

    /// A replica has connected; false when there are too many.
    mutating func connected(_ id: ID, address: String, nowMillis: Int64) -> Bool {
        guard replicas.count < limits.replicasMax else { return false }
        replicas[id] = Replica(address: address, heardMillis: nowMillis, sentMillis: nowMillis)
        return true
    }

    /// A replica has told where its log ends. An empty one gets the whole log.
    mutating func reported(_ id: ID, logEnd: Int64, ofLog log: Range<Int64>, nowMillis: Int64) -> Refusal? {
        guard var replica = replicas[id] else { return nil }
        if logEnd < 0 || logEnd > log.upperBound { return .ahead }
        replica.heardMillis = nowMillis
        if replica.nextOffset == nil {
            if logEnd > 0, logEnd < log.lowerBound { return .tooOld }
            // What was deleted need not be acknowledged.
            replica.nextOffset = logEnd == 0 ? log.lowerBound : logEnd
            replica.ackedOffset = log.lowerBound
        }
        replica.ackedOffset = max(replica.ackedOffset, logEnd)
        if log.upperBound - replica.ackedOffset <= limits.caughtUpBytes { replica.isInSync = true }
        replicas[id] = replica
        return nil
    }

    /// A replica is gone.
    mutating func disconnected(_ id: ID) { replicas[id] = nil }

    /// Replicas that are silent for too long.
    func silent(nowMillis: Int64) -> [ID] {
        replicas.filter { nowMillis - $0.value.heardMillis > limits.silenceMillisMax }.map { $0.key }
    }

    // MARK: Sending

    /// What may be sent next, to each replica that has room for it.
    var orders: [Order] { replicas.keys.compactMap { order(for: $0) } }

    /// What may be sent next to a replica; nil while it has no room.
    func order(for id: ID) -> Order? {
        guard let replica = replicas[id], let offset = replica.nextOffset else { return nil }
        let room = limits.windowBytes - (offset - replica.ackedOffset)
        return room > 0 ? Order(id: id, offset: offset, bytesMax: room) : nil
    }

    /// Bytes of the log are on their way to a replica.
    mutating func sent(_ id: ID, bytes: Int, nowMillis: Int64) {
        replicas[id]?.nextOffset? += Int64(bytes)
        replicas[id]?.bytesSent += Int64(bytes)
        replicas[id]?.sentMillis = nowMillis
    }

    /// Replicas that are due a sign of life, with the offset that it names.
    func heartbeats(nowMillis: Int64) -> [(id: ID, offset: Int64)] {
        replicas.compactMap { id, replica in
            guard let offset = replica.nextOffset, nowMillis - replica.sentMillis >= limits.heartbeatMillis else {
                return nil
            }
            return (id, offset)
        }
    }

    // MARK: Waiting

    /// Has a send wait until enough replicas have what lies before `end`; answers when it need not.
    mutating func wait(_ waiter: Waiter, until end: Int64, nowMillis: Int64) -> ReplicationOutcome? {
        guard limits.needed > 0 else { return .replicated }
        guard let confirmed = confirmedOffset else { return .noReplica }
        if confirmed >= end { return .replicated }
        waiters.append((end, nowMillis, waiter))
        return nil
    }

    /// Those whose wait is over.
    mutating func takeDone(logEnd: Int64, nowMillis: Int64) -> [(waiter: Waiter, outcome: ReplicationOutcome)] {
        for (id, replica) in replicas where replica.isInSync && logEnd - replica.ackedOffset > limits.behindBytesMax {
            replicas[id]?.isInSync = false
        }
        if waiters.isEmpty { return [] }
        guard let confirmed = confirmedOffset else {
            defer { waiters = [] }
            return waiters.map { ($0.waiter, .noReplica) }
        }
        var done: [(waiter: Waiter, outcome: ReplicationOutcome)] = []
        waiters.removeAll { entry in
            if entry.end <= confirmed {
                done.append((entry.waiter, .replicated))
            } else if nowMillis - entry.sinceMillis >= limits.waitMillisMax {
                done.append((entry.waiter, .timedOut))
            } else {
                return false
            }
            return true
        }
        return done
    }

    /// Ends all waits, as the master stops.
    mutating func takeAll() -> [Waiter] {
        defer { waiters = [] }
        return waiters.map { $0.waiter }
    }
}
