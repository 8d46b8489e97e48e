/// The newest units of a queue, which are in no file yet.
struct QueueTail {
    /// Queue offset of the first.
    private(set) var start: Int64 = 0
    private(set) var units: [QueueUnit] = []

    var isEmpty: Bool { units.isEmpty }
    /// Queue offset behind the last.
    var end: Int64 { start + Int64(units.count) }

    /// Takes a unit that follows what there is, of which `end` is the end when the tail is empty, or that replaces one in
    /// the tail; false when it belongs elsewhere.
    mutating func take(_ unit: QueueUnit, at offset: Int64, end: Int64) -> Bool {
        if units.isEmpty {
            guard offset == end else { return false }
            start = offset
            units.append(unit)
        } else if offset == self.end {
            units.append(unit)
        } else {
            guard offset >= start, offset < self.end else { return false }
            units[Int(offset - start)] = unit
        }
        return true
    }

    /// Up to `count` units from an offset on; nil when that lies before the tail, or there is none.
    func slice(from offset: Int64, count: Int) -> ArraySlice<QueueUnit>? {
        guard !units.isEmpty, offset >= start else { return nil }
        let first = min(Int(offset - start), units.count)
        return units[first..<min(first + count, units.count)]
    }

    /// Forgets the first units, which are in a file now.
    mutating func drop(_ count: Int) {
        start += Int64(count)
        // A queue that is written to seldom gives its memory back.
        if count < units.count { units.removeFirst(count) } else { units = [] }
    }

    mutating func clear() { units = [] }
}
