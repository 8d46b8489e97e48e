/// A tag expression: `*`, or tags separated by `||`.
package struct TagFilter: Hashable, Sendable {
    /// The expression as given.
    package let expression: String
    /// Whether every message passes.
    package let matchesAll: Bool
    /// The tags wanted; empty when all pass.
    package let tags: Set<String>
    /// The hashes of the tags.
    package let codes: Set<Int32>

    /// Passes everything.
    package static let all = TagFilter(expression: "*")

    /// Reads an expression; blank text and `*` pass everything, empty parts are skipped.
    package init(expression: String) {
        self.expression = expression
        let trimmed = expression[...].trimmingASCIISpace()
        if trimmed.isEmpty || trimmed == "*" {
            matchesAll = true
            tags = []
            codes = []
            return
        }
        var tags: Set<String> = []
        var rest = trimmed[...]
        while true {
            let end = Self.firstSeparator(in: rest)
            let tag = rest[..<(end ?? rest.endIndex)].trimmingASCIISpace()
            if !tag.isEmpty { tags.insert(String(tag)) }
            guard let end else { break }
            rest = rest[rest.utf8.index(end, offsetBy: 2)...]
        }
        matchesAll = false
        self.tags = tags
        codes = Set(tags.map(JavaHash.hashCode))
    }

    private static func firstSeparator(in text: Substring) -> Substring.Index? {
        let bar = UInt8(ascii: "|")
        var index = text.utf8.startIndex
        while index < text.utf8.endIndex {
            let next = text.utf8.index(after: index)
            if text.utf8[index] == bar, next < text.utf8.endIndex, text.utf8[next] == bar { return index }
            index = next
        }
        return nil
    }

    /// Whether the expression names no tag at all (`||`): a parse failure to the one who sent it.
    package var isEmpty: Bool { !matchesAll && tags.isEmpty }

    /// Whether a message with this hash in the consume queue may pass; equal hashes of other tags pass too.
    package func mayMatch(tagsCode: Int64) -> Bool {
        matchesAll || codes.contains(Int32(truncatingIfNeeded: tagsCode))
    }

    /// Whether a message with this tag passes.
    package func matches(tag: String?) -> Bool {
        if matchesAll { return true }
        guard let tag else { return false }
        return tags.contains(tag)
    }
}
