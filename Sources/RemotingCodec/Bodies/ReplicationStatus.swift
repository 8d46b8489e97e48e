import MessageModel

/// The body of GET_BROKER_HA_STATUS (907), Apache's HARuntimeInfo: how replication goes, seen by a master or by a slave.
package struct ReplicationStatus: JSONBody, Hashable {
    /// A slave, as its master sees it.
    package struct Replica: Hashable, Sendable {
        /// Its address.
        package var address: String
        /// Everything before is in its log.
        package var ackedOffset: Int64
        /// Bytes that it lacks.
        package var behindBytes: Int64
        /// Whether it counts as a copy.
        package var isInSync: Bool
        /// What it is sent next.
        package var nextOffset: Int64
        /// What it is sent in a second.
        package var bytesPerSecond: Int64

        /// A slave.
        package init(
            address: String, ackedOffset: Int64, behindBytes: Int64, isInSync: Bool, nextOffset: Int64,
            bytesPerSecond: Int64
        ) {
            self.address = address
            self.ackedOffset = ackedOffset
            self.behindBytes = behindBytes
            self.isInSync = isInSync
            self.nextOffset = nextOffset
            self.bytesPerSecond = bytesPerSecond
        }
    }

    /// A slave, as it sees itself; nothing but zeros at a master.
    package struct Own: Hashable, Sendable {
        /// Its master; nil at a master.
        package var masterAddress: String?
        /// Where its log ends.
        package var logEnd: Int64 = 0
        /// Where its master's ends.
        package var masterLogEnd: Int64 = 0
        /// When its master was last heard of, and told something; milliseconds since 1970.
        package var heardMillis: Int64 = 0
        /// When its master was last told something.
        package var reportedMillis: Int64 = 0
        /// What it gets in a second.
        package var bytesPerSecond: Int64 = 0

        /// Of a master.
        package init() {}
    }

    /// Whether a master tells.
    package var isMaster: Bool
    /// End of the master's log.
    package var logEnd: Int64
    /// Its slaves.
    package var replicas: [Replica] = []
    /// The slave itself.
    package var own = Own()

    /// A status without slaves.
    package init(isMaster: Bool, logEnd: Int64) {
        self.isMaster = isMaster
        self.logEnd = logEnd
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "replication status")
        isMaster = fields.value("master") == .bool(true)
        logEnd = try fields.int64("masterCommitLogMaxOffset", default: 0)
        for element in try fields.array("haConnectionInfo") ?? [] {
            let fields = try JSONFields(element, of: "replica")
            replicas.append(
                Replica(
                    address: try fields.string("addr") ?? "",
                    ackedOffset: try fields.int64("slaveAckOffset", default: 0),
                    behindBytes: try fields.int64("diff", default: 0), isInSync: fields.value("inSync") == .bool(true),
                    nextOffset: try fields.int64("transferFromWhere", default: 0),
                    bytesPerSecond: try fields.int64("transferredByteInSecond", default: 0)))
        }
        guard let value = fields.value("haClientRuntimeInfo") else { return }
        let slave = try JSONFields(value, of: "slave")
        own.masterAddress = try slave.string("masterAddr")
        own.logEnd = try slave.int64("maxOffset", default: 0)
        own.masterLogEnd = try slave.int64("masterFlushOffset", default: 0)
        own.heardMillis = try slave.int64("lastReadTimestamp", default: 0)
        own.reportedMillis = try slave.int64("lastWriteTimestamp", default: 0)
        own.bytesPerSecond = try slave.int64("transferredByteInSecond", default: 0)
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "haClientRuntimeInfo": .object(ownJSON),
            "haConnectionInfo": .array(
                replicas.map { replica in
                    [
                        "addr": .string(replica.address), "diff": .integer(replica.behindBytes),
                        "inSync": .bool(replica.isInSync), "slaveAckOffset": .integer(replica.ackedOffset),
                        "transferFromWhere": .integer(replica.nextOffset),
                        "transferredByteInSecond": .integer(replica.bytesPerSecond),
                    ]
                }),
            "inSyncSlaveNums": .integer(Int64(replicas.count { $0.isInSync })), "master": .bool(isMaster),
            "masterCommitLogMaxOffset": .integer(logEnd),
        ]
    }

    private var ownJSON: JSONObject {
        var object: JSONObject = [
            "lastReadTimestamp": .integer(own.heardMillis), "lastWriteTimestamp": .integer(own.reportedMillis),
        ]
        if let address = own.masterAddress { object.append("masterAddr", .string(address)) }
        object.append("masterFlushOffset", .integer(own.masterLogEnd))
        object.append("maxOffset", .integer(own.logEnd))
        object.append("transferredByteInSecond", .integer(own.bytesPerSecond))
        return object
    }
}
