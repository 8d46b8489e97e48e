import ServerSupport

/// What `broker.conf` says about replication. Keys are Apache's; so are defaults, but that SYNC_MASTER waits for one replica
/// unless `inSyncReplicas` says otherwise: there it waits for none.
package struct ReplicationSettings: Sendable {
    /// `brokerRole`.
    package enum Role: String, CaseIterable, Sendable {
        /// Sends are answered without waiting for replicas.
        case asyncMaster = "ASYNC_MASTER"
        /// Sends are answered when replicas have the message.
        case syncMaster = "SYNC_MASTER"
        /// Keeps a copy of a master's store.
        case slave = "SLAVE"
    }

    /// `brokerRole`.
    package var role = Role.asyncMaster
    /// `haTransferBatchSize`: bytes of the log in one transfer.
    var transferBytes = 32 << 10
    /// The rest.
    var limits = ReplicationLimits()

    /// The defaults.
    package init() {}

    init(_ reader: inout ConfigurationReader) throws(ConfigurationError) {
        role = try reader.choice("brokerRole", default: .asyncMaster)
        let copies = try reader.integer(
            "inSyncReplicas", default: role == .syncMaster ? 2 : 1, in: 1...limits.replicasMax + 1)
        limits.needed = role == .syncMaster ? copies - 1 : 0
        limits.waitMillisMax = Int64(try reader.integer("slaveTimeout", default: 3_000, in: 1...600_000))
        limits.heartbeatMillis = Int64(
            try reader.integer("haSendHeartbeatInterval", default: 5_000, in: 100...600_000))
        limits.silenceMillisMax = Int64(
            try reader.integer("haHousekeepingInterval", default: 20_000, in: 1_000...3_600_000))
        limits.behindBytesMax = Int64(
            try reader.integer("haMaxGapNotInSync", default: 256 << 20, in: 1 << 20...Int.max))
        transferBytes = try reader.integer("haTransferBatchSize", default: 32 << 10, in: 1 << 10...1 << 20)
    }
}
