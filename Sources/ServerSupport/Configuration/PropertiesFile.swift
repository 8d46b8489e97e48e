/// Reader of Java property files (`key=value`), the format of `broker.conf` and `namesrv.conf`.
///
/// Understood: `=`, `:` or white space as separator, `#` and `!` comments, a trailing backslash to continue a line, and
/// the escapes `\t \n \r \f \uXXXX`. Unlike Java, white space at the end of a value is dropped: there it is never meant.
package enum PropertiesFile {
    /// Longest file that is read.
    package static let fileBytesMax = 1 << 20

    /// Reads and parses a file.
    package static func load(path: String) throws(ConfigurationError) -> ConfigurationSource {
        try parse(ConfigurationFile.read(path: path, bytesMax: fileBytesMax), file: path)
    }

    /// Parses the bytes of a file.
    package static func parse(_ bytes: [UInt8], file: String) throws(ConfigurationError) -> ConfigurationSource {
        var source = ConfigurationSource(file: file)
        var lines = LogicalLines(bytes: bytes)
        while let (line, number) = lines.next() {
            let (key, value) = try split(line, file: file, line: number)
            if key.isEmpty {
                throw ConfigurationError(.syntax, file: file, line: number, message: "a line without a key")
            }
            source.add(.init(key: key, text: value, line: number))
        }
        return source
    }

    private static func split(
        _ line: [UInt8], file: String, line number: Int
    ) throws(ConfigurationError) -> (key: String, value: String) {
        var key: [UInt8] = []
        var index = 0
        while index < line.count, !isSeparator(line[index]), !isBlank(line[index]) {
            index = try unescape(line, at: index, into: &key, file: file, line: number)
        }
        while index < line.count, isBlank(line[index]) { index += 1 }
        if index < line.count, isSeparator(line[index]) { index += 1 }
        while index < line.count, isBlank(line[index]) { index += 1 }
        var value: [UInt8] = []
        while index < line.count {
            index = try unescape(line, at: index, into: &value, file: file, line: number)
        }
        while let last = value.last, isBlank(last) { value.removeLast() }
        guard let keyText = String(validating: key, as: UTF8.self),
            let valueText = String(validating: value, as: UTF8.self)
        else {
            throw ConfigurationError(.syntax, file: file, line: number, message: "not valid UTF-8")
        }
        return (keyText, valueText)
    }

    /// Appends the character at `index`, resolving an escape; returns the index after it.
    private static func unescape(
        _ line: [UInt8], at index: Int, into out: inout [UInt8], file: String, line number: Int
    ) throws(ConfigurationError) -> Int {
        guard line[index] == UInt8(ascii: "\\"), index + 1 < line.count else {
            out.append(line[index])
            return index + 1
        }
        switch line[index + 1] {
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "n"): out.append(0x0A)
        case UInt8(ascii: "r"): out.append(0x0D)
        case UInt8(ascii: "f"): out.append(0x0C)
        case UInt8(ascii: "u"):
            let digits = line[min(index + 2, line.count)..<min(index + 6, line.count)]
            guard digits.count == 4, let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
                let scalar = Unicode.Scalar(code)
            else {
                throw ConfigurationError(.syntax, file: file, line: number, message: "a bad \\uXXXX escape")
            }
            out.append(contentsOf: Array(String(Character(scalar)).utf8))
            return index + 6
        case let other: out.append(other)
        }
        return index + 2
    }

    private static func isSeparator(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "=") || byte == UInt8(ascii: ":") }

    fileprivate static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0C }
}

/// Lines with comments and blank lines left out and continued lines joined.
private struct LogicalLines {
    let bytes: [UInt8]
    var position = 0
    var number = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func next() -> (line: [UInt8], number: Int)? {
        while var line = nextNatural() {
            guard let first = line.first, first != UInt8(ascii: "#"), first != UInt8(ascii: "!") else { continue }
            let start = number
            while endsWithOddBackslashes(line) {
                line.removeLast()
                guard let more = nextNatural() else { break }
                line.append(contentsOf: more)
            }
            return (line, start)
        }
        return nil
    }

    /// One line of the file without leading white space and line end.
    private mutating func nextNatural() -> [UInt8]? {
        guard position < bytes.count else { return nil }
        number += 1
        var end = position
        while end < bytes.count, bytes[end] != 0x0A, bytes[end] != 0x0D { end += 1 }
        var start = position
        while start < end, PropertiesFile.isBlank(bytes[start]) { start += 1 }
        position = end + 1
        if end + 1 < bytes.count, bytes[end] == 0x0D, bytes[end + 1] == 0x0A { position = end + 2 }
        return Array(bytes[start..<end])
    }

    private func endsWithOddBackslashes(_ line: [UInt8]) -> Bool {
        var count = 0
        for byte in line.reversed() {
            guard byte == UInt8(ascii: "\\") else { break }
            count += 1
        }
        return count % 2 == 1
    }
}
