import MessageModel

/// Operators' key-value settings by namespace, such as the queue order of topics; the only thing a name server keeps.
package struct SettingsTable: Hashable, Sendable {
    /// The namespace of fixed queue orders: topic to `brokerA:4;brokerB:4`.
    package static let orderTopicNamespace = "ORDER_TOPIC_CONFIG"
    package static let entriesMax = 100_000
    package static let entryBytesMax = 64 * 1024

    private var namespaces: [String: [String: String]] = [:]
    private var count = 0

    /// An empty table.
    package init() {}

    /// A value.
    package subscript(namespace: String, key: String) -> String? { namespaces[namespace]?[key] }

    /// All values of a namespace, nil when it does not exist.
    package func values(in namespace: String) -> [String: String]? { namespaces[namespace] }

    /// Sets a value.
    package mutating func put(namespace: String, key: String, value: String) throws(ServiceError) {
        guard namespace.utf8.count + key.utf8.count + value.utf8.count <= Self.entryBytesMax else {
            throw ServiceError(code: .invalidParameter, message: "KV entry is over \(Self.entryBytesMax) bytes")
        }
        if namespaces[namespace]?[key] == nil {
            guard count < Self.entriesMax else {
                throw ServiceError(code: .systemBusy, message: "KV table is full, \(Self.entriesMax) entries")
            }
            count += 1
        }
        namespaces[namespace, default: [:]][key] = value
    }

    /// Removes a value; the namespace stays, as in Apache.
    package mutating func delete(namespace: String, key: String) {
        if namespaces[namespace]?.removeValue(forKey: key) != nil { count -= 1 }
    }

    /// The content of `kvConfig.json`.
    package var json: JSONValue {
        [
            "configTable": .object(
                JSONObject(sorted: namespaces) { .object(JSONObject(sorted: $0) { .string($0) }) })
        ]
    }

    /// Reads the content of `kvConfig.json`.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "KV config")
        for namespace in try fields.object("configTable") ?? JSONObject() {
            let values = try JSONFields(["values": namespace.value], of: "KV config").strings("values")
            namespaces[namespace.key.text] = values
            count += values.count
        }
    }
}
