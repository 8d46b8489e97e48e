/// Request header of GET_KV_CONFIG (101).
package struct GetKVConfigRequestHeader: RemotingHeader, Hashable {
    /// The namespace.
    package var namespace: String
    /// The key.
    package var key: String

    /// A header to send.
    package init(namespace: String, key: String) {
        self.namespace = namespace
        self.key = key
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        namespace = try fields.string("namespace")
        key = try fields.string("key")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("namespace", namespace)
        writer.write("key", key)
    }
}

/// Response header of GET_KV_CONFIG (101).
package struct GetKVConfigResponseHeader: RemotingHeader, Hashable {
    /// The value.
    package var value: String?

    /// A header to send.
    package init(value: String? = nil) {
        self.value = value
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        value = fields.optionalString("value")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("value", value)
    }
}
