/// Attribute changes as requests and the command line write them: `+key=value,-key`.
package struct AttributeChanges: Hashable, Sendable {
    /// Attributes to set.
    package var set: [String: String] = [:]
    /// Attributes to remove.
    package var removed: Set<String> = []

    /// Reads `+key=value,-key`; blank text changes nothing.
    package init(parsing text: String) throws(ModelError) {
        for part in text.split(separator: ",") {
            let item = part.trimmingASCIISpace()
            if item.isEmpty { continue }
            switch item.first {
            case "+":
                guard let equals = item.firstIndex(of: "="), item.index(after: item.startIndex) < equals else {
                    throw ModelError(.invalidField, "attribute \(item): +key=value expected")
                }
                let key = item[item.index(after: item.startIndex)..<equals].trimmingASCIISpace()
                let value = item[item.index(after: equals)...].trimmingASCIISpace()
                guard !key.isEmpty, set[String(key)] == nil, !removed.contains(String(key)) else {
                    throw ModelError(.invalidField, "attribute \(item): the key is empty or occurs twice")
                }
                set[String(key)] = String(value)
            case "-":
                let key = item.dropFirst().trimmingASCIISpace()
                guard !key.isEmpty, !key.contains("="), set[String(key)] == nil, !removed.contains(String(key)) else {
                    throw ModelError(.invalidField, "attribute \(item): -key expected, once")
                }
                removed.insert(String(key))
            default:
                throw ModelError(.invalidField, "attribute \(item): +key=value or -key expected")
            }
        }
    }

    /// The attributes after the change; setting is allowed only for keys of `known` (nil: any).
    package func applied(to attributes: [String: String], known: Set<String>? = nil) throws(ModelError) -> [String:
        String]
    {
        var result = attributes
        for (key, value) in set {
            if let known, !known.contains(key) { throw ModelError(.invalidField, "unsupported attribute \(key)") }
            result[key] = value
        }
        for key in removed {
            guard result.removeValue(forKey: key) != nil else {
                throw ModelError(.invalidField, "attempt to delete a nonexistent attribute \(key)")
            }
        }
        return result
    }
}
