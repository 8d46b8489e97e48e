import DeliveryEngine
import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import ServerSupport
import StorageEngine
import Synchronization

/// A broker without sockets: store, topics, groups, clients and delivery, and the operations on them that the remoting
/// port and the proxy in the same process share. Completions may run on any thread.
///
/// `open()` once before anything is served, `close()` when no more requests come.
package final class Broker: Sendable {
    /// The configuration it was made with.
    package let configuration: BrokerConfiguration
    /// The settings that change at run time.
    package let live: LiveConfiguration
    /// The message store.
    package let store: MessageStore
    /// Sends the log to replicas.
    let replication: ReplicationServer
    /// Whether a send is answered when replicas have it. Here too, as each send asks: without a reference to be counted.
    let waitsForReplicas: Bool
    /// The files of the `config` directory.
    let storage: any RegistryStorage
    /// The topics.
    package let topics: TopicRegistry
    /// The consumer groups.
    package let groups: GroupRegistry
    /// The connected clients.
    package let clients: ClientRegistry
    /// Pop, acknowledge and committed offsets.
    package let delivery: DeliveryService
    /// Delivery of delayed messages.
    package let delay: DelayService
    /// Half messages and how they end.
    package let transactions: TransactionService
    /// Producers in this process, to be asked about transactions besides those that are connected.
    package let localProducers = LocalProducers()
    /// Consumers that are connected to proxies, in this process and others.
    package let proxiedConsumers = ProxiedConsumers()
    /// Consumers that keep their own position.
    package let pulls: PullService
    /// Lite topics: subscriptions and delivery.
    package let lite: LiteService
    /// Whether groups pull or pop.
    package let requestModes: RequestModeRegistry
    /// Where topics are on other brokers; nil for a broker on its own.
    let routeFinder = NIOLockedValueBox<RouteFinder?>(nil)
    /// SQL filters as heartbeats said them last, over restarts.
    let savedFilters: SavedFilters
    /// Queues leased to clients that consume in order.
    let queueLocks = NIOLockedValueBox(QueueLocks())
    /// The wall clock.
    package let nowMillis: @Sendable () -> Int64
    /// When the broker was made.
    package let bootMillis: Int64
    /// Counts of sends and deliveries.
    package let statistics: BrokerStatistics

    let worker: SerialWorker
    /// Waits for the disk instead of event loops, where consumers want old messages.
    let coldReader = SerialWorker(name: "cold-read", jobsMax: 10_000)
    let logger: Logger
    let storeHost: SocketHost
    /// The properties that the broker adds to each message, encoded once.
    let propertySuffix: ByteBuffer
    let anyQueue = Atomic<UInt32>(0)
    /// What it is at.
    let phase = Atomic<Int>(BrokerPhase.starting.rawValue)
    let uniqueKeys: UniqueKeyMaker

    /// Loads the `config` directory.
    package init(
        configuration: BrokerConfiguration, store: MessageStore, storage: any RegistryStorage,
        configurationFile: ConfigurationFileTarget? = nil, nowMillis: @escaping @Sendable () -> Int64, logger: Logger
    ) throws(BrokerError) {
        self.configuration = configuration
        self.store = store
        self.storage = storage
        waitsForReplicas = configuration.replication.limits.needed > 0
        replication = ReplicationServer(
            settings: configuration.replication, store: store, nowMillis: nowMillis, logger: logger)
        let live = LiveConfiguration(configuration, file: configurationFile, nowMillis: nowMillis)
        self.live = live
        let statistics = BrokerStatistics(nowMillis: nowMillis(), countsSizes: configuration.monitor.isEnabled)
        self.statistics = statistics
        self.nowMillis = nowMillis
        self.logger = logger
        bootMillis = nowMillis()
        worker = SerialWorker(name: "registry")
        topics = try TopicRegistry(
            settings: configuration.topics, storage: storage, worker: worker, nowMillis: nowMillis, logger: logger,
            autoCreateTopicEnable: { live.autoCreateTopicEnable })
        groups = try GroupRegistry(
            settings: configuration.groups, storage: storage, worker: worker, nowMillis: nowMillis, logger: logger,
            creates: { isSystem in live.autoCreateSubscriptionGroup || (isSystem && live.enableCreateSysGroup) })
        requestModes = try RequestModeRegistry(storage: storage, worker: worker, logger: logger)
        savedFilters = SavedFilters(storage: storage, logger: logger)
        clients = ClientRegistry(
            configuration: configuration, groups: groups, nowMillis: nowMillis, logger: logger,
            isNotifying: { live.notifyConsumerIDsChangedEnable })
        let host = try Self.storeHost(configuration)
        storeHost = host
        uniqueKeys = UniqueKeyMaker(host: host.bytes)
        propertySuffix = Self.encodeSuffix(configuration)
        let offsets = try ConsumerOffsets(storage: storage, nowMillis: nowMillis, logger: logger)
        let (topics, groups) = (topics, groups)
        let filters = FilterCache()
        delivery = DeliveryService(
            configuration: DeliveryConfiguration(configuration),
            dependencies: DeliveryService.Dependencies(
                store: BrokerDeliveryStore(
                    store: store, storeHost: host, statistics: statistics, nowMillis: nowMillis),
                topic: { LiteService.topic($0, in: { topics.topic($0) }) },
                group: { groups.groupOrCreate($0) },
                createTopic: topics.creator,
                isReadable: { live.permission.contains(.read) },
                isForbidden: { groups.isReadForbidden(group: $0, topic: $1) },
                coldRead: { [coldReader] in coldReader.submit($0) }, files: storage, offsets: offsets, filters: filters,
                nowMillis: nowMillis, statistics: statistics),
            logger: logger)
        lite = LiteService(
            configuration: configuration, delivery: delivery, topics: topics, groups: groups, store: store,
            logger: logger)
        delay = DelayService(
            settings: configuration.delay, store: store, files: storage, runSave: { [worker] in _ = worker.submit($0) },
            nowMillis: nowMillis, logger: logger)
        transactions = TransactionService(
            limits: configuration.transactions,
            dependencies: TransactionService.Dependencies(
                store: BrokerTransactionStore(store: store),
                storeHost: host, topic: { topics.topic($0) }, createTopic: topics.creator,
                producer: localProducers.chooser(with: clients, brokerName: configuration.brokerName), files: storage,
                offsets: offsets, nowMillis: nowMillis),
            logger: logger)
        pulls = PullService(
            configuration: PullConfiguration(configuration),
            dependencies: PullService.Dependencies(
                store: store, topics: topics, groups: groups, clients: clients, delivery: delivery, filters: filters,
                savedFilters: savedFilters, isReadable: { live.permission.contains(.read) }, coldReader: coldReader,
                nowMillis: nowMillis, statistics: statistics))
    }

    /// Opens the store, recovers delivery and starts the background threads. Nothing is served before.
    package func open() throws(BrokerError) {
        let (delivery, delay, pulls, lite) = (delivery, delay, pulls, lite)
        let (statistics, nowMillis) = (statistics, nowMillis)
        store.setDispatchObserver { messages in
            let messages = lite.arrived(messages)
            statistics.countDispatched(messages, nowMillis: nowMillis())
            delay.messagesArrived(messages)
            let arrived = messages.map {
                ArrivedMessage(topic: $0.topic, queueID: $0.queueId, tagsCode: $0.tagsCode)
            }
            delivery.messagesArrived(arrived)
            pulls.messagesArrived(arrived)
        }
        watchStore()
        enter(.readingLog)
        do {
            let report = try store.open()
            logger.info(
                "store open",
                metadata: [
                    "clean": "\(report.wasClean)", "logEnd": "\(report.logEnd)", "readBytes": "\(report.bytesScanned)",
                    "messages": "\(report.messagesScanned)", "queueUnitsWritten": "\(report.unitsWritten)",
                    "tailCut": "\(report.tailWasCut)", "damages": "\(report.damages.count)",
                    "millis": "\(report.durationMillis)",
                ])
        } catch {
            throw BrokerError(.store, "the store in \(configuration.storePath) does not open", cause: error)
        }
        do throws(BrokerError) {
            try recover()
        } catch {
            // It notes what was found missing: the next start builds that from the log.
            try? store.close()
            throw error
        }
        guard delivery.start(), lite.start(), delay.start(), transactions.start(), pulls.start() else {
            throw BrokerError(.store, "no threads for delivery and transactions")
        }
        enter(.ready)
    }

    private func recover() throws(BrokerError) {
        enter(.recoveringDelivery)
        try delivery.recover()
        enter(.recoveringDelays)
        try delay.recover()
        enter(.recoveringTransactions)
        try transactions.recover()
        lite.recover()
        try takeOverReplica()
    }

    /// Writes what is not written yet and closes the store, in the order that lets a start recover everything.
    package func close() throws(BrokerError) {
        enter(.stopping)
        delay.stop()
        transactions.close()
        pulls.close()
        coldReader.close()
        lite.close()
        delivery.close()
        _ = worker.submit { [self] in saveFilters() }
        let drained = ConditionLock(value: 0)
        worker.close {
            drained.lock()
            drained.unlock(withValue: 1)
        }
        if drained.lock(whenValue: 1, timeoutSeconds: Self.registryDrainSeconds) { drained.unlock() }
        // The last records are written: replicas get them too, so that one may take the place of this broker.
        replication.close()
        do {
            try store.close()
        } catch {
            throw BrokerError(.store, "the store in \(configuration.storePath) did not close cleanly", cause: error)
        }
        delay.saveAtEnd()
    }

    /// Longest wait for registry files at the end.
    private static let registryDrainSeconds = 10.0

    /// Takes a topic away: its configuration, queues, offsets and parked requests, and its pop retry topics.
    package func deleteTopic(
        _ name: String, completion: @escaping @Sendable (Result<Void, ServiceError>) -> Void
    ) {
        var names = [name]
        if live.clearRetryTopicWhenDeleteTopic {
            for group in delivery.offsets.groups(topic: name) {
                names.append(NameRules.popRetryTopicV1(topic: name, group: group))
                names.append(NameRules.popRetryTopicV2(topic: name, group: group))
            }
        }
        deleteTopics(names.filter { $0 == name || topics.topic($0) != nil }[...], completion)
    }

    private func deleteTopics(
        _ names: ArraySlice<String>, _ completion: @escaping @Sendable (Result<Void, ServiceError>) -> Void
    ) {
        guard let name = names.first else { return completion(.success(())) }
        let queueCount = topics.topic(name)?.queueCount ?? 0
        topics.delete(name) { [self] deleted in
            if case .failure(let error) = deleted { return completion(.failure(error)) }
            delivery.topicDeleted(name)
            statistics.forget(topic: name)
            pulls.topicDeleted(name, queueCount: queueCount)
            lite.parentDeleted(name)
            do throws(StoreError) {
                try store.deleteTopic(name)
            } catch {
                return completion(.failure(ResponseMapping.answer(to: error)))
            }
            deleteTopics(names.dropFirst(), completion)
        }
    }

    /// Messages handed to consumers since the start.
    package var deliveredCount: Int64 { statistics.delivered }

    /// Drops clients that are not heard of and leases that ran out; call every few seconds.
    package func expireClients() {
        clients.expire()
        let now = nowMillis()
        proxiedConsumers.expire(nowMillis: now)
        queueLocks.withLockedValue { $0.expire(nowMillis: now) }
        lite.expireClients()
        _ = worker.submit { [self] in
            lite.expireTopics()
            saveFilters()
        }
    }

    /// Takes out of the client table what is needed and no more: while the disk is waited for, heartbeats change the table.
    private func saveFilters() {
        savedFilters.save({ kept in clients.ask { $0.sqlGroups(including: kept) } }, nowMillis: nowMillis())
    }

    /// When the message at an offset was stored; 0 when there is none.
    package func storeTimestampMillis(topic: String, queueID: Int32, offset: Int64) -> Int64 {
        store.storeTimestamp(topic: topic, queueId: queueID, queueOffset: offset) ?? 0
    }

    private static func storeHost(_ configuration: BrokerConfiguration) throws(BrokerError) -> SocketHost {
        guard let host = SocketHost(ipAddress: configuration.brokerIP1, port: Int32(configuration.listenPort)) else {
            throw BrokerError(
                .address, "brokerIP1 must be an IP address, as message ids carry it; \(configuration.brokerIP1) is not")
        }
        return host
    }

    private static func encodeSuffix(_ configuration: BrokerConfiguration) -> ByteBuffer {
        let pairs = [
            (name: PropertyName.region, value: configuration.regionID),
            (name: PropertyName.traceOn, value: configuration.isTraceOn ? "true" : "false"),
            (name: PropertyName.cluster, value: configuration.clusterName),
        ]
        var suffix = ByteBuffer(string: PropertyText.encode(pairs))
        // Apache stores property text without the separator at its end.
        suffix.moveWriterIndex(to: suffix.writerIndex - 1)
        return suffix
    }
}

extension DeliveryConfiguration {
    /// The part of the broker's configuration that is about delivery.
    init(_ configuration: BrokerConfiguration) {
        self.init()
        waitersMax = configuration.waitersMax
        waitersPerKeyMax = configuration.waitersPerQueueMax
        reviveQueueCount = configuration.topics.reviveQueueCount
        offsetSaveIntervalMillis = configuration.flushConsumerOffsetMillis
    }
}

extension PullConfiguration {
    /// The part of the broker's configuration that is about pulls.
    init(_ configuration: BrokerConfiguration) {
        self.init()
        countMax = configuration.pullCountMax
        bytesMax = configuration.pullBytesMax
        waitersMax = configuration.waitersMax
        shortPollMillis = configuration.longPollingEnable ? nil : configuration.shortPollingMillis
        isLitePullEnabled = configuration.litePullMessageEnable
        isPropertyFilterEnabled = configuration.enablePropertyFilter
    }
}
