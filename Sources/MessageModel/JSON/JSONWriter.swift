/// Writes JSON the way Apache's serializer does: no blanks, or tabs in files; bare integer keys when asked.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    private let pretty: Bool
    private let bareKeys: Bool
    private let escapesNonASCII: Bool
    private var depth = 0

    init(pretty: Bool, bareKeys: Bool, escapesNonASCII: Bool) {
        self.pretty = pretty
        self.bareKeys = bareKeys
        self.escapesNonASCII = escapesNonASCII
    }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: raw("null")
        case .bool(let flag): raw(flag ? "true" : "false")
        case .integer(let number): raw(String(number))
        case .double(let number): raw(number.isFinite ? String(number) : "null")
        case .string(let text): quoted(text)
        case .array(let elements): array(elements)
        case .object(let object): self.object(object)
        }
    }

    private mutating func array(_ elements: [JSONValue]) {
        byte("[")
        for (index, element) in elements.enumerated() {
            if index > 0 { byte(",") }
            write(element)
        }
        byte("]")
    }

    private mutating func object(_ object: JSONObject) {
        byte("{")
        depth += 1
        for (index, member) in object.enumerated() {
            if index > 0 { byte(",") }
            // Apache's files keep members with integer keys on one line; only the closing brace starts a new one.
            if case .text = member.key { newLine() }
            key(member.key)
            byte(":")
            write(member.value)
        }
        depth -= 1
        if !object.isEmpty { newLine() }
        byte("}")
    }

    private mutating func key(_ key: JSONKey) {
        switch key {
        case .text(let text): quoted(text)
        case .integer(let number): bareKeys ? raw(String(number)) : quoted(String(number))
        case .value(let value): bareKeys ? write(value) : quoted(value.serializedText)
        }
    }

    private mutating func newLine() {
        guard pretty else { return }
        byte("\n")
        for _ in 0..<depth { byte("\t") }
    }

    private mutating func quoted(_ text: String) {
        byte("\"")
        if escapesNonASCII && !text.utf8.allSatisfy({ $0 < 0x80 }) {
            for unit in text.utf16 {
                if unit < 0x80 { character(UInt8(unit)) } else { unicodeEscape(unit) }
            }
        } else {
            for unit in text.utf8 { character(unit) }
        }
        byte("\"")
    }

    private mutating func character(_ unit: UInt8) {
        switch unit {
        case UInt8(ascii: "\""): raw("\\\"")
        case UInt8(ascii: "\\"): raw("\\\\")
        case 0x08: raw("\\b")
        case 0x09: raw("\\t")
        case 0x0A: raw("\\n")
        case 0x0C: raw("\\f")
        case 0x0D: raw("\\r")
        case 0..<0x20, 0x7F: unicodeEscape(UInt16(unit))
        default: bytes.append(unit)
        }
    }

    private mutating func unicodeEscape(_ unit: UInt16) {
        raw("\\u")
        for shift in [12, 8, 4, 0] { bytes.append(Hex.lowerDigit(UInt8((unit >> UInt16(shift)) & 0xF))) }
    }

    private mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }
    private mutating func byte(_ scalar: Unicode.Scalar) { bytes.append(UInt8(ascii: scalar)) }
}
