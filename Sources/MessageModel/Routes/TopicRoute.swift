/// The queues a broker offers for a topic.
package struct QueueRoute: Hashable, Sendable {
    package var brokerName: String
    package var readQueueCount: Int32
    package var writeQueueCount: Int32
    package var permission: TopicPermission
    package var topicSysFlag: Int32

    /// Makes a queue route.
    package init(
        brokerName: String, readQueueCount: Int32, writeQueueCount: Int32, permission: TopicPermission,
        topicSysFlag: Int32 = 0
    ) {
        self.brokerName = brokerName
        self.readQueueCount = readQueueCount
        self.writeQueueCount = writeQueueCount
        self.permission = permission
        self.topicSysFlag = topicSysFlag
    }
}

/// The processes behind one broker name.
package struct BrokerRoute: Hashable, Sendable {
    package var cluster: String
    package var brokerName: String
    /// Broker id to `host:port`; id 0 is the master.
    package var addresses: [Int64: String]
    package var zoneName: String?
    package var enableActingMaster: Bool

    /// Makes a broker route.
    package init(
        cluster: String, brokerName: String, addresses: [Int64: String], zoneName: String? = nil,
        enableActingMaster: Bool = false
    ) {
        self.cluster = cluster
        self.brokerName = brokerName
        self.addresses = addresses
        self.zoneName = zoneName
        self.enableActingMaster = enableActingMaster
    }

    /// The address of the master, if there is one.
    package var masterAddress: String? { addresses[0] }

    /// The master's address, else that of the smallest id.
    package var preferredAddress: String? { addresses[0] ?? addresses.min { $0.key < $1.key }?.value }
}

/// Where a topic lives.
package struct TopicRoute: Hashable, Sendable {
    /// `brokerA:4;brokerB:4` for a topic with a fixed global order.
    package var orderTopicConf: String?
    package var queues: [QueueRoute]
    package var brokers: [BrokerRoute]
    /// Broker address to filter servers; empty with every server of today.
    package var filterServers: [String: [String]]
    /// Broker name to the mapping of a static topic, kept as it came.
    package var queueMappings: [String: JSONValue]?

    /// Makes a route.
    package init(
        orderTopicConf: String? = nil, queues: [QueueRoute] = [], brokers: [BrokerRoute] = [],
        filterServers: [String: [String]] = [:], queueMappings: [String: JSONValue]? = nil
    ) {
        self.orderTopicConf = orderTopicConf
        self.queues = queues
        self.brokers = brokers
        self.filterServers = filterServers
        self.queueMappings = queueMappings
    }
}
