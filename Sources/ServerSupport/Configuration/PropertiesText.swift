/// Changes in the text of a property file that leave comments, order and all other keys as they are.
package enum PropertiesText {
    /// The text with values set: in the place of the key, or at the end for a key that is not there.
    package static func setting(_ values: [(key: String, value: String)], in text: [UInt8]) -> [UInt8] {
        var left = values
        var result: [UInt8] = []
        for chunk in chunks(of: text) {
            guard let key = key(of: chunk), let value = values.first(where: { $0.key == key })?.value else {
                result += chunk
                continue
            }
            left.removeAll { $0.key == key }
            result += line(key, value)
        }
        if let last = result.last, last != UInt8(ascii: "\n"), !left.isEmpty { result.append(UInt8(ascii: "\n")) }
        for entry in left { result += line(entry.key, entry.value) }
        return result
    }

    /// One `key=value` line that reads back as given.
    package static func line(_ key: String, _ value: String) -> [UInt8] {
        Array("\(key)=\(escaped(value))\n".utf8)
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// Lines with their line ends, those that a backslash continues together.
    private static func chunks(of text: [UInt8]) -> [[UInt8]] {
        var chunks: [[UInt8]] = []
        var isContinued = false
        for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if isContinued, !chunks.isEmpty {
                chunks[chunks.count - 1] += line
            } else {
                chunks.append(Array(line))
            }
            let backslashes = line.reversed().drop { $0 == UInt8(ascii: "\r") }.prefix { $0 == UInt8(ascii: "\\") }
            isContinued = !isComment(line) && !backslashes.count.isMultiple(of: 2)
            chunks[chunks.count - 1].append(UInt8(ascii: "\n"))
        }
        // Splitting takes the end of the last line for the begin of another one.
        if chunks.last == [UInt8(ascii: "\n")] { chunks.removeLast() }
        return chunks
    }

    private static func isComment(_ line: ArraySlice<UInt8>) -> Bool {
        let first = line.first { $0 != 0x20 && $0 != 0x09 }
        return first == UInt8(ascii: "#") || first == UInt8(ascii: "!")
    }

    private static func key(of chunk: [UInt8]) -> String? {
        (try? PropertiesFile.parse(chunk, file: "line"))?.entries.first?.key
    }
}
