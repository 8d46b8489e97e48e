import MessageModel

extension RouteTable {
    /// Takes a registration (REGISTER_BROKER).
    ///
    /// A topic is taken over when the broker is new, when its data version changed or when the topic is; a registration
    /// that lacks topics does not remove them unless an option says so.
    package mutating func register(
        _ registration: BrokerRegistration, connection: UInt64?, nowMillis: Int64
    ) throws(ServiceError) -> RegistrationAnswer {
        let process = BrokerProcess(cluster: registration.cluster, address: registration.address)
        guard live[process] != nil || live.count < limits.brokerProcessesMax else {
            throw ServiceError(
                code: .systemBusy, message: "broker table is full, \(limits.brokerProcessesMax) processes")
        }
        if let known = live[process]?.brokerName, known != registration.brokerName {
            // The process has a new name: under the old one nothing would ever expire.
            unregister(process, brokerName: known)
        }
        if let known = brokers[registration.brokerName], known.cluster != registration.cluster {
            clusters[known.cluster]?.remove(registration.brokerName)
            if clusters[known.cluster]?.isEmpty == true { clusters.removeValue(forKey: known.cluster) }
        }
        clusters[registration.cluster, default: []].insert(registration.brokerName)
        let isNewName = brokers[registration.brokerName] == nil
        var broker =
            brokers[registration.brokerName]
            ?? BrokerRoute(cluster: registration.cluster, brokerName: registration.brokerName, addresses: [:])
        broker.cluster = registration.cluster
        broker.enableActingMaster = registration.enableActingMaster ?? false
        broker.zoneName = registration.zoneName
        // A process that changed its role must not stand under both ids.
        for (id, address) in broker.addresses where address == registration.address && id != registration.brokerId {
            broker.addresses.removeValue(forKey: id)
        }
        if isStale(registration, known: broker) {
            brokers[registration.brokerName] = broker
            live.removeValue(forKey: process)
            return RegistrationAnswer()
        }
        let isNewId = broker.addresses[registration.brokerId] == nil
        if isNewId, registration.topics.count == 1 {
            // The change of one topic overtook the first full registration: taking it would hide all other topics.
            if !isNewName || broker.addresses.isEmpty { forgetIfEmpty(broker) }
            throw ServiceError(code: .systemError, message: "register broker failed")
        }
        broker.addresses[registration.brokerId] = registration.address
        brokers[registration.brokerName] = broker
        let isComplete = takeTopics(
            of: registration, process: process, broker: broker, isFirst: isNewName || isNewId)
        live[process] = Live(
            brokerName: registration.brokerName, lastSeenMillis: nowMillis,
            timeoutMillis: registration.heartbeatTimeoutMillis ?? limits.defaultTimeoutMillis,
            dataVersion: registration.dataVersion, connection: connection,
            haServerAddress: registration.haServerAddress)
        filterServers[process] = registration.filterServers.isEmpty ? nil : registration.filterServers
        guard isComplete else { throw tableIsFull }
        return answer(to: registration, broker: broker)
    }

    /// Whether another live process holds the id with newer state: a deposed master that does not know it yet.
    private func isStale(_ registration: BrokerRegistration, known broker: BrokerRoute) -> Bool {
        guard let holder = broker.addresses[registration.brokerId], holder != registration.address,
            let entry = live[BrokerProcess(cluster: registration.cluster, address: holder)]
        else { return false }
        return entry.dataVersion.stateVersion > registration.dataVersion.stateVersion
    }

    private mutating func forgetIfEmpty(_ broker: BrokerRoute) {
        guard broker.addresses.isEmpty else {
            brokers[broker.brokerName] = broker
            return
        }
        removeBrokerName(broker.brokerName)
    }

    /// Takes the topics that are new or changed; false when the table had no room for all of them.
    private mutating func takeTopics(
        of registration: BrokerRegistration, process: BrokerProcess, broker: BrokerRoute, isFirst: Bool
    ) -> Bool {
        let isPrimeSlave =
            registration.enableActingMaster != nil && registration.brokerId != 0
            && broker.addresses.keys.min() == registration.brokerId
        guard registration.brokerId == 0 || isPrimeSlave else { return true }
        var isComplete = true
        let isChanged = live[process]?.dataVersion != registration.dataVersion
        for topic in registration.topics
        where isFirst || isChanged || queue(topic.name, registration.brokerName) == nil {
            var permission = topic.permission
            if isPrimeSlave, broker.enableActingMaster { permission.remove(.write) }
            let queue = QueueRoute(
                brokerName: registration.brokerName, readQueueCount: topic.readQueueCount,
                writeQueueCount: topic.writeQueueCount, permission: permission, topicSysFlag: topic.sysFlag)
            if !setQueue(topic.name, queue) { isComplete = false }
        }
        if options.deleteTopicWithBrokerRegistration, registration.queueMappings.isEmpty {
            removeTopics(of: registration.brokerName, except: Set(registration.topics.map(\.name)))
        }
        if isFirst || isChanged {
            // A mapping goes with its topic; without one nothing would remove it.
            for (topic, mapping) in registration.queueMappings
            where queue(topic, registration.brokerName) != nil {
                queueMappings[topic, default: [:]][registration.brokerName] = mapping
            }
        }
        return isComplete
    }

    private var tableIsFull: ServiceError {
        ServiceError(code: .systemBusy, message: "topic table is full, \(limits.topicQueuesMax) entries")
    }

    private mutating func removeTopics(of brokerName: String, except named: Set<String>) {
        for topic in Array(topicQueues.keys) where !named.contains(topic) { removeQueue(topic, brokerName) }
    }

    private func answer(to registration: BrokerRegistration, broker: BrokerRoute) -> RegistrationAnswer {
        guard registration.brokerId != 0, let master = broker.masterAddress,
            let entry = live[BrokerProcess(cluster: registration.cluster, address: master)]
        else { return RegistrationAnswer() }
        return RegistrationAnswer(haServerAddress: entry.haServerAddress, masterAddress: master)
    }

    /// Takes the queues of one topic (REGISTER_TOPIC_IN_NAMESRV); queues of unknown brokers are left out.
    package mutating func registerTopic(_ topic: String, queues: [QueueRoute]) throws(ServiceError) {
        for queue in queues where brokers[queue.brokerName] != nil {
            guard setQueue(topic, queue) else { throw tableIsFull }
        }
    }

    /// Removes a topic, from the brokers of one cluster or from all (DELETE_TOPIC_IN_NAMESRV).
    package mutating func deleteTopic(_ topic: String, cluster: String?) {
        guard let cluster, !cluster.isEmpty else { return removeTopic(topic) }
        for brokerName in clusters[cluster] ?? [] { removeQueue(topic, brokerName) }
    }

    /// Takes the write permission from all topics of a broker; the number of topics (WIPE_WRITE_PERM_OF_BROKER).
    package mutating func wipeWritePermission(of brokerName: String) -> Int {
        updatePermissions(of: brokerName) { $0.subtracting(.write) }
    }

    /// Gives all topics of a broker read and write permission; the number of topics (ADD_WRITE_PERM_OF_BROKER).
    package mutating func addWritePermission(of brokerName: String) -> Int {
        updatePermissions(of: brokerName) { _ in .readWrite }
    }
}
