/// A compiled SQL92 filter expression over message properties, with Apache's rules for values (`consume.md` 2.2).
///
/// Properties are text. Where one meets a literal it is read as the literal's kind; when that fails, the message does not
/// match, whatever else the expression says. A missing property is unknown, and logic has three values; only a result of
/// true matches.
package struct PropertyFilter: Sendable {
    /// Longest expression in bytes.
    package static let expressionBytesMax = 16 * 1024

    /// The expression as given.
    package let expression: String
    private let root: PropertyFilterNode
    private let names: [[UInt8]]

    /// Compiles an expression; the error says what is wrong and where.
    package init(_ expression: String) throws(ModelError) {
        guard expression.utf8.count <= Self.expressionBytesMax else {
            throw ModelError(
                .invalidExpression,
                "the filter expression has \(expression.utf8.count) bytes, at most \(Self.expressionBytesMax) are allowed"
            )
        }
        var parser = try PropertyFilterParser(expression)
        self.expression = expression
        root = try parser.parse()
        names = parser.names
    }

    /// Whether a message with this property text (see ``PropertyText``) passes.
    package func matches(properties: UnsafeRawBufferPointer) -> Bool {
        withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: names.count) { values in
            values.initialize(repeating: UnsafeRawBufferPointer(start: nil, count: 0))
            collect(properties, into: values)
            let evaluation = PropertyFilterEvaluation(values: UnsafeBufferPointer(values))
            do throws(PropertyFilterEvaluation.Mismatch) {
                return try evaluation.condition(root) == true
            } catch {
                return false
            }
        }
    }

    /// Finds the values of all properties of the expression in one pass; the last of equal names wins.
    private func collect(
        _ text: UnsafeRawBufferPointer, into values: UnsafeMutableBufferPointer<UnsafeRawBufferPointer>
    ) {
        var start = 0
        while start < text.count {
            var nameEnd = start
            while nameEnd < text.count, text[nameEnd] != PropertyText.nameEnd, text[nameEnd] != PropertyText.valueEnd {
                nameEnd += 1
            }
            guard nameEnd < text.count, text[nameEnd] == PropertyText.nameEnd else {
                start = nameEnd + 1
                continue
            }
            var end = nameEnd + 1
            while end < text.count, text[end] != PropertyText.valueEnd { end += 1 }
            if end > nameEnd + 1 {
                let name = UnsafeRawBufferPointer(rebasing: text[start..<nameEnd])
                for index in names.indices where names[index].count == name.count && names[index].elementsEqual(name) {
                    values[index] = UnsafeRawBufferPointer(rebasing: text[(nameEnd + 1)..<end])
                }
            }
            start = end + 1
        }
    }
}
