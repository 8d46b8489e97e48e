import MessageModel

/// Who serves which topic: the state of a name server.
///
/// Brokers register, stay alive by registering again or by heartbeats, and vanish when they unregister, fall silent for
/// longer than their timeout or lose the connection they registered on. Topics exist as long as a broker offers them. A
/// value without clock, lock or socket: time and connection ids are handed in, and what the caller has to do (answer,
/// close a connection) is returned. It does not speak the protocol and keeps nothing on disk.
package struct RouteTable: Sendable {
    /// How much the table takes before it refuses more.
    package struct Limits: Sendable {
        package var brokerProcessesMax = 10_000
        package var topicQueuesMax = 2_000_000
        package var defaultTimeoutMillis: Int64 = 120_000

        /// The limits of a server that sets none.
        package init() {}
    }

    /// Switches from `namesrv.conf`.
    package struct Options: Sendable {
        /// A registration removes the broker's topics that it does not name.
        package var deleteTopicWithBrokerRegistration = false
        /// Routes of a broker without a master show its acting master as one.
        package var supportActingMaster = false

        /// Apache's defaults.
        package init() {}
    }

    struct Live: Sendable {
        var brokerName: String
        var lastSeenMillis: Int64
        var timeoutMillis: Int64
        var dataVersion: DataVersion
        var connection: UInt64?
        var haServerAddress: String
    }

    package let limits: Limits
    package var options: Options
    /// Topic, then broker name.
    var topicQueues: [String: [String: QueueRoute]] = [:]
    var brokers: [String: BrokerRoute] = [:]
    var clusters: [String: Set<String>] = [:]
    var live: [BrokerProcess: Live] = [:]
    var filterServers: [BrokerProcess: [String]] = [:]
    var queueMappings: [String: [String: JSONValue]] = [:]
    /// Entries of `topicQueues` over all topics, against the limit.
    private(set) var topicQueueCount = 0

    /// An empty table.
    package init(limits: Limits = Limits(), options: Options = Options()) {
        self.limits = limits
        self.options = options
    }

    // MARK: - Queues

    func queue(_ topic: String, _ brokerName: String) -> QueueRoute? { topicQueues[topic]?[brokerName] }

    /// Sets a broker's queues of a topic; false when the table is full.
    mutating func setQueue(_ topic: String, _ queue: QueueRoute) -> Bool {
        if topicQueues[topic]?[queue.brokerName] == nil {
            guard topicQueueCount < limits.topicQueuesMax else { return false }
            topicQueueCount += 1
        }
        topicQueues[topic, default: [:]][queue.brokerName] = queue
        return true
    }

    mutating func removeQueue(_ topic: String, _ brokerName: String) {
        guard topicQueues[topic]?.removeValue(forKey: brokerName) != nil else { return }
        topicQueueCount -= 1
        if topicQueues[topic]?.isEmpty == true { topicQueues.removeValue(forKey: topic) }
        queueMappings[topic]?.removeValue(forKey: brokerName)
        if queueMappings[topic]?.isEmpty == true { queueMappings.removeValue(forKey: topic) }
    }

    mutating func removeTopic(_ topic: String) {
        topicQueueCount -= topicQueues.removeValue(forKey: topic)?.count ?? 0
        queueMappings.removeValue(forKey: topic)
    }

    /// Changes the permission of a broker's queues in every topic; the number of topics it has.
    mutating func updatePermissions(
        of brokerName: String, _ change: (TopicPermission) -> TopicPermission
    ) -> Int {
        var count = 0
        for topic in topicQueues.keys {
            guard var queue = queue(topic, brokerName) else { continue }
            queue.permission = change(queue.permission)
            topicQueues[topic]?[brokerName] = queue
            count += 1
        }
        return count
    }
}
