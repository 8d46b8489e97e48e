/// Request header of GET_BROKER_CONSUME_STATS (317).
package struct GetBrokerConsumeStatsRequestHeader: RemotingHeader, Hashable {
    /// Only groups that consume in order, or only the others.
    package var isOrder: Bool

    /// A header to send.
    package init(isOrder: Bool) {
        self.isOrder = isOrder
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        isOrder = try fields.bool("isOrder")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("isOrder", isOrder)
    }
}
