/// One run of a compiled filter expression over the property values of one message.
struct PropertyFilterEvaluation {
    /// A value cannot be read as the kind it is compared with: the message does not match.
    struct Mismatch: Error {}

    private enum Value {
        case null
        case string(UnsafeRawBufferPointer)
        case int32(Int32)
        case int64(Int64)
        case double(Double)
        case bool(Bool)
    }

    /// By property index; without memory when the message lacks the property.
    let values: UnsafeBufferPointer<UnsafeRawBufferPointer>

    /// The truth of a condition; nil is unknown.
    func condition(_ node: PropertyFilterNode) throws(Mismatch) -> Bool? {
        switch node {
        case .and(let left, let right):
            let first = try condition(left)
            if first == false { return false }
            let second = try condition(right)
            if second == false { return false }
            return first == nil || second == nil ? nil : true
        case .or(let left, let right):
            let first = try condition(left)
            if first == true { return true }
            let second = try condition(right)
            if second == true { return true }
            return first == nil || second == nil ? nil : false
        case .not(let inner):
            return try condition(inner).map { !$0 }
        case .equal(let left, let right):
            return try equal(left, right)
        case .isNull(let inner):
            return try isNull(inner)
        case .compare(let comparison, let left, let right):
            return try compare(comparison, left, right)
        case .isIn(let property, let list, let isNegated):
            return isIn(property, list, isNegated)
        case .text(let match, let inner, let part, let isNegated):
            return text(match, inner, part, isNegated)
        case .asCondition(let inner):
            guard case .property(let index) = inner, values[index].baseAddress != nil else { return nil }
            return false
        case .constant(.bool(let value)):
            return value
        case .constant, .null, .property, .negate:
            return nil
        }
    }

    // MARK: Values

    private func withValue<Result>(
        _ node: PropertyFilterNode, _ body: (Value) throws(Mismatch) -> Result
    ) throws(Mismatch) -> Result {
        switch node {
        case .constant(.string(let bytes)):
            var outcome: Swift.Result<Result, Mismatch>?
            bytes.withUnsafeBytes { pointer in
                do throws(Mismatch) { outcome = .success(try body(.string(pointer))) } catch {
                    outcome = .failure(error)
                }
            }
            guard let outcome else { throw Mismatch() }
            return try outcome.get()
        case .constant(.int32(let value)): return try body(.int32(value))
        case .constant(.int64(let value)): return try body(.int64(value))
        case .constant(.double(let value)): return try body(.double(value))
        case .constant(.bool(let value)): return try body(.bool(value))
        case .null: return try body(.null)
        case .property(let index):
            return try body(values[index].baseAddress == nil ? .null : .string(values[index]))
        case .negate(let inner):
            return try body(try withValue(inner) { (value: Value) throws(Mismatch) in Self.negated(value) })
        case .asCondition, .not, .and, .or, .equal, .compare, .isNull, .isIn, .text:
            return try body(try condition(node).map { .bool($0) } ?? .null)
        }
    }

    /// Only numbers have an opposite.
    private static func negated(_ value: Value) -> Value {
        switch value {
        case .int32(let number): .int32(0 &- number)
        case .int64(let number): .int64(0 &- number)
        case .double(let number): .double(-number)
        case .null, .string, .bool: .null
        }
    }

    // MARK: Tests

    private func isNull(_ node: PropertyFilterNode) throws(Mismatch) -> Bool {
        try withValue(node) { (value: Value) throws(Mismatch) in if case .null = value { true } else { false } }
    }

    /// A missing left side is unknown, a missing right side unequal: so Apache has it.
    private func equal(_ left: PropertyFilterNode, _ right: PropertyFilterNode) throws(Mismatch) -> Bool? {
        try withValue(left) { (left: Value) throws(Mismatch) -> Bool? in
            try withValue(right) { (right: Value) throws(Mismatch) -> Bool? in
                switch (left, right) {
                case (.null, .null): return true
                case (.null, _): return nil
                case (_, .null): return false
                case (.string(let a), .string(let b)): return a.elementsEqual(b)
                default: return try Self.order(left, right) == 0
                }
            }
        }
    }

    private func compare(
        _ comparison: PropertyFilterNode.Comparison, _ left: PropertyFilterNode, _ right: PropertyFilterNode
    ) throws(Mismatch) -> Bool? {
        try withValue(left) { (left: Value) throws(Mismatch) -> Bool? in
            try withValue(right) { (right: Value) throws(Mismatch) -> Bool? in
                let order: Int
                switch (left, right) {
                case (.null, _), (_, .null): return nil
                case (.string(let a), .string(let b)):
                    order = Self.order(try JavaNumber.double(a), try JavaNumber.double(b))
                default:
                    order = try Self.order(left, right)
                }
                return switch comparison {
                case .less: order < 0
                case .lessOrEqual: order <= 0
                case .greater: order > 0
                case .greaterOrEqual: order >= 0
                }
            }
        }
    }

    private func isIn(_ property: Int, _ list: Set<[UInt8]>, _ isNegated: Bool) -> Bool? {
        guard values[property].baseAddress != nil else { return nil }
        return list.contains { $0.elementsEqual(values[property]) } != isNegated
    }

    private func text(
        _ match: PropertyFilterNode.TextMatch, _ node: PropertyFilterNode, _ part: [UInt8], _ isNegated: Bool
    ) -> Bool {
        guard case .property(let index) = node, values[index].baseAddress != nil, !part.isEmpty else { return false }
        let value = values[index]
        let isThere: Bool
        switch match {
        case .startsWith: isThere = value.starts(with: part)
        case .endsWith: isThere = value.count >= part.count && value.suffix(part.count).elementsEqual(part)
        case .contains:
            let last = value.count - part.count
            isThere = last >= 0 && (0...last).contains { value[$0..<($0 + part.count)].elementsEqual(part) }
        }
        return isThere != isNegated
    }

    // MARK: Order

    /// Below, at or above 0. Kinds that do not go together count as below: so Apache has it.
    private static func order(_ left: Value, _ right: Value) throws(Mismatch) -> Int {
        switch (left, right) {
        case (.string(let text), .bool(let value)): order(JavaNumber.bool(text), value)
        case (.string(let text), .int32(let value)): order(try JavaNumber.int32(text), value)
        case (.string(let text), .int64(let value)): order(try JavaNumber.int64(text), value)
        case (.string(let text), .double(let value)): order(try JavaNumber.double(text), value)
        case (.int32(let value), .string(let text)): order(value, try JavaNumber.int32(text))
        case (.int64(let value), .string(let text)): order(value, try JavaNumber.int64(text))
        case (.double(let value), .string(let text)): order(value, try JavaNumber.double(text))
        case (.bool, .string): throw Mismatch()
        case (.bool(let a), .bool(let b)): order(a, b)
        case (.int32(let a), .int32(let b)): order(a, b)
        case (.int32(let a), .int64(let b)): order(Int64(a), b)
        case (.int64(let a), .int32(let b)): order(a, Int64(b))
        case (.int64(let a), .int64(let b)): order(a, b)
        case (.int32(let a), .double(let b)): order(Double(a), b)
        case (.int64(let a), .double(let b)): order(Double(a), b)
        case (.double(let a), .int32(let b)): order(a, Double(b))
        case (.double(let a), .int64(let b)): order(a, Double(b))
        case (.double(let a), .double(let b)): order(a, b)
        case (.string, .string), (.null, _), (_, .null), (.bool, _), (_, .bool): -1
        }
    }

    private static func order(_ left: Bool, _ right: Bool) -> Int { left == right ? 0 : left ? 1 : -1 }

    private static func order<Number: FixedWidthInteger>(_ left: Number, _ right: Number) -> Int {
        left < right ? -1 : left > right ? 1 : 0
    }

    /// As Java compares: what is not a number lies above all numbers.
    private static func order(_ left: Double, _ right: Double) -> Int {
        if left < right { return -1 }
        if left > right { return 1 }
        if left == right { return 0 }
        return left.isNaN ? (right.isNaN ? 0 : 1) : -1
    }
}

/// Text as Java reads it into numbers: strictly.
enum JavaNumber {
    typealias Mismatch = PropertyFilterEvaluation.Mismatch

    static func int32(_ text: UnsafeRawBufferPointer) throws(Mismatch) -> Int32 {
        guard let value = Int32(exactly: try int64(text)) else { throw Mismatch() }
        return value
    }

    static func int64(_ text: UnsafeRawBufferPointer) throws(Mismatch) -> Int64 {
        let isNegative = text.first == UInt8(ascii: "-")
        let digits = text.dropFirst(isNegative || text.first == UInt8(ascii: "+") ? 1 : 0)
        guard !digits.isEmpty else { throw Mismatch() }
        var value: Int64 = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { throw Mismatch() }
            let (tens, tensOverflow) = value.multipliedReportingOverflow(by: 10)
            let unit = Int64(digit - 0x30)
            let (sum, overflow) =
                isNegative ? tens.subtractingReportingOverflow(unit) : tens.addingReportingOverflow(unit)
            guard !tensOverflow, !overflow else { throw Mismatch() }
            value = sum
        }
        return value
    }

    static func double(_ text: UnsafeRawBufferPointer) throws(Mismatch) -> Double {
        var rest = text[...]
        while let first = rest.first, first <= 0x20 { rest.removeFirst() }
        while let last = rest.last, last <= 0x20 { rest.removeLast() }
        if rest.elementsEqual("NaN".utf8) { return .nan }
        let sign: Double = rest.first == UInt8(ascii: "-") ? -1 : 1
        let unsigned = rest.dropFirst(rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") ? 1 : 0)
        if unsigned.elementsEqual("Infinity".utf8) { return sign * .infinity }
        // A suffix for the kind is allowed, and a point at either end.
        var digits = Array(unsigned)
        if let last = digits.last, [0x64, 0x44, 0x66, 0x46].contains(last) { digits.removeLast() }
        guard digits.contains(where: { (0x30...0x39).contains($0) }), digits.first.map(isDigitOrPoint) ?? false,
            digits.allSatisfy({ isDigitOrPoint($0) || [0x65, 0x45, 0x2B, 0x2D].contains($0) })
        else { throw Mismatch() }
        if digits.first == 0x2E { digits.insert(0x30, at: 0) }
        if let point = digits.firstIndex(of: 0x2E), point + 1 == digits.count || !isDigitOrPoint(digits[point + 1]) {
            digits.insert(0x30, at: point + 1)
        }
        guard let value = Double(String(decoding: digits, as: UTF8.self)) else { throw Mismatch() }
        return sign * value
    }

    /// `true` in any case, all else is false.
    static func bool(_ text: UnsafeRawBufferPointer) -> Bool {
        text.count == 4 && zip(text, "true".utf8).allSatisfy { $0 | 0x20 == $1 }
    }

    private static func isDigitOrPoint(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || byte == 0x2E }
}
