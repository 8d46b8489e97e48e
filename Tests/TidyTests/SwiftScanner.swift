/// Reads Swift source just well enough to tell code from comments and string literals, line by line.
struct SwiftScanner {
    /// The lines with comments and the inside of string literals blanked out. Line count and indentation are kept.
    static func codeOnly(_ lines: [String]) -> [String] {
        var scanner = SwiftScanner()
        return lines.map { scanner.strip($0) }
    }

    private var blockCommentDepth = 0
    private var isInMultilineString = false

    private mutating func strip(_ line: String) -> String {
        let characters = Array(line)
        var output = ""
        var index = 0
        while index < characters.count {
            if blockCommentDepth > 0 {
                index += skipBlockComment(characters, at: index)
            } else if isInMultilineString {
                index += skipMultilineString(characters, at: index)
            } else if starts("//", characters, index) {
                break
            } else if starts("/*", characters, index) {
                blockCommentDepth = 1
                index += 2
            } else if starts("\"\"\"", characters, index) {
                isInMultilineString = true
                index += 3
            } else if characters[index] == "\"" {
                index = endOfString(characters, after: index)
                output += "\"\""
            } else {
                output.append(characters[index])
                index += 1
            }
        }
        return output
    }

    private mutating func skipBlockComment(_ characters: [Character], at index: Int) -> Int {
        if starts("*/", characters, index) {
            blockCommentDepth -= 1
            return 2
        }
        if starts("/*", characters, index) {
            blockCommentDepth += 1
            return 2
        }
        return 1
    }

    private mutating func skipMultilineString(_ characters: [Character], at index: Int) -> Int {
        guard starts("\"\"\"", characters, index) else { return 1 }
        isInMultilineString = false
        return 3
    }

    /// The index after the closing quote; interpolations may hold further literals.
    private func endOfString(_ characters: [Character], after start: Int) -> Int {
        var index = start + 1
        while index < characters.count {
            if starts("\\(", characters, index) {
                index = endOfInterpolation(characters, after: index + 1)
            } else if characters[index] == "\\" {
                index += 2
            } else if characters[index] == "\"" {
                return index + 1
            } else {
                index += 1
            }
        }
        return index
    }

    private func endOfInterpolation(_ characters: [Character], after start: Int) -> Int {
        var index = start + 1
        var depth = 1
        while index < characters.count, depth > 0 {
            if characters[index] == "\"" {
                index = endOfString(characters, after: index)
                continue
            }
            if characters[index] == "(" { depth += 1 }
            if characters[index] == ")" { depth -= 1 }
            index += 1
        }
        return index
    }

    private func starts(_ text: String, _ characters: [Character], _ index: Int) -> Bool {
        characters[index...].starts(with: text)
    }
}
