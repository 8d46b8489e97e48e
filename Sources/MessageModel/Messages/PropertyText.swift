#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The text form of message properties: `name 0x01 value 0x02`, repeated.
package enum PropertyText {
    @inlinable @inline(__always) package static var nameEnd: UInt8 { 1 }
    @inlinable @inline(__always) package static var valueEnd: UInt8 { 2 }
    /// What the record format can carry.
    package static let bytesMax = 32767

    /// Reads all pairs in their order; pairs without a name or without a value are dropped, as Apache does.
    package static func parse(_ text: String) -> [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        for entry in text.utf8.split(separator: valueEnd) {
            guard let split = entry.firstIndex(of: nameEnd) else { continue }
            let name = entry[..<split]
            let value = entry[entry.index(after: split)...]
            guard !name.isEmpty, !value.isEmpty else { continue }
            pairs.append((String(Substring(name)), String(Substring(value))))
        }
        return pairs
    }

    /// Reads all pairs into a dictionary; the last of equal names wins.
    package static func dictionary(_ text: String) -> [String: String] {
        var table: [String: String] = [:]
        for (name, value) in parse(text) { table[name] = value }
        return table
    }

    /// Writes pairs; every one ends with 0x02.
    package static func encode(_ pairs: some Sequence<(name: String, value: String)>) -> String {
        var text = ""
        for (name, value) in pairs {
            text += name
            text += "\u{1}"
            text += value
            text += "\u{2}"
        }
        return text
    }

    /// Whether a name or value may stand in the text form.
    package static func isCarriable(_ text: String) -> Bool {
        !text.utf8.contains { $0 == nameEnd || $0 == valueEnd }
    }

    /// Where the value of a property stands, nil when it is absent or empty; the last of equal names wins.
    ///
    /// Allocates nothing: for the append and dispatch paths.
    package static func find(_ name: StaticString, in bytes: UnsafeRawBufferPointer) -> Range<Int>? {
        let nameCount = name.utf8CodeUnitCount
        var found: Range<Int>?
        var start = 0
        while start < bytes.count {
            let end = firstIndex(of: valueEnd, in: bytes, from: start)
            let valueStart = start + nameCount + 1
            if valueStart < end, bytes[valueStart - 1] == nameEnd, matches(name, nameCount, bytes, at: start) {
                found = valueStart..<end
            }
            start = end + 1
        }
        return found
    }

    private static func matches(
        _ name: StaticString, _ count: Int, _ bytes: UnsafeRawBufferPointer, at start: Int
    ) -> Bool {
        for index in 0..<count where bytes[start + index] != name.utf8Start[index] { return false }
        return true
    }

    private static func firstIndex(of unit: UInt8, in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard let base = bytes.baseAddress, start < bytes.count,
            let found = memchr(base + start, Int32(unit), bytes.count - start)
        else { return bytes.count }
        return base.distance(to: found)
    }
}
