/// A JSON value, read leniently (see `JSONParser`) and written as Apache's peers expect it.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// Reads one value; anything but blanks after it is an error.
    ///
    /// Besides standard JSON it takes what fastjson writes: unquoted integer keys `{0:5}` and values as keys `{{…}:5}`.
    package init(
        parsing bytes: some Collection<UInt8>, depthMax: Int = 64, valuesMax: Int = 2_000_000
    ) throws(JSONError) {
        let contiguous = bytes.withContiguousStorageIfAvailable {
            JSONParser.parse($0, depthMax: depthMax, valuesMax: valuesMax)
        }
        let result =
            contiguous
            ?? Array(bytes).withUnsafeBufferPointer {
                JSONParser.parse($0, depthMax: depthMax, valuesMax: valuesMax)
            }
        self = try result.get()
    }

    /// Writes the value.
    ///
    /// - Parameters:
    ///   - pretty: tabs and line ends as in Apache's config files.
    ///   - unquotedIntegerKeys: fastjson's own form, integer keys bare and values as keys; else such keys are quoted.
    ///   - escapesNonASCII: everything outside ASCII as `\uXXXX`.
    package func serialize(
        pretty: Bool = false, unquotedIntegerKeys: Bool = false, escapesNonASCII: Bool = false
    ) -> [UInt8] {
        var writer = JSONWriter(pretty: pretty, bareKeys: unquotedIntegerKeys, escapesNonASCII: escapesNonASCII)
        writer.write(self)
        return writer.bytes
    }

    /// The value as text, in the standard form.
    package var serializedText: String { String(decoding: serialize(), as: UTF8.self) }
}

// MARK: - Access

extension JSONValue {
    /// The text of a string.
    package var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The number, also when written as a string or as a whole double.
    package var int64: Int64? {
        switch self {
        case .integer(let number): number
        case .string(let text): Int64(text)
        case .double(let number): Int64(exactly: number)
        default: nil
        }
    }

    /// The number when it fits.
    package var int32: Int32? { int64.flatMap { Int32(exactly: $0) } }

    /// The number as a double.
    package var double: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .double(let number): number
        case .string(let text): Double(text)
        default: nil
        }
    }

    /// The truth value, also when written as a string.
    package var flag: Bool? {
        switch self {
        case .bool(let flag): flag
        case .string("true"): true
        case .string("false"): false
        default: nil
        }
    }

    /// The elements of an array.
    package var elements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The members of an object.
    package var members: JSONObject? {
        if case .object(let object) = self { object } else { nil }
    }

    /// The member of an object; nil when absent or not an object.
    package subscript(_ key: String) -> JSONValue? { members?[key] }

    /// Whether it is null.
    package var isNull: Bool { self == .null }
}

extension JSONValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (key, value) in elements { object.append(key, value) }
        self = .object(object)
    }

    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(nilLiteral: ()) { self = .null }
}
