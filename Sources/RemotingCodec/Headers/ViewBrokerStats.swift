/// Request header of VIEW_BROKER_STATS_DATA (315).
package struct ViewBrokerStatsRequestHeader: RemotingHeader, Hashable {
    /// What is counted, such as TOPIC_PUT_NUMS.
    package var statsName: String
    /// Of what: a topic, `topic@group` or a cluster.
    package var statsKey: String

    /// A header to send.
    package init(statsName: String, statsKey: String) {
        self.statsName = statsName
        self.statsKey = statsKey
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        statsName = try fields.string("statsName")
        statsKey = try fields.string("statsKey")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("statsName", statsName)
        writer.write("statsKey", statsKey)
    }
}
