/// Recursive-descent reader of JSON and of fastjson's two extensions (integers and whole values as keys).
///
/// Depth and the number of values are bounded, so a small hostile text cannot grow without limit.
struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private let depthMax: Int
    private var valuesLeft: Int

    static func parse(
        _ bytes: UnsafeBufferPointer<UInt8>, depthMax: Int, valuesMax: Int
    ) -> Result<JSONValue, JSONError> {
        var parser = JSONParser(bytes: bytes, depthMax: depthMax, valuesMax: valuesMax)
        do throws(JSONError) {
            let value = try parser.value(depth: 0)
            parser.skipBlanks()
            guard parser.position == bytes.count else { throw parser.failure("text after the end of the value") }
            return .success(value)
        } catch {
            return .failure(error)
        }
    }

    private init(bytes: UnsafeBufferPointer<UInt8>, depthMax: Int, valuesMax: Int) {
        self.bytes = bytes
        self.depthMax = depthMax
        self.valuesLeft = valuesMax
    }

    private func failure(_ what: String) -> JSONError {
        JSONError(.malformedJSON, "malformed JSON at byte \(position): \(what)")
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while let unit = current, unit == 0x20 || unit == 0x0A || unit == 0x0D || unit == 0x09 { position += 1 }
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth <= depthMax else { throw failure("nested deeper than \(depthMax)") }
        guard valuesLeft > 0 else { throw failure("too many values") }
        valuesLeft -= 1
        skipBlanks()
        switch current {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case .some(let unit) where unit == UInt8(ascii: "-") || (0x30...0x39).contains(unit): return try number()
        case .some: throw failure("unexpected character")
        case nil: throw failure("the text ends early")
        }
    }

    private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let count = text.utf8CodeUnitCount
        guard bytes.count - position >= count else { throw failure("unexpected character") }
        for index in 0..<count where bytes[position + index] != text.utf8Start[index] {
            throw failure("unexpected character")
        }
        position += count
        return value
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
        position += 1
        var object = JSONObject()
        skipBlanks()
        if current == UInt8(ascii: "}") {
            position += 1
            return object
        }
        while true {
            let key = try key(depth: depth)
            skipBlanks()
            guard current == UInt8(ascii: ":") else { throw failure("':' expected") }
            position += 1
            object.append(key, try value(depth: depth + 1))
            skipBlanks()
            switch current {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "}"):
                position += 1
                return object
            default: throw failure("',' or '}' expected")
            }
        }
    }

    private mutating func key(depth: Int) throws(JSONError) -> JSONKey {
        switch try value(depth: depth + 1) {
        case .string(let text): return .text(text)
        case .integer(let number): return .integer(number)
        case .object(let object): return .value(.object(object))
        default: throw failure("not a key")
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
        position += 1
        var elements: [JSONValue] = []
        skipBlanks()
        if current == UInt8(ascii: "]") {
            position += 1
            return elements
        }
        while true {
            elements.append(try value(depth: depth + 1))
            skipBlanks()
            switch current {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "]"):
                position += 1
                return elements
            default: throw failure("',' or ']' expected")
            }
        }
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        var isInteger = true
        while let unit = current {
            switch unit {
            case 0x30...0x39, UInt8(ascii: "-"): break
            case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"): isInteger = false
            default:
                return try finishNumber(start: start, isInteger: isInteger)
            }
            position += 1
        }
        return try finishNumber(start: start, isInteger: isInteger)
    }

    private func finishNumber(start: Int, isInteger: Bool) throws(JSONError) -> JSONValue {
        guard position - start <= 64 else { throw failure("number too long") }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let number = Int64(text) { return .integer(number) }
        guard let number = Double(text), number.isFinite else { throw failure("not a number") }
        return .double(number)
    }
}

// MARK: - Strings

extension JSONParser {
    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        while let unit = current {
            if unit == UInt8(ascii: "\"") {
                let text = try decode(bytes[start..<position])
                position += 1
                return text
            }
            if unit == UInt8(ascii: "\\") { return try escapedString(from: start) }
            position += 1
        }
        throw failure("unterminated string")
    }

    private func decode(_ units: some Collection<UInt8>) throws(JSONError) -> String {
        guard let text = String(validating: units, as: UTF8.self) else { throw failure("not UTF-8") }
        return text
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var units = Array(bytes[start..<position])
        while let unit = current {
            position += 1
            if unit == UInt8(ascii: "\"") { return try decode(units) }
            if unit == UInt8(ascii: "\\") { try escape(into: &units) } else { units.append(unit) }
        }
        throw failure("unterminated string")
    }

    private mutating func escape(into units: inout [UInt8]) throws(JSONError) {
        guard let unit = current else { throw failure("unterminated string") }
        position += 1
        switch unit {
        case UInt8(ascii: "n"): units.append(0x0A)
        case UInt8(ascii: "t"): units.append(0x09)
        case UInt8(ascii: "r"): units.append(0x0D)
        case UInt8(ascii: "b"): units.append(0x08)
        case UInt8(ascii: "f"): units.append(0x0C)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "'"): units.append(unit)
        case UInt8(ascii: "u"): append(scalar: try unicodeEscape(), to: &units)
        default: throw failure("unknown escape")
        }
    }

    /// One `\u` escape, or two that form a surrogate pair; half a pair becomes the replacement character.
    private mutating func unicodeEscape() throws(JSONError) -> Unicode.Scalar {
        let replacement: Unicode.Scalar = "\u{FFFD}"
        let first = try hexUnit()
        guard (0xD800...0xDFFF).contains(first) else { return Unicode.Scalar(first) ?? replacement }
        guard first < 0xDC00, bytes.count - position >= 6, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        else { return replacement }
        let mark = position
        position += 2
        let second = try hexUnit()
        guard (0xDC00...0xDFFF).contains(second) else {
            position = mark
            return replacement
        }
        return Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)) ?? replacement
    }

    private mutating func hexUnit() throws(JSONError) -> UInt32 {
        guard bytes.count - position >= 4 else { throw failure("four hexadecimal digits expected") }
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Hex.value(bytes[position]) else { throw failure("four hexadecimal digits expected") }
            unit = unit << 4 | UInt32(digit)
            position += 1
        }
        return unit
    }

    private func append(scalar: Unicode.Scalar, to units: inout [UInt8]) {
        for unit in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { units.append(unit) }
    }
}
