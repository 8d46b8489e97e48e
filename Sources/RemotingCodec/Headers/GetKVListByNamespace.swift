/// Request header of GET_KVLIST_BY_NAMESPACE (219).
package struct GetKVListByNamespaceRequestHeader: RemotingHeader, Hashable {
    /// The namespace.
    package var namespace: String

    /// A header to send.
    package init(namespace: String) {
        self.namespace = namespace
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        namespace = try fields.string("namespace")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("namespace", namespace)
    }
}
