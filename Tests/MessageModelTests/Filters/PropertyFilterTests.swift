import Testing

@testable import MessageModel

/// An expression, the properties of a message, and whether it passes.
private struct Sample: CustomStringConvertible {
    var expression: String
    var properties: [(name: String, value: String)]
    var passes: Bool

    init(_ expression: String, _ properties: KeyValuePairs<String, String>, _ passes: Bool) {
        self.expression = expression
        self.properties = properties.map { (name: $0.key, value: $0.value) }
        self.passes = passes
    }

    var description: String { "\(expression) on \(properties)" }
}

@Suite struct PropertyFilterTests {
    private func check(_ samples: [Sample]) throws {
        for sample in samples {
            let filter = try PropertyFilter(sample.expression)
            let text = Array(PropertyText.encode(sample.properties).utf8)
            let passes = text.withUnsafeBytes { filter.matches(properties: $0) }
            #expect(passes == sample.passes, "\(sample)")
        }
    }

    private func fault(_ expression: String) -> String? {
        do throws(ModelError) {
            _ = try PropertyFilter(expression)
            return nil
        } catch {
            #expect(error.code == .invalidExpression)
            return error.message
        }
    }

    @Test func comparesNumbersByTheKindOfTheLiteral() throws {
        try check([
            Sample("a > 4", ["a": "5"], true), Sample("a > 4", ["a": "4"], false), Sample("a >= 4", ["a": "4"], true),
            Sample("a < -1", ["a": "-2"], true), Sample("a <= 4", ["a": "+4"], true), Sample("4 < a", ["a": "5"], true),
            // An integer literal reads no fractions and nothing over 32 bits, a wide one does.
            Sample("a > 4", ["a": "5.5"], false), Sample("a > 4", ["a": "3000000000"], false),
            Sample("a > 4.0", ["a": "5.5"], true), Sample("a > 4.0", ["a": "3000000000"], true),
            Sample("a > 2999999999", ["a": "3000000000"], true), Sample("a = 5L", ["a": "5"], true),
            Sample("a = .5", ["a": "0.5"], true), Sample("a = 5.", ["a": "5"], true),
            Sample("a < 1e3", ["a": "1E2"], true),
            Sample("a = 1.5", ["a": " 1.5d "], true), Sample("a > 1.5", ["a": "NaN"], true),
            Sample("a > -9223372036854775808", ["a": "-9223372036854775807"], true),
            // What cannot be read spoils the whole expression.
            Sample("a > 4 OR b = 'x'", ["a": "z", "b": "x"], false),
            Sample("b = 'x' OR a > 4", ["a": "z", "b": "x"], true),
            Sample("a > b", ["a": "10", "b": "9.5"], true), Sample("a > b", ["a": "x", "b": "y"], false),
            Sample("1 < 2", [:], true), Sample("2147483648 > 1", [:], true), Sample("1.5 > 1", [:], true),
        ])
    }

    @Test func comparesTextAndTruth() throws {
        try check([
            Sample("a = 'x'", ["a": "x"], true), Sample("a = 'x'", ["a": "X"], false),
            Sample("A = 'x'", ["a": "x"], false), Sample("a = 'it''s'", ["a": "it's"], true),
            Sample("a <> 'x'", ["a": "y"], true), Sample("a = b", ["a": "1", "b": "1"], true),
            Sample("a = TRUE", ["a": "True"], true), Sample("a = TRUE", ["a": "yes"], false),
            Sample("a = false", ["a": "yes"], true), Sample("TRUE = a", ["a": "true"], false),
            Sample("TRUE", [:], true), Sample("FALSE OR TRUE", [:], true), Sample("TRUE = TRUE", [:], true),
            // Text cannot be true, and NOT reaches only as far as the next value.
            Sample("a", ["a": "true"], false), Sample("NOT a = 'x'", ["a": "y"], false),
            Sample("NOT (a = 'x')", ["a": "y"], true), Sample("'1' = 1", [:], true), Sample("1 = 'x'", [:], false),
            Sample("1 <> TRUE", [:], true),
        ])
    }

    @Test func missingPropertiesAreUnknown() throws {
        try check([
            Sample("a = 'x'", [:], false), Sample("a <> 'x'", [:], false), Sample("'x' <> a", [:], true),
            Sample("NOT (a = 'x')", [:], false), Sample("a > 4", [:], false), Sample("NOT (a > 4)", [:], false),
            Sample("a IS NULL", [:], true), Sample("a IS NULL", ["a": "1"], false),
            Sample("a IS NOT NULL", ["a": "1"], true), Sample("a is not null", [:], false),
            Sample("a = 1 OR TRUE", [:], true), Sample("a = 1 AND TRUE", [:], false),
            Sample("NOT (a = 1 AND FALSE)", [:], true), Sample("a IN ('x')", [:], false),
            Sample("a NOT IN ('x')", [:], false), Sample("a = b", [:], true), Sample("-a = 1", ["a": "1"], false),
            Sample("NULL IS NULL", [:], true),
        ])
    }

    @Test func hasRangesListsAndParts() throws {
        try check([
            Sample("a BETWEEN 2 AND 5", ["a": "2"], true), Sample("a BETWEEN 2 AND 5", ["a": "6"], false),
            Sample("a NOT BETWEEN 2 AND 5", ["a": "6"], true), Sample("a NOT BETWEEN 2 AND 5", ["a": "5"], false),
            Sample("a BETWEEN -5 AND 5", ["a": "-5"], true),
            Sample("a IN ('x', 'y')", ["a": "y"], true), Sample("a NOT IN ('x', 'y')", ["a": "z"], true),
            Sample("a IN ('x')", ["a": "y"], false), Sample("a CONTAINS 'bc'", ["a": "abcd"], true),
            Sample("a NOT CONTAINS 'bc'", ["a": "abcd"], false), Sample("a contains 'abcde'", ["a": "abcd"], false),
            Sample("a STARTSWITH 'ab'", ["a": "abcd"], true), Sample("a ENDSWITH 'cd'", ["a": "abcd"], true),
            Sample("a NOT STARTSWITH 'ab'", ["a": "xy"], true), Sample("a NOT ENDSWITH 'cd'", ["a": "cd"], false),
            Sample("a CONTAINS ''", ["a": "x"], false), Sample("a NOT CONTAINS 'x'", [:], false),
            Sample(
                "a BETWEEN 2 AND 5 AND TAGS IN ('TagA','TagB') AND name <> 'x'",
                ["name": "y", "a": "3", "TAGS": "TagB"], true),
        ])
    }

    @Test func bindsAsApacheDoes() throws {
        try check([
            Sample("FALSE AND FALSE OR TRUE", [:], true), Sample("FALSE AND (FALSE OR TRUE)", [:], false),
            Sample("TRUE OR TRUE AND FALSE", [:], true), Sample("NOT FALSE AND FALSE", [:], false),
            Sample("a > 1 = TRUE", ["a": "2"], true), Sample("((a) = ('x'))", ["a": "x"], true),
            Sample("a/* comment */ = -- to the end\n 'x'", ["a": "x"], true), Sample("$a_1 = 'x'", ["$a_1": "x"], true),
            // The last of equal names counts, as everywhere.
            Sample("a = 'y'", ["a": "x", "a": "y"], true),
        ])
    }

    @Test func saysWhatIsWrong() {
        #expect(fault("a >> 3 (") == "> at column 4 where a property, a value or ( is expected")
        #expect(fault("a = 'x") == "a string has no closing quote, it begins at column 5")
        #expect(fault("a = 1 b") == "b at column 7 where AND, OR or the end is expected")
        #expect(fault("a # 1") == "unexpected character # at column 3")
        #expect(fault("(a = 1") == "the end at column 7 where ) is expected")
        for expression in [
            "", "a", "a = NULL", "a <> NULL", "a > 'x'", "a > TRUE", "a BETWEEN 5 AND 2", "'x' IN ('x')", "a IN (1)",
            "a IN ()", "a CONTAINS b", "1 + 2 = 3", "a LIKE 'x'", "a = 0.0", "a = 012", "a = 9223372036854775808",
            "a = 1e999", "5", "'x'", "NOT 5", "a = 5x", "a IS 5", "/* no end", "(a = 1) > 2", "TRUE = 1",
            "-'x' AND TRUE",
            "a AND 5", "'x' STARTSWITH 'x'",
        ] {
            // A property alone is an expression, though never true.
            #expect(fault(expression) != nil || expression == "a", "\(expression)")
        }
    }

    @Test func isBounded() {
        let deep = String(repeating: "(", count: 100) + "a = 1" + String(repeating: ")", count: 100)
        #expect(fault(deep)?.contains("nested") == true)
        #expect(fault(String(repeating: "NOT ", count: 100) + "(a = 1)")?.contains("nested") == true)
        #expect(fault(String(repeating: "- ", count: 100) + "1 = 1")?.contains("nested") == true)
        let long = Array(repeating: "a = 1", count: 1_000).joined(separator: " OR ")
        #expect(fault(long)?.contains("parts") == true)
        #expect(fault("a = '" + String(repeating: "x", count: 20_000) + "'")?.contains("bytes") == true)
    }

    @Test func brokenPropertyTextIsNoProblem() throws {
        let filter = try PropertyFilter("a = 'x'")
        for text in ["", "\u{1}", "\u{2}\u{2}", "a", "a\u{1}", "\u{1}x\u{2}", "a\u{1}x", "b\u{2}a\u{1}x\u{2}"] {
            let bytes = Array(text.utf8)
            let passes = bytes.withUnsafeBytes { filter.matches(properties: $0) }
            #expect(passes == (text == "a\u{1}x" || text.hasPrefix("b")), "\(text.debugDescription)")
        }
    }

    @Test func arbitraryTextNeverTraps() {
        let words = [
            "a", "b", "NOT", "AND", "OR", "(", ")", "=", "<>", "<", ">=", "1", "2.5", "'x'", "IN", "BETWEEN", "IS",
            "NULL", "TRUE", "-", "+", ",", "CONTAINS", "''", "9223372036854775808", "/*", "*/", "--", "é",
        ]
        var generator = SystemRandomNumberGenerator()
        let properties = Array("a\u{1}5\u{2}b\u{1}x\u{2}".utf8)
        for _ in 0..<3_000 {
            let count = Int.random(in: 1...12, using: &generator)
            let expression = (0..<count).map { _ in words[Int.random(in: 0..<words.count, using: &generator)] }
                .joined(separator: " ")
            guard let filter = try? PropertyFilter(expression) else { continue }
            _ = properties.withUnsafeBytes { filter.matches(properties: $0) }
        }
    }
}
