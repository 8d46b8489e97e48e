/// Request header of DELETE_KV_CONFIG (102).
package struct DeleteKVConfigRequestHeader: RemotingHeader, Hashable {
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
