import MessageModel

extension RouteTable {
    /// Notes that a broker is alive (BROKER_HEARTBEAT); nothing happens for an unknown one.
    package mutating func heartbeat(_ process: BrokerProcess, nowMillis: Int64) {
        live[process]?.lastSeenMillis = nowMillis
    }

    /// Compares a broker's data version with the one it registered, and notes that it is alive (QUERY_DATA_VERSION).
    package mutating func compareDataVersion(
        of process: BrokerProcess, with version: DataVersion, nowMillis: Int64
    ) -> (changed: Bool, known: DataVersion?) {
        heartbeat(process, nowMillis: nowMillis)
        let known = live[process]?.dataVersion
        return (known != version, known)
    }

    /// Removes one process of a broker; topics that no broker offers any more vanish (UNREGISTER_BROKER).
    package mutating func unregister(_ process: BrokerProcess, brokerName: String) {
        live.removeValue(forKey: process)
        filterServers.removeValue(forKey: process)
        guard var broker = brokers[brokerName] else { return }
        broker.addresses = broker.addresses.filter { $0.value != process.address }
        if broker.addresses.isEmpty {
            removeBrokerName(brokerName)
            for topic in Array(topicQueues.keys) { removeQueue(topic, brokerName) }
            return
        }
        brokers[brokerName] = broker
        if broker.enableActingMaster, broker.masterAddress == nil {
            _ = updatePermissions(of: brokerName) { $0.subtracting(.write) }
        }
    }

    /// Removes the brokers that registered on a connection that is gone; their names.
    package mutating func connectionClosed(_ connection: UInt64) -> [BrokerProcess] {
        remove { $0.connection == connection }.map(\.process)
    }

    /// Removes the brokers that were silent for too long; the connections to close.
    package mutating func expire(nowMillis: Int64) -> [(process: BrokerProcess, connection: UInt64?)] {
        remove { entry in
            let (deadline, overflow) = entry.lastSeenMillis.addingReportingOverflow(entry.timeoutMillis)
            return !overflow && deadline < nowMillis
        }
    }

    private mutating func remove(where isGone: (Live) -> Bool) -> [(process: BrokerProcess, connection: UInt64?)] {
        let gone = live.filter { isGone($0.value) }
        for (process, entry) in gone { unregister(process, brokerName: entry.brokerName) }
        return gone.map { (process: $0.key, connection: $0.value.connection) }
    }

    mutating func removeBrokerName(_ brokerName: String) {
        brokers.removeValue(forKey: brokerName)
        for (cluster, names) in clusters where names.contains(brokerName) {
            clusters[cluster]?.remove(brokerName)
            if clusters[cluster]?.isEmpty == true { clusters.removeValue(forKey: cluster) }
        }
    }
}
