/// Finds functions and measures them, by braces.
enum FunctionFinder {
    struct Function {
        let name: String
        /// Line number of the declaration, from 1.
        let line: Int
        /// From the declaration to the closing brace.
        let lineCount: Int
    }

    static func functions(in lines: [String]) -> [Function] {
        let code = SwiftScanner.codeOnly(lines)
        return code.indices.compactMap { index in
            guard let name = declaredName(code[index]), let end = end(of: index, in: code) else { return nil }
            return Function(name: name, line: index + 1, lineCount: end - index + 1)
        }
    }

    private static func declaredName(_ line: String) -> String? {
        let words = line.split(whereSeparator: { " (<?".contains($0) }).map(String.init)
        for (index, word) in words.enumerated() {
            switch word {
            case "func": return index + 1 < words.count ? words[index + 1] : nil
            case "init", "deinit", "subscript": return word
            case "if", "guard", "let", "var", "return", "self.init", "case", "=": return nil
            default: continue
            }
        }
        return nil
    }

    /// The line of the brace that closes the body; nil for a declaration without a body.
    private static func end(of start: Int, in code: [String]) -> Int? {
        var braces = 0
        var parentheses = 0
        var hasBody = false
        for index in start..<code.count {
            for character in code[index] {
                switch character {
                case "(": parentheses += 1
                case ")": parentheses -= 1
                case "{":
                    braces += 1
                    if parentheses == 0 { hasBody = true }
                case "}": braces -= 1
                default: break
                }
                if hasBody, braces == 0 { return index }
                if braces < 0 { return nil }
            }
            let isDeclarationOver = !hasBody && parentheses == 0 && index > start && declaredName(code[index]) != nil
            if isDeclarationOver { return nil }
        }
        return nil
    }
}
