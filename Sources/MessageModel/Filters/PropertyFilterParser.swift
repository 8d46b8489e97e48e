/// A node of a compiled SQL92 filter expression.
indirect enum PropertyFilterNode: Sendable {
    enum Constant: Sendable, Hashable {
        case string([UInt8])
        case int32(Int32)
        case int64(Int64)
        case double(Double)
        case bool(Bool)
    }

    enum Comparison: Sendable {
        case less, lessOrEqual, greater, greaterOrEqual
    }

    enum TextMatch: Sendable {
        case contains, startsWith, endsWith
    }

    case constant(Constant)
    /// NULL where a value is expected.
    case null
    /// By its index in the list of names.
    case property(Int)
    case negate(PropertyFilterNode)
    /// A property where a condition is expected: never true, as its value is text.
    case asCondition(PropertyFilterNode)
    case not(PropertyFilterNode)
    case and(PropertyFilterNode, PropertyFilterNode)
    case or(PropertyFilterNode, PropertyFilterNode)
    case equal(PropertyFilterNode, PropertyFilterNode)
    case compare(Comparison, PropertyFilterNode, PropertyFilterNode)
    case isNull(PropertyFilterNode)
    case isIn(property: Int, list: Set<[UInt8]>, isNegated: Bool)
    case text(TextMatch, PropertyFilterNode, part: [UInt8], isNegated: Bool)

    var isCondition: Bool {
        switch self {
        case .asCondition, .not, .and, .or, .equal, .compare, .isNull, .isIn, .text: true
        case .constant(let constant): if case .bool = constant { true } else { false }
        case .null, .property, .negate: false
        }
    }
}

/// Builds the tree of an SQL92 filter expression by recursive descent; the grammar and its precedences are Apache's
/// (`consume.md` 2.2).
struct PropertyFilterParser {
    /// Most nested parentheses and prefixes.
    static let depthMax = 64
    /// Most words and signs.
    static let tokensMax = 2_048

    private let tokens: [PropertyFilterToken]
    private var position = 0
    private var depth = 0
    private(set) var names: [[UInt8]] = []

    init(_ expression: String) throws(ModelError) {
        var lexer = PropertyFilterLexer(expression)
        tokens = try lexer.tokens()
        guard tokens.count <= Self.tokensMax else {
            throw ModelError(
                .invalidExpression,
                "the filter expression has \(tokens.count) parts, at most \(Self.tokensMax) are allowed")
        }
    }

    /// The whole expression.
    mutating func parse() throws(ModelError) -> PropertyFilterNode {
        let root = try disjunction()
        guard current.kind == .end else { throw unexpected("AND, OR or the end") }
        return try condition(root)
    }

    // MARK: Tokens

    private var current: PropertyFilterToken { tokens[min(position, tokens.count - 1)] }

    private mutating func take(_ keyword: PropertyFilterKeyword) -> Bool {
        guard current.kind == .keyword(keyword) else { return false }
        position += 1
        return true
    }

    private mutating func take(sign: String) -> Bool {
        guard current.kind == .sign(sign) else { return false }
        position += 1
        return true
    }

    private func isNext(_ keyword: PropertyFilterKeyword) -> Bool {
        position + 1 < tokens.count && tokens[position + 1].kind == .keyword(keyword)
    }

    private func unexpected(_ wanted: String) -> ModelError {
        ModelError(.invalidExpression, "\(current.text) at column \(current.column) where \(wanted) is expected")
    }

    private func fault(_ what: String) -> ModelError {
        ModelError(.invalidExpression, "\(what), before column \(current.column)")
    }

    private mutating func expectString() throws(ModelError) -> [UInt8] {
        guard case .string(let text) = current.kind else { throw unexpected("a string in quotes") }
        position += 1
        return Array(text.utf8)
    }

    // MARK: Grammar, lowest precedence first

    private mutating func disjunction() throws(ModelError) -> PropertyFilterNode {
        var left = try conjunction()
        while take(.or) { left = .or(try condition(left), try condition(try conjunction())) }
        return left
    }

    private mutating func conjunction() throws(ModelError) -> PropertyFilterNode {
        var left = try equality()
        while take(.and) { left = .and(try condition(left), try condition(try equality())) }
        return left
    }

    private mutating func equality() throws(ModelError) -> PropertyFilterNode {
        var left = try comparison()
        while true {
            if take(sign: "=") {
                left = try equal(left, try comparison())
            } else if take(sign: "<>") {
                left = .not(try equal(left, try comparison()))
            } else if take(.is) {
                let isNegated = take(.not)
                guard take(.null) else { throw unexpected("NULL") }
                left = isNegated ? .not(.isNull(left)) : .isNull(left)
            } else {
                return left
            }
        }
    }

    private mutating func comparison() throws(ModelError) -> PropertyFilterNode {
        var left = try unary()
        while true {
            if take(sign: ">") {
                left = try compare(.greater, left, try unary())
            } else if take(sign: ">=") {
                left = try compare(.greaterOrEqual, left, try unary())
            } else if take(sign: "<") {
                left = try compare(.less, left, try unary())
            } else if take(sign: "<=") {
                left = try compare(.lessOrEqual, left, try unary())
            } else if let test = try wordTest(left) {
                left = test
            } else {
                return left
            }
        }
    }

    /// BETWEEN, IN, CONTAINS, STARTSWITH and ENDSWITH, with or without NOT; nil when something else follows.
    private mutating func wordTest(_ left: PropertyFilterNode) throws(ModelError) -> PropertyFilterNode? {
        let words: [PropertyFilterKeyword] = [.between, .in, .contains, .startsWith, .endsWith]
        let isNegated = current.kind == .keyword(.not)
        guard words.contains(where: { isNegated ? isNext($0) : current.kind == .keyword($0) }) else { return nil }
        if isNegated { position += 1 }
        if take(.between) {
            let low = try unary()
            guard take(.and) else { throw unexpected("AND") }
            return try between(left, low, try unary(), isNegated: isNegated)
        }
        if take(.in) { return try list(left, isNegated: isNegated) }
        let match: PropertyFilterNode.TextMatch =
            take(.contains) ? .contains : take(.startsWith) ? .startsWith : .endsWith
        if match == .endsWith { position += 1 }
        guard case .property = left else { throw fault("only a property can be searched for text") }
        return .text(match, left, part: try expectString(), isNegated: isNegated)
    }

    private mutating func list(
        _ left: PropertyFilterNode, isNegated: Bool
    ) throws(ModelError) -> PropertyFilterNode {
        guard case .property(let index) = left else { throw fault("IN needs a property on its left") }
        guard take(sign: "(") else { throw unexpected("(") }
        var list: Set<[UInt8]> = [try expectString()]
        while take(sign: ",") { list.insert(try expectString()) }
        guard take(sign: ")") else { throw unexpected(") or a comma") }
        return .isIn(property: index, list: list, isNegated: isNegated)
    }

    private mutating func unary() throws(ModelError) -> PropertyFilterNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else {
            throw ModelError(
                .invalidExpression, "the filter expression is nested more than \(Self.depthMax) levels deep")
        }
        if take(sign: "+") { return try unary() }
        if take(sign: "-") {
            if case .integer(let magnitude) = current.kind, magnitude == UInt64(Int64.max) + 1 {
                position += 1
                return .constant(.int64(.min))
            }
            return .negate(try unary())
        }
        if take(.not) { return .not(try condition(try unary())) }
        return try primary()
    }

    private mutating func primary() throws(ModelError) -> PropertyFilterNode {
        let token = current
        position += 1
        switch token.kind {
        case .keyword(.true): return .constant(.bool(true))
        case .keyword(.false): return .constant(.bool(false))
        case .keyword(.null): return .null
        case .string(let text): return .constant(.string(Array(text.utf8)))
        case .float(let number): return .constant(.double(number))
        case .integer(let number):
            guard let value = Int64(exactly: number) else {
                throw fault("the number \(number) does not fit into 64 bits")
            }
            return .constant(Int32(exactly: value).map { .int32($0) } ?? .int64(value))
        case .identifier(let name): return .property(index(of: Array(name.utf8)))
        case .sign("("):
            let inner = try disjunction()
            guard take(sign: ")") else { throw unexpected(")") }
            return inner
        default:
            position -= 1
            throw unexpected("a property, a value or (")
        }
    }

    private mutating func index(of name: [UInt8]) -> Int {
        if let known = names.firstIndex(of: name) { return known }
        names.append(name)
        return names.count - 1
    }

    // MARK: Rules on operands

    private func condition(_ node: PropertyFilterNode) throws(ModelError) -> PropertyFilterNode {
        if node.isCondition { return node }
        if case .property = node { return .asCondition(node) }
        if case .null = node { return node }
        throw fault("a value stands where a condition is expected")
    }

    private func equal(
        _ left: PropertyFilterNode, _ right: PropertyFilterNode
    ) throws(ModelError) -> PropertyFilterNode {
        if case .null = left { throw fault("NULL cannot be compared, write IS NULL") }
        if case .null = right { throw fault("NULL cannot be compared, write IS NULL") }
        if case .constant(.bool) = left, case .constant(let other) = right {
            guard case .bool = other else { throw fault("TRUE and FALSE cannot be compared with other values") }
        }
        return .equal(left, right)
    }

    private func compare(
        _ comparison: PropertyFilterNode.Comparison, _ left: PropertyFilterNode, _ right: PropertyFilterNode
    ) throws(ModelError) -> PropertyFilterNode {
        for operand in [left, right] {
            switch operand {
            case .constant(.string), .constant(.bool), .null:
                throw fault("only numbers and properties can be compared by order")
            case _ where operand.isCondition:
                throw fault("a condition cannot be compared by order")
            default: break
            }
        }
        return .compare(comparison, left, right)
    }

    private func between(
        _ value: PropertyFilterNode, _ low: PropertyFilterNode, _ high: PropertyFilterNode, isNegated: Bool
    ) throws(ModelError) -> PropertyFilterNode {
        if case .constant(let low) = low, case .constant(let high) = high,
            let low = low.number, let high = high.number, low > high
        {
            throw fault("the first value of BETWEEN is greater than the second")
        }
        if isNegated { return .or(try compare(.less, value, low), try compare(.greater, value, high)) }
        return .and(try compare(.greaterOrEqual, value, low), try compare(.lessOrEqual, value, high))
    }
}

extension PropertyFilterNode.Constant {
    fileprivate var number: Double? {
        switch self {
        case .int32(let value): Double(value)
        case .int64(let value): Double(value)
        case .double(let value): value
        case .string, .bool: nil
        }
    }
}
