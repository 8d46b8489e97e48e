import MessageModel

/// What a broker says about itself and its topics when it registers.
package struct BrokerRegistration: Sendable {
    package var cluster: String
    package var brokerName: String
    package var address: String
    /// 0 is the master.
    package var brokerId: Int64
    package var haServerAddress: String
    package var zoneName: String?
    /// How long it may be silent; nil for the server's default.
    package var heartbeatTimeoutMillis: Int64?
    /// Nil from a broker older than 5.0.
    package var enableActingMaster: Bool?
    package var dataVersion: DataVersion
    package var topics: [TopicConfig]
    package var filterServers: [String] = []
    /// Topic to the mapping of its static queues on this broker.
    package var queueMappings: [String: JSONValue] = [:]

    /// Makes a registration.
    package init(
        cluster: String, brokerName: String, address: String, brokerId: Int64, haServerAddress: String = "",
        heartbeatTimeoutMillis: Int64? = nil, enableActingMaster: Bool? = false, dataVersion: DataVersion,
        topics: [TopicConfig]
    ) {
        self.cluster = cluster
        self.brokerName = brokerName
        self.address = address
        self.brokerId = brokerId
        self.haServerAddress = haServerAddress
        self.heartbeatTimeoutMillis = heartbeatTimeoutMillis
        self.enableActingMaster = enableActingMaster
        self.dataVersion = dataVersion
        self.topics = topics
    }
}

/// What the broker learns from its registration.
package struct RegistrationAnswer: Hashable, Sendable {
    /// The HA address of the live master, for a slave.
    package var haServerAddress: String?
    /// The address of the live master, for a slave.
    package var masterAddress: String?

    /// Makes an answer.
    package init(haServerAddress: String? = nil, masterAddress: String? = nil) {
        self.haServerAddress = haServerAddress
        self.masterAddress = masterAddress
    }
}

/// One broker process: its address within its cluster.
package struct BrokerProcess: Hashable, Sendable {
    package var cluster: String
    package var address: String

    /// Makes a name.
    package init(cluster: String, address: String) {
        self.cluster = cluster
        self.address = address
    }
}

/// Brokers by name, and names by cluster.
package struct ClusterView: Hashable, Sendable {
    package var brokers: [String: BrokerRoute]
    package var clusters: [String: Set<String>]

    /// Makes a view.
    package init(brokers: [String: BrokerRoute], clusters: [String: Set<String>]) {
        self.brokers = brokers
        self.clusters = clusters
    }
}
