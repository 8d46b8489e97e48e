/// A word or sign of an SQL92 filter expression, with the place where it starts.
struct PropertyFilterToken: Sendable {
    enum Kind: Hashable, Sendable {
        case keyword(PropertyFilterKeyword)
        case identifier(String)
        case string(String)
        /// The magnitude; the sign is an operator. 2^63 is the largest, for the smallest negative number.
        case integer(UInt64)
        case float(Double)
        /// One of `= <> > >= < <= ( ) , + -`.
        case sign(String)
        case end
    }

    var kind: Kind
    /// Counted from 1, in characters.
    var column: Int

    /// The token in messages.
    var text: String {
        switch kind {
        case .keyword(let keyword): keyword.rawValue
        case .identifier(let name): name
        case .string(let text): "'\(text)'"
        case .integer(let number): String(number)
        case .float(let number): String(number)
        case .sign(let sign): sign
        case .end: "the end"
        }
    }
}

/// The reserved words, in any case.
enum PropertyFilterKeyword: String, CaseIterable, Sendable {
    case not = "NOT"
    case and = "AND"
    case or = "OR"
    case between = "BETWEEN"
    case `in` = "IN"
    case `true` = "TRUE"
    case `false` = "FALSE"
    case null = "NULL"
    case `is` = "IS"
    case contains = "CONTAINS"
    case startsWith = "STARTSWITH"
    case endsWith = "ENDSWITH"
}

/// Takes an SQL92 filter expression apart (`consume.md` 2.2).
struct PropertyFilterLexer {
    private let characters: [Unicode.Scalar]
    private var index = 0

    init(_ expression: String) {
        characters = Array(expression.unicodeScalars)
    }

    /// All tokens, `end` last.
    mutating func tokens() throws(ModelError) -> [PropertyFilterToken] {
        var tokens: [PropertyFilterToken] = []
        while true {
            try skipBlanks()
            let column = index + 1
            let kind = try next(column)
            tokens.append(PropertyFilterToken(kind: kind, column: column))
            if kind == .end { return tokens }
        }
    }

    private func peek(_ distance: Int = 0) -> Unicode.Scalar? {
        index + distance < characters.count ? characters[index + distance] : nil
    }

    private func fault(_ what: String, _ column: Int) -> ModelError {
        ModelError(.invalidExpression, "\(what) at column \(column)")
    }

    private mutating func skipBlanks() throws(ModelError) {
        while let character = peek() {
            switch character {
            case " ", "\t", "\n", "\r", "\u{C}":
                index += 1
            case "-" where peek(1) == "-":
                while let other = peek(), other != "\n", other != "\r" { index += 1 }
            case "/" where peek(1) == "*":
                let column = index + 1
                index += 2
                while peek() != "*" || peek(1) != "/" {
                    guard peek() != nil else { throw fault("a comment has no end, it begins", column) }
                    index += 1
                }
                index += 2
            default: return
            }
        }
    }

    private mutating func next(_ column: Int) throws(ModelError) -> PropertyFilterToken.Kind {
        guard let character = peek() else { return .end }
        switch character {
        case "=", "(", ")", ",", "+", "-":
            index += 1
            return .sign(String(Character(character)))
        case ">", "<":
            index += 1
            guard let second = peek(), second == "=" || (character == "<" && second == ">") else {
                return .sign(String(Character(character)))
            }
            index += 1
            return .sign(String(Character(character)) + String(Character(second)))
        case "'":
            return .string(try string(column))
        case "0"..."9", ".":
            return try number(column)
        case _ where Self.startsName(character):
            return word()
        default:
            throw fault("unexpected character \(Character(character))", column)
        }
    }

    private static func startsName(_ character: Unicode.Scalar) -> Bool {
        switch character {
        case "a"..."z", "A"..."Z", "_", "$": true
        default: false
        }
    }

    private static func isDigit(_ character: Unicode.Scalar?) -> Bool {
        character.map { ("0"..."9").contains($0) } ?? false
    }

    private mutating func word() -> PropertyFilterToken.Kind {
        var name = String.UnicodeScalarView()
        while let character = peek(), Self.startsName(character) || Self.isDigit(character) {
            name.append(character)
            index += 1
        }
        let text = String(name)
        return PropertyFilterKeyword(rawValue: text.uppercased()).map { .keyword($0) } ?? .identifier(text)
    }

    private mutating func string(_ column: Int) throws(ModelError) -> String {
        var text = String.UnicodeScalarView()
        index += 1
        while let character = peek() {
            index += 1
            guard character == "'" else {
                text.append(character)
                continue
            }
            guard peek() == "'" else { return String(text) }
            text.append(character)
            index += 1
        }
        throw fault("a string has no closing quote, it begins", column)
    }

    private mutating func number(_ column: Int) throws(ModelError) -> PropertyFilterToken.Kind {
        let start = index
        while Self.isDigit(peek()) { index += 1 }
        var isFloat = false
        if peek() == "." {
            isFloat = true
            index += 1
            while Self.isDigit(peek()) { index += 1 }
        }
        if peek() == "e" || peek() == "E" {
            let sign = peek(1) == "+" || peek(1) == "-" ? 1 : 0
            if Self.isDigit(peek(1 + sign)) {
                isFloat = true
                index += 1 + sign
                while Self.isDigit(peek()) { index += 1 }
            }
        }
        let digits = String(String.UnicodeScalarView(characters[start..<index]))
        if isFloat { return .float(try float(digits, column)) }
        if digits.count > 1, digits.hasPrefix("0") {
            throw fault("a number must not begin with 0: \(digits)", column)
        }
        if peek() == "l" || peek() == "L" { index += 1 }
        if let character = peek(), Self.startsName(character) {
            throw fault("unexpected character \(Character(character)) in a number", index + 1)
        }
        guard let value = UInt64(digits), value <= UInt64(Int64.max) + 1 else {
            throw fault("the number \(digits) does not fit into 64 bits", column)
        }
        return .integer(value)
    }

    private func float(_ digits: String, _ column: Int) throws(ModelError) -> Double {
        // Swift reads no number that begins or ends with the point.
        var text = digits.hasPrefix(".") ? "0" + digits : digits
        if let point = text.firstIndex(of: "."), !(text[text.index(after: point)...].first?.isNumber ?? false) {
            text.insert("0", at: text.index(after: point))
        }
        // Apache's bounds: positive, and not so small that it is 0.
        guard digits != ".", let value = Double(text), value >= .leastNonzeroMagnitude, value.isFinite else {
            throw fault("the number \(digits) is not between 4.9e-324 and 1.8e308 (write 0 for zero)", column)
        }
        return value
    }
}
