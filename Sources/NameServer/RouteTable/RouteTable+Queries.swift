import MessageModel

extension RouteTable {
    private static let memberTopicPrefix = "rmq_sys_SYNC_BROKER_MEMBER_"

    /// Topic flag bits: the topic is of a unit, the topic has subscriptions of units.
    package enum UnitFlag {
        package static let unit: Int32 = 1
        package static let unitSubscription: Int32 = 2
    }

    /// Where a topic lives, brokers by name; nil when no broker offers it (GET_ROUTEINFO_BY_TOPIC).
    package func route(of topic: String) -> TopicRoute? {
        guard let byBroker = topicQueues[topic], !byBroker.isEmpty else { return nil }
        let queues = byBroker.values.sorted { $0.brokerName < $1.brokerName }
        var route = TopicRoute(queues: queues, brokers: queues.compactMap { brokers[$0.brokerName] })
        guard !route.brokers.isEmpty else { return nil }
        if !filterServers.isEmpty {
            for broker in route.brokers {
                for address in broker.addresses.values {
                    let process = BrokerProcess(cluster: broker.cluster, address: address)
                    if let servers = filterServers[process] { route.filterServers[address] = servers }
                }
            }
        }
        route.queueMappings = queueMappings[topic]
        if options.supportActingMaster, !topic.hasPrefix(Self.memberTopicPrefix) { showActingMasters(in: &route) }
        return route
    }

    /// Clients look for id 0 only: where the master is gone and its deputy takes over, the deputy is shown as 0.
    private func showActingMasters(in route: inout TopicRoute) {
        for index in route.brokers.indices {
            let broker = route.brokers[index]
            guard broker.enableActingMaster, broker.masterAddress == nil, let deputy = broker.addresses.keys.min(),
                let queue = route.queues.first(where: { $0.brokerName == broker.brokerName }),
                !queue.permission.contains(.write)
            else { continue }
            route.brokers[index].addresses[0] = route.brokers[index].addresses.removeValue(forKey: deputy)
        }
    }

    /// All brokers and clusters (GET_BROKER_CLUSTER_INFO).
    package var clusterView: ClusterView { ClusterView(brokers: brokers, clusters: clusters) }

    /// All topics in alphabetical order (GET_ALL_TOPIC_LIST_FROM_NAMESERVER).
    package var topicNames: [String] { topicQueues.keys.sorted() }

    /// The topics on the brokers of a cluster (GET_TOPICS_BY_CLUSTER).
    package func topics(ofCluster cluster: String) -> [String] {
        guard let names = clusters[cluster] else { return [] }
        return topicQueues.filter { topic in topic.value.keys.contains { names.contains($0) } }.keys.sorted()
    }

    /// The names of clusters and brokers, which are topics of the system, and one broker to ask for the others
    /// (GET_SYSTEM_TOPIC_LIST_FROM_NS).
    package var systemTopics: (topics: [String], brokerAddress: String?) {
        let address = brokers.values.min { $0.brokerName < $1.brokerName }?.preferredAddress
        return (clusters.keys.sorted() + brokers.keys.sorted(), address)
    }

    /// The topics whose flag satisfies a test.
    package func topics(whereFlag isWanted: (Int32) -> Bool) -> [String] {
        topicQueues.filter { topic in
            topic.value.values.min { $0.brokerName < $1.brokerName }.map { isWanted($0.topicSysFlag) } ?? false
        }.keys.sorted()
    }

    /// The processes of a broker name, none when it is unknown (GET_BROKER_MEMBER_GROUP).
    package func members(of brokerName: String) -> [Int64: String] { brokers[brokerName]?.addresses ?? [:] }
}
