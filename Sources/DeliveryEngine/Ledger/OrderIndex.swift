/// Which messages of a ledger are of which message group, and which client attempt has which.
///
/// Derived from the ledger's entries, never stored. The first message of a group is the only one that may be handed
/// out; the others follow one by one, each when the one before is done.
struct OrderIndex: Sendable {
    private struct Group {
        var first: Int64
        // Ascending. Messages removed out of turn stay until they would be first.
        var followers: [Int64] = []
        var nextFollower = 0
    }

    /// The group of the message at which the last pop ended, because no more may be deferred.
    var wallKey: UInt64?
    private var groups: [UInt64: Group] = [:]
    private var attempts: [UInt64: [Int64]] = [:]

    /// Adds the entry with the highest offset so far; returns true when it is the first of its group.
    mutating func add(_ entry: AckLedger.Entry) -> Bool {
        if entry.attemptKey != 0 { attempts[entry.attemptKey, default: []].append(entry.offset) }
        guard groups[entry.orderKey] == nil else {
            groups[entry.orderKey]?.followers.append(entry.offset)
            return false
        }
        groups[entry.orderKey] = Group(first: entry.offset)
        return true
    }

    /// Removes an entry; returns the message that is first of its group instead.
    mutating func remove(_ entry: AckLedger.Entry, isLive: (Int64) -> Bool) -> Int64? {
        forgetAttempt(entry)
        guard var group = groups[entry.orderKey], group.first == entry.offset else { return nil }
        while group.nextFollower < group.followers.count {
            let next = group.followers[group.nextFollower]
            group.nextFollower += 1
            guard isLive(next) else { continue }
            group.first = next
            if group.nextFollower > 64, group.nextFollower * 2 > group.followers.count {
                group.followers.removeFirst(group.nextFollower)
                group.nextFollower = 0
            }
            groups[entry.orderKey] = group
            return next
        }
        groups[entry.orderKey] = nil
        return nil
    }

    /// Notes that another attempt has the entry, which still bears the key of the one before.
    mutating func setAttempt(_ entry: AckLedger.Entry, to attemptKey: UInt64) {
        guard entry.attemptKey != attemptKey else { return }
        forgetAttempt(entry)
        if attemptKey != 0 { attempts[attemptKey, default: []].append(entry.offset) }
    }

    private mutating func forgetAttempt(_ entry: AckLedger.Entry) {
        guard entry.attemptKey != 0 else { return }
        attempts[entry.attemptKey]?.removeAll { $0 == entry.offset }
        if attempts[entry.attemptKey]?.isEmpty == true { attempts[entry.attemptKey] = nil }
    }

    /// Whether no message of the group is in flight or deferred.
    func isFree(_ orderKey: UInt64) -> Bool { groups[orderKey] == nil }

    /// Whether every earlier message of the entry's group is done.
    func isFirst(_ entry: AckLedger.Entry) -> Bool { groups[entry.orderKey]?.first == entry.offset }

    /// The messages that a client attempt has.
    func offsets(attemptKey: UInt64) -> [Int64] { attempts[attemptKey] ?? [] }
}
