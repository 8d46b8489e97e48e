/// Deadlines in a hashed wheel: constant cost to set and clear, no allocation once warm, time handed in.
///
/// An entry fires at the first `advance` at or after its deadline, never before. Precision is one slot.
struct TimerWheel<Payload> {
    /// Names one entry; valid until it fires or is removed.
    typealias Token = Int32

    private struct Entry {
        var payload: Payload?
        var tick: Int64
        var next: Int32
        var previous: Int32
    }

    private static var none: Int32 { -1 }

    private let slotMillis: Int64
    private let slotMask: Int64
    private var heads: [Int32]
    /// One bit a slot: whether it has entries.
    private var occupied: [UInt64]
    private var entries: [Entry] = []
    private var freeHead: Int32 = -1
    /// All ticks up to this one have been handled.
    private var currentTick: Int64
    private(set) var count = 0

    /// A wheel of `slotCount` (a power of two, at least 64) slots.
    init(slotMillis: Int64 = 16, slotCount: Int = 1_024, nowMillis: Int64) {
        precondition(slotCount >= 64 && slotCount & (slotCount - 1) == 0 && slotMillis > 0)
        self.slotMillis = slotMillis
        slotMask = Int64(slotCount - 1)
        heads = Array(repeating: TimerWheel.none, count: slotCount)
        occupied = Array(repeating: 0, count: slotCount / 64)
        currentTick = nowMillis / slotMillis
    }

    /// Adds an entry that fires at `deadlineMillis`, or at the next advance if that is past.
    mutating func insert(_ payload: Payload, deadlineMillis: Int64) -> Token {
        let rounded = deadlineMillis / slotMillis + (deadlineMillis % slotMillis > 0 ? 1 : 0)
        let tick = max(rounded, currentTick + 1)
        let slot = Int(tick & slotMask)
        let entry = Entry(payload: payload, tick: tick, next: heads[slot], previous: TimerWheel.none)
        let token: Int32
        if freeHead != TimerWheel.none {
            token = freeHead
            freeHead = entries[Int(token)].next
            entries[Int(token)] = entry
        } else {
            token = Int32(entries.count)
            entries.append(entry)
        }
        if entry.next != TimerWheel.none { entries[Int(entry.next)].previous = token }
        heads[slot] = token
        occupied[slot >> 6] |= 1 << UInt64(slot & 63)
        count += 1
        return token
    }

    /// Takes an entry out before it fires.
    mutating func remove(_ token: Token) {
        let entry = entries[Int(token)]
        guard entry.payload != nil else { return }
        unlink(token, entry)
    }

    private mutating func unlink(_ token: Token, _ entry: Entry) {
        let slot = Int(entry.tick & slotMask)
        if entry.next != TimerWheel.none { entries[Int(entry.next)].previous = entry.previous }
        if entry.previous != TimerWheel.none {
            entries[Int(entry.previous)].next = entry.next
        } else {
            heads[slot] = entry.next
            if entry.next == TimerWheel.none { occupied[slot >> 6] &= ~(1 << UInt64(slot & 63)) }
        }
        entries[Int(token)].payload = nil
        entries[Int(token)].next = freeHead
        freeHead = token
        count -= 1
    }

    /// When to call `advance` next: not later than the earliest deadline, perhaps earlier; nil when the wheel is empty.
    var nextWakeMillis: Int64? {
        guard count > 0 else { return nil }
        var tick = currentTick + 1
        let end = tick + slotMask
        while tick <= end {
            let slot = Int(tick & slotMask)
            let word = occupied[slot >> 6] >> UInt64(slot & 63)
            if word != 0 {
                let found = tick + Int64(word.trailingZeroBitCount)
                return min(found, end) * slotMillis
            }
            tick += Int64(64 - (slot & 63))
        }
        return end * slotMillis
    }

    /// Moves time on and answers what has fired, in no particular order.
    mutating func advance(nowMillis: Int64) -> [Payload] {
        let nowTick = nowMillis / slotMillis
        guard nowTick > currentTick else { return [] }
        var fired: [Payload] = []
        let last = min(nowTick, currentTick + slotMask + 1)
        var tick = currentTick + 1
        currentTick = nowTick
        while tick <= last {
            let slot = Int(tick & slotMask)
            if occupied[slot >> 6] & (1 << UInt64(slot & 63)) != 0 {
                var token = heads[slot]
                while token != TimerWheel.none {
                    let entry = entries[Int(token)]
                    if entry.tick <= nowTick, let payload = entry.payload {
                        fired.append(payload)
                        unlink(token, entry)
                    }
                    token = entry.next
                }
            }
            tick += 1
        }
        return fired
    }
}
