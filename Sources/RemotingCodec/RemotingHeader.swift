/// The typed header of one request or response: decoded from the fields of a frame, written as fields into one.
package protocol RemotingHeader: Sendable {
    /// Reads the header from the fields of a frame.
    init(fields: HeaderFields) throws(RemotingCodecError)
    /// Writes every field that has a value.
    func write(to writer: inout HeaderFieldWriter)
}

/// The header of requests and responses that carry no fields.
package struct EmptyHeader: RemotingHeader, Hashable {
    /// A header without fields.
    package init() {}
    /// Ignores whatever fields there are.
    package init(fields: HeaderFields) throws(RemotingCodecError) {}
    /// Writes nothing.
    package func write(to writer: inout HeaderFieldWriter) {}
}
