/// Header of EXCHANGE_BROKER_HA_INFO (906), request and response: a slave asks its master with nothing in it.
package struct ExchangeBrokerHAInfoHeader: RemotingHeader, Hashable {
    /// Where the master sends its log; nil asks.
    package var masterHaAddress: String?
    /// Everything before is on the master's disk.
    package var masterFlushOffset: Int64?
    /// The master's main port.
    package var masterAddress: String?

    /// A header to send.
    package init(masterHaAddress: String? = nil, masterFlushOffset: Int64? = nil, masterAddress: String? = nil) {
        self.masterHaAddress = masterHaAddress
        self.masterFlushOffset = masterFlushOffset
        self.masterAddress = masterAddress
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        masterHaAddress = fields.optionalString("masterHaAddress")
        masterFlushOffset = try fields.optionalInt64("masterFlushOffset")
        masterAddress = fields.optionalString("masterAddress")
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("masterHaAddress", masterHaAddress)
        writer.write("masterFlushOffset", masterFlushOffset)
        writer.write("masterAddress", masterAddress)
    }
}
