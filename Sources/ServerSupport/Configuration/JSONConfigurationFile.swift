import MessageModel

/// Reader of JSON configuration files (`rmq-proxy.json`): one object whose members are the keys.
package enum JSONConfigurationFile {
    /// Longest file that is read.
    package static let fileBytesMax = 1 << 20

    /// Reads and parses a file.
    package static func load(path: String) throws(ConfigurationError) -> ConfigurationSource {
        try parse(ConfigurationFile.read(path: path, bytesMax: fileBytesMax), file: path)
    }

    /// Parses the bytes of a file.
    package static func parse(_ bytes: [UInt8], file: String) throws(ConfigurationError) -> ConfigurationSource {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: bytes)
        } catch {
            throw ConfigurationError(.syntax, file: file, message: "is not valid JSON: \(error)")
        }
        guard case .object(let object) = value else {
            throw ConfigurationError(.syntax, file: file, message: "must be one JSON object")
        }
        var source = ConfigurationSource(file: file)
        let lines = memberLines(bytes)
        for (index, member) in object.enumerated() {
            source.add(
                .init(
                    key: member.key.text, text: text(member.value), json: member.value,
                    line: index < lines.count ? lines[index] : 1))
        }
        return source
    }

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): text
        case .integer(let number): String(number)
        case .bool(let flag): String(flag)
        case .null: ""
        case .double, .array, .object: String(decoding: value.serialize(), as: UTF8.self)
        }
    }

    /// One-based lines of the keys of the outermost object of a valid JSON text, in file order.
    private static func memberLines(_ bytes: [UInt8]) -> [Int] {
        var lines: [Int] = []
        var line = 1
        var depth = 0
        var isKeyExpected = false
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case 0x0A: line += 1
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                isKeyExpected = depth == 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: ","): isKeyExpected = depth == 1
            case UInt8(ascii: "\""):
                if isKeyExpected { lines.append(line) }
                isKeyExpected = false
                index += 1
                while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
                    index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
                }
            case 0x20, 0x09, 0x0D: break
            default:
                if isKeyExpected { lines.append(line) }
                isKeyExpected = false
            }
            index += 1
        }
        return lines
    }
}
