/// Request header of GET_PRODUCER_CONNECTION_LIST (204).
package struct GetProducerConnectionListRequestHeader: RemotingHeader, Hashable {
    /// The producer group.
    package var producerGroup: String

    /// A header to send.
    package init(producerGroup: String) {
        self.producerGroup = producerGroup
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        producerGroup = try fields.string("producerGroup")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("producerGroup", producerGroup)
    }
}
