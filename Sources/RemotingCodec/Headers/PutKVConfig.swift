/// Request header of PUT_KV_CONFIG (100).
package struct PutKVConfigRequestHeader: RemotingHeader, Hashable {
    /// The namespace.
    package var namespace: String
    /// The key.
    package var key: String
    /// The value.
    package var value: String

    /// A header to send.
    package init(namespace: String, key: String, value: String) {
        self.namespace = namespace
        self.key = key
        self.value = value
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        namespace = try fields.string("namespace")
        key = try fields.string("key")
        value = try fields.string("value")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("namespace", namespace)
        writer.write("key", key)
        writer.write("value", value)
    }
}
