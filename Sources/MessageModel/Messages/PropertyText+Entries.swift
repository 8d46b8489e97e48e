extension PropertyText {
    /// Calls `body` for each entry that has a name and a value, with where they stand. Allocates nothing.
    package static func forEachEntry(
        in bytes: UnsafeRawBufferPointer, _ body: (_ name: Range<Int>, _ value: Range<Int>) -> Void
    ) {
        var start = 0
        while start < bytes.count {
            var end = start
            var split: Int?
            while end < bytes.count, bytes[end] != valueEnd {
                if split == nil, bytes[end] == nameEnd { split = end }
                end += 1
            }
            if let split, split > start, split + 1 < end { body(start..<split, (split + 1)..<end) }
            start = end + 1
        }
    }

    /// Whether the bytes of a range are this text.
    package static func isEqual(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        for index in 0..<range.count where bytes[range.lowerBound + index] != text.utf8Start[index] { return false }
        return true
    }

    /// The whole number that a property says, as Java's `Long.parseLong` reads it; `notANumber` when it says anything
    /// else, nil when the property is absent.
    package static func integer(_ name: StaticString, in bytes: UnsafeRawBufferPointer) -> IntegerProperty? {
        guard let range = find(name, in: bytes), !range.isEmpty else { return nil }
        let text = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self)
        return Int64(text).map(IntegerProperty.value) ?? .notANumber
    }
}

/// What a property that should hold a number holds.
package enum IntegerProperty: Sendable, Hashable {
    case value(Int64)
    case notANumber
}
