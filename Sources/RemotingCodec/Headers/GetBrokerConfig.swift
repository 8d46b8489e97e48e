/// Response header of GET_BROKER_CONFIG (26).
package struct GetBrokerConfigResponseHeader: RemotingHeader, Hashable {
    /// The data version, as JSON.
    package var version: String

    /// A header to send.
    package init(version: String) {
        self.version = version
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        version = try fields.string("version")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("version", version)
    }
}
