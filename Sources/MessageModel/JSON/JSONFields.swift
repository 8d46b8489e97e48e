/// Typed access to the members of an object, with errors that name the field and the thing it belongs to.
package struct JSONFields: Sendable {
    /// The members.
    package let members: JSONObject
    private let owner: String

    /// Wraps an object; anything else is an error.
    package init(_ value: JSONValue, of owner: String) throws(ModelError) {
        guard case .object(let members) = value else {
            throw ModelError(.invalidField, "\(owner): a JSON object is expected")
        }
        self.members = members
        self.owner = owner
    }

    private func member(_ key: String) -> JSONValue? {
        guard let value = members[key], !value.isNull else { return nil }
        return value
    }

    private func wrong(_ key: String, _ kind: String) -> ModelError {
        ModelError(.invalidField, "\(owner): \(key) must be \(kind)")
    }

    /// A text, nil when absent or null.
    package func string(_ key: String) throws(ModelError) -> String? {
        guard let value = member(key) else { return nil }
        switch value {
        case .string(let text): return text
        case .integer(let number): return String(number)
        default: throw wrong(key, "a string")
        }
    }

    /// A text with a default.
    package func string(_ key: String, default fallback: String) throws(ModelError) -> String {
        try string(key) ?? fallback
    }

    /// A text that must be there.
    package func requiredString(_ key: String) throws(ModelError) -> String {
        guard let text = try string(key) else { throw ModelError(.invalidField, "\(owner): \(key) is missing") }
        return text
    }

    /// A number with a default.
    package func int64(_ key: String, default fallback: Int64) throws(ModelError) -> Int64 {
        guard let value = member(key) else { return fallback }
        guard let number = value.int64 else { throw wrong(key, "a whole number") }
        return number
    }

    /// A 32-bit number with a default.
    package func int32(_ key: String, default fallback: Int32) throws(ModelError) -> Int32 {
        guard let value = member(key) else { return fallback }
        guard let number = value.int32 else { throw wrong(key, "a 32-bit number") }
        return number
    }

    /// A truth value with a default.
    package func bool(_ key: String, default fallback: Bool) throws(ModelError) -> Bool {
        guard let value = member(key) else { return fallback }
        guard let flag = value.flag else { throw wrong(key, "true or false") }
        return flag
    }

    /// A nested object, nil when absent or null.
    package func object(_ key: String) throws(ModelError) -> JSONObject? {
        guard let value = member(key) else { return nil }
        guard let members = value.members else { throw wrong(key, "an object") }
        return members
    }

    /// A nested value, nil when absent or null.
    package func value(_ key: String) -> JSONValue? { member(key) }

    /// A list, nil when absent or null.
    package func array(_ key: String) throws(ModelError) -> [JSONValue]? {
        guard let value = member(key) else { return nil }
        guard let elements = value.elements else { throw wrong(key, "a list") }
        return elements
    }

    /// An object of texts, empty when absent.
    package func strings(_ key: String) throws(ModelError) -> [String: String] {
        var table: [String: String] = [:]
        for entry in try object(key) ?? JSONObject() where !entry.value.isNull {
            switch entry.value {
            case .string(let text): table[entry.key.text] = text
            case .integer(let number): table[entry.key.text] = String(number)
            case .bool(let flag): table[entry.key.text] = flag ? "true" : "false"
            default: throw wrong(key, "an object of strings")
            }
        }
        return table
    }
}
