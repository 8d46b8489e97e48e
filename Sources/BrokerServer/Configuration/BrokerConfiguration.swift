import DeliveryEngine
import MessageModel
import NIOCore
import ServerSupport
import StorageEngine

/// Everything that `broker.conf` and the command line say, decoded once at start. Key names and defaults are Apache's.
package struct BrokerConfiguration: Sendable {
    /// Name of the cluster.
    package var clusterName = "DefaultCluster"
    /// Name of this broker group; the host name unless told.
    package var brokerName = "DEFAULT_BROKER"
    /// 0 is the master.
    package var brokerID: Int64 = 0
    /// Name servers to register with; none leaves the broker on its own.
    package var nameServers: [HostPort] = []
    /// Address to listen on.
    package var bindAddress = "0.0.0.0"
    /// Main port; the VIP port is two below.
    package var listenPort = 10_911
    /// Address that clients and name servers are told, and that message ids carry.
    package var brokerIP1 = "127.0.0.1"
    /// Address for replication.
    package var brokerIP2 = "127.0.0.1"
    /// Port for replication; 0 for none.
    package var haListenPort = 10_912
    /// The role, and how replicas are served.
    package var replication = ReplicationSettings()
    /// Event loops.
    package var eventLoopCount = 1
    /// Most connections at one time.
    package var connectionsMax = 65_536
    /// Time without a byte after which a connection is closed.
    package var connectionIdleMillisMax: Int64 = 120_000
    /// Settings of topics.
    package var topics = TopicRegistry.Settings(brokerName: "DEFAULT_BROKER")
    /// Settings of groups.
    package var groups = GroupRegistry.Settings()
    /// What the broker as a whole allows.
    package var permission = TopicPermission.readWrite
    /// Property MSG_REGION of every message.
    package var regionID = "DefaultRegion"
    /// Property TRACE_ON of every message.
    package var isTraceOn = true
    /// Whether administrators may not touch system topics.
    package var validateSystemTopicWhenUpdateTopic = true
    /// Whether topics may take messages of any kind.
    package var enableMixedMessageType = false
    /// Whether deleting a topic also deletes the pop retry topics of its groups.
    package var clearRetryTopicWhenDeleteTopic = true
    /// Whether half messages are refused for good.
    package var rejectTransactionMessage = false
    /// Times and bounds of transactions.
    package var transactions = TransactionTable.Limits()
    /// Whether the answers of request and reply are stored besides being passed on.
    package var storeReplyMessageEnable = true
    /// Whether consumers are told when others of their group come and go.
    package var notifyConsumerIDsChangedEnable = true
    /// Time between two full registrations.
    package var registerPeriodMillis: Int64 = 30_000
    /// Time for one registration call.
    package var registerTimeoutMillis: Int64 = 24_000
    /// Time without heartbeat after which a client leaves its groups.
    package var clientExpiryMillis: Int64 = 120_000
    /// Time for which a group without members keeps its subscriptions.
    package var subscriptionExpiryMillis: Int64 = 600_000
    /// Time between two writes of `consumerOffset.json`.
    package var flushConsumerOffsetMillis: Int64 = 5_000
    /// Sends are refused before this moment.
    package var startAcceptSendMillis: Int64 = 0
    /// Largest body.
    package var messageBytesMax = 4 << 20
    /// Most parked long polls over all queues, and on one queue.
    package var waitersMax = 100_000
    /// Most parked long polls of one group on one queue.
    package var waitersPerQueueMax = 1_024
    /// Most messages in one pull answer.
    package var pullCountMax: Int32 = 32
    /// Most bytes in one pull answer, a single larger message aside.
    package var pullBytesMax = 256 << 10
    /// Most messages in an answer to a query by key.
    package var keyQueryCountMax = 64
    /// Most messages in an answer to a query by unique key.
    package var uniqueKeyQueryCountMax = 32
    /// Whether pulls wait as long as the client says; else only ``shortPollingMillis``.
    package var longPollingEnable = true
    /// The wait of a pull when long polls are switched off.
    package var shortPollingMillis: Int64 = 1_000
    /// Whether lite pull consumers are served.
    package var litePullMessageEnable = true
    /// Whether consumers may filter by SQL92 expressions. On by default, other than Apache's: the switch guards nothing
    /// there but memory of its bloom filters, and clients that use such filters expect them to work.
    package var enablePropertyFilter = true
    /// Whether a reset of offsets is kept by the broker until the consumer's next pull; else clients are told at once.
    package var useServerSideResetOffset = true
    /// Whether the broker shares queues out among the members of a group that ask it; else each gets all.
    package var serverLoadBalancerEnable = true
    /// How groups fetch topics that nobody set a mode for.
    package var defaultRequestMode = RequestModeRegistry.Mode(mode: .pull, popShareQueueCount: -1)
    /// Directory of the store.
    package var storePath = "store"
    /// Directory of the commit log.
    package var commitLogPath = "store/commitlog"
    /// TLS at both ports.
    package var tls = BrokerTLS()
    /// Delayed messages.
    package var delay = DelaySettings()
    /// Lite topics.
    package var lite = LiteService.Limits()
    /// The store's part.
    package var store = StoreConfiguration()
    /// The port for metrics and health.
    package var monitor = MonitorSettings()
    /// Every key with its effective value, one a line.
    package var listing = ""
    /// The file it was read from, where changes at run time are kept; nil when there is none.
    package var filePath: String?

    /// The defaults.
    package init() {}

    /// The address told to name servers and clients.
    package var advertisedAddress: String { HostPort(host: brokerIP1, port: listenPort).description }

    /// The address told to replicas.
    var replicationAddress: String { HostPort(host: brokerIP2, port: haListenPort).description }
}

extension BrokerConfiguration {
    /// What the surroundings of the process contribute to defaults.
    package struct Surroundings: Sendable {
        /// The host's name.
        package var hostName: String
        /// The host's first address that is not a loopback address.
        package var localAddress: String
        /// The home directory.
        package var home: String
        /// Processors that the process may use.
        package var coreCount: Int
        /// Name servers from the environment.
        package var nameServers: String?

        /// Given surroundings.
        package init(
            hostName: String, localAddress: String, home: String, coreCount: Int, nameServers: String? = nil
        ) {
            self.hostName = hostName
            self.localAddress = localAddress
            self.home = home
            self.coreCount = coreCount
            self.nameServers = nameServers
        }
    }

    /// Decodes a configuration, with the values of a TLS file over those of `source`. The report lists effective values
    /// and warnings.
    package static func read(
        _ source: ConfigurationSource, nameServers: String? = nil, tlsFile: ConfigurationSource? = nil,
        surroundings: Surroundings
    ) throws(ConfigurationError) -> (BrokerConfiguration, ConfigurationReport) {
        var reader = ConfigurationReader(
            source, ignoredKeys: ApacheBrokerKeys.withoutEffect.union(BrokerTLS.keysWithoutEffect))
        if let tlsFile { try BrokerTLS.override(&reader, with: tlsFile) }
        if let nameServers { reader.override("namesrvAddr", with: nameServers, origin: "-n") }
        var configuration = BrokerConfiguration()
        try configuration.readIdentity(&reader, surroundings)
        try configuration.readTopicsAndGroups(&reader)
        try configuration.readClients(&reader)
        try configuration.readStore(&reader, surroundings)
        configuration.delay = try DelaySettings(
            &reader, takesTimers: configuration.topics.timerWheelEnable,
            retentionHours: configuration.store.retentionHours)
        configuration.store.delayLevels = configuration.delay.levels
        try configuration.readTransactions(&reader)
        configuration.tls = try BrokerTLS(&reader)
        configuration.monitor = try MonitorSettings(&reader)
        configuration.lite = try LiteService.Limits(&reader)
        try refuseUnsupported(&reader)
        let report = try reader.finish()
        configuration.listing = report.listing
        return (configuration, report)
    }

    private mutating func readIdentity(
        _ reader: inout ConfigurationReader, _ surroundings: Surroundings
    ) throws(ConfigurationError) {
        clusterName = try reader.string("brokerClusterName", default: clusterName)
        brokerName = try reader.string("brokerName", default: surroundings.hostName)
        for (key, name) in [("brokerClusterName", clusterName), ("brokerName", brokerName)] {
            // The names also name topics of the broker's own, and stand in blank-separated and comma-separated lists.
            let isUsable = name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: ",") }
            guard isUsable, (1...NameRules.topicLengthMax).contains(name.utf8.count) else {
                throw reader.invalid(key, "\"\(name)\" is not a name of 1 to \(NameRules.topicLengthMax) characters")
            }
        }
        brokerID = Int64(try reader.integer("brokerId", default: 0, in: 0...Int(Int32.max)))
        replication = try ReplicationSettings(&reader)
        guard (brokerID == 0) == (replication.role != .slave) else {
            throw reader.invalid("brokerId", "0 is for masters, and for them only: brokerRole=SLAVE needs another one")
        }
        for text in try reader.list("namesrvAddr", separator: ";", default: Self.split(surroundings.nameServers)) {
            guard let address = HostPort(parsing: text) else {
                throw reader.invalid("namesrvAddr", "\"\(text)\" is not host:port")
            }
            nameServers.append(address)
        }
        if replication.role == .slave, nameServers.isEmpty {
            throw reader.invalid("namesrvAddr", "a SLAVE finds its master by name servers, and none is named")
        }
        bindAddress = try reader.string("bindAddress", default: bindAddress)
        listenPort = try reader.integer("listenPort", default: listenPort, in: 0...65_535)
        brokerIP1 = try reader.string("brokerIP1", default: surroundings.localAddress)
        brokerIP2 = try reader.string("brokerIP2", default: brokerIP1)
        haListenPort = try reader.integer(
            "haListenPort", default: listenPort == 0 ? 0 : min(listenPort + 1, 65_535), in: 0...65_535)
        eventLoopCount = try reader.integer(
            "serverSelectorThreads", default: max(1, min(surroundings.coreCount, 256)), in: 1...256)
        connectionIdleMillisMax =
            Int64(try reader.integer("serverChannelMaxIdleTimeSeconds", default: 120, in: 1...86_400)) * 1_000
    }

    private static func split(_ text: String?) -> [String] {
        (text ?? "").split(separator: ";").map(String.init)
    }

    private mutating func readTopicsAndGroups(_ reader: inout ConfigurationReader) throws(ConfigurationError) {
        topics = TopicRegistry.Settings(clusterName: clusterName, brokerName: brokerName)
        topics.autoCreateTopicEnable = try reader.bool("autoCreateTopicEnable", default: true)
        topics.defaultTopicQueueCount = Int32(
            try reader.integer("defaultTopicQueueNums", default: 8, in: 1...65_536))
        topics.clusterTopicEnable = try reader.bool("clusterTopicEnable", default: true)
        topics.brokerTopicEnable = try reader.bool("brokerTopicEnable", default: true)
        topics.traceTopicEnable = try reader.bool("traceTopicEnable", default: false)
        topics.traceTopic = try reader.string("msgTraceTopicName", default: topics.traceTopic)
        topics.reviveQueueCount = Int32(try reader.integer("reviveQueueNum", default: 8, in: 1...65_536))
        topics.timerWheelEnable = try reader.bool("timerWheelEnable", default: true)
        groups.autoCreateSubscriptionGroup = try reader.bool("autoCreateSubscriptionGroup", default: true)
        groups.enableCreateSysGroup = try reader.bool("enableCreateSysGroup", default: true)
        permission = TopicPermission(
            rawValue: Int32(try reader.integer("brokerPermission", default: 6, in: 0...7)))
        validateSystemTopicWhenUpdateTopic = try reader.bool("validateSystemTopicWhenUpdateTopic", default: true)
        clearRetryTopicWhenDeleteTopic = try reader.bool("clearRetryTopicWhenDeleteTopic", default: true)
        enableMixedMessageType = try reader.bool("enableMixedMessageType", default: false)
        rejectTransactionMessage = try reader.bool("rejectTransactionMessage", default: false)
        regionID = try reader.string("regionId", default: regionID)
        guard PropertyText.isCarriable(regionID), !regionID.isEmpty else {
            throw reader.invalid("regionId", "must not be empty or hold the characters 0x01 and 0x02")
        }
        isTraceOn = try reader.bool("traceOn", default: true)
    }

    private mutating func readClients(_ reader: inout ConfigurationReader) throws(ConfigurationError) {
        // Apache moves values outside 10 to 60 s to the nearest bound.
        registerPeriodMillis = Int64(
            min(
                max(try reader.integer("registerNameServerPeriod", default: 30_000, in: 0...86_400_000), 10_000), 60_000
            ))
        registerTimeoutMillis = Int64(
            try reader.integer("registerBrokerTimeoutMills", default: 24_000, in: 100...600_000))
        clientExpiryMillis = Int64(
            try reader.integer("channelExpiredTimeout", default: 120_000, in: 1_000...86_400_000))
        subscriptionExpiryMillis = Int64(
            try reader.integer("subscriptionExpiredTimeout", default: 600_000, in: 1_000...86_400_000))
        notifyConsumerIDsChangedEnable = try reader.bool("notifyConsumerIdsChangedEnable", default: true)
        flushConsumerOffsetMillis = Int64(
            try reader.integer("flushConsumerOffsetInterval", default: 5_000, in: 10...3_600_000))
        startAcceptSendMillis = Int64(
            try reader.integer("startAcceptSendRequestTimeStamp", default: 0, in: 0...Int.max))
        waitersMax = try reader.integer("maxPopPollingSize", default: 100_000, in: 1...10_000_000)
        waitersPerQueueMax = try reader.integer("popPollingSize", default: 1_024, in: 1...10_000_000)
        pullCountMax = Int32(
            try reader.integer("maxTransferCountOnMessageInMemory", default: 32, in: 1...10_000))
        pullBytesMax = try reader.integer(
            "maxTransferBytesOnMessageInMemory", default: 256 << 10, in: 1_024...(12 << 20))
        longPollingEnable = try reader.bool("longPollingEnable", default: true)
        shortPollingMillis = Int64(try reader.integer("shortPollingTimeMills", default: 1_000, in: 1...300_000))
        litePullMessageEnable = try reader.bool("litePullMessageEnable", default: true)
        enablePropertyFilter = try reader.bool("enablePropertyFilter", default: true)
        useServerSideResetOffset = try reader.bool("useServerSideResetOffset", default: true)
        serverLoadBalancerEnable = try reader.bool("serverLoadBalancerEnable", default: true)
        defaultRequestMode.mode = try reader.choice("defaultMessageRequestMode", default: .pull)
        defaultRequestMode.popShareQueueCount = Int32(
            try reader.integer("defaultPopShareQueueNum", default: -1, in: -1...65_536))
    }

    private mutating func readStore(
        _ reader: inout ConfigurationReader, _ surroundings: Surroundings
    ) throws(ConfigurationError) {
        storePath = try reader.string("storePathRootDir", default: surroundings.home + "/store")
        commitLogPath = try reader.string("storePathCommitLog", default: storePath + "/commitlog")
        messageBytesMax = try reader.integer("maxMessageSize", default: 4 << 20, in: 1...(16 << 20) - (64 << 10))
        store = StoreConfiguration(rootPath: storePath)
        store.commitLogPath = commitLogPath
        store.messageBytesMax = messageBytesMax
        store.flushMode = try reader.choice("flushDiskType", default: .asynchronous)
        store.commitLogFileBytes = try reader.integer(
            "mappedFileSizeCommitLog", default: 1 << 30, in: (64 << 10)...Int(Int32.max))
        store.consumeQueueFileBytes = try reader.integer(
            "mappedFileSizeConsumeQueue", default: 6_000_000, in: 20...Int(Int32.max))
        store.flushIntervalMillis = try reader.integer("flushIntervalCommitLog", default: 500, in: 1...600_000)
        store.syncFlushTimeoutMillis = try reader.integer("syncFlushTimeout", default: 5_000, in: 1...600_000)
        store.retentionHours = try reader.integer("fileReservedTime", default: 72, in: 1...876_000)
        store.retentionBytesMax = Int64(try reader.integer("fileReservedBytes", default: 0, in: 0...Int.max))
        store.deleteHours = try reader.string("deleteWhen", default: "04")
        let hours = store.deleteHours.split(separator: ";").map { Int($0) }
        guard !hours.isEmpty, hours.allSatisfy({ $0.map { (0...23).contains($0) } ?? false }) else {
            throw reader.invalid("deleteWhen", "\"\(store.deleteHours)\" is not hours of the day joined by ;")
        }
        store.diskUsedPercentMax = try reader.integer("diskMaxUsedSpaceRatio", default: 75, in: 10...95)
        store.diskWarningPercent = try reader.integer("diskSpaceWarningLevelRatio", default: 90, in: 35...99)
        store.diskCleanForciblyPercent = try reader.integer("diskSpaceCleanForciblyRatio", default: 85, in: 30...98)
        store.cleanForcibly = try reader.bool("cleanFileForciblyEnable", default: true)
        store.deletesUnread = try reader.bool("deleteUnreadWhenDiskFull", default: false)
        store.readsAhead = try reader.bool("dataReadAheadEnable", default: true)
        store.checkCRCOnRecover = try reader.bool("checkCRCOnRecover", default: true)
        keyQueryCountMax = try reader.integer("maxMsgsNumBatch", default: 64, in: 1...1_024)
        uniqueKeyQueryCountMax = try reader.integer("defaultQueryMaxNum", default: 32, in: 1...1_024)
        store.isIndexEnabled = try reader.bool("messageIndexEnable", default: true)
        store.indexSlotCount = try reader.integer("maxHashSlotNum", default: 5_000_000, in: 1...100_000_000)
        store.indexEntryCount = try reader.integer("maxIndexNum", default: 20_000_000, in: 2...400_000_000)
    }

    private mutating func readTransactions(_ reader: inout ConfigurationReader) throws(ConfigurationError) {
        transactions.firstCheckMillis = Int64(
            try reader.integer("transactionTimeOut", default: 6_000, in: 1...86_400_000))
        transactions.checkIntervalMillis = Int64(
            try reader.integer("transactionCheckInterval", default: 30_000, in: 100...86_400_000))
        transactions.checkCountMax = Int32(try reader.integer("transactionCheckMax", default: 15, in: 1...1_000))
        transactions.opDelayMillis = Int64(
            try reader.integer("transactionOpBatchInterval", default: 3_000, in: 1...600_000))
        transactions.opBytesMax = try reader.integer("transactionOpMsgMaxSize", default: 4_096, in: 32...1_048_576)
        transactions.ageMillisMax = Int64(store.retentionHours) * 3_600_000
        storeReplyMessageEnable = try reader.bool("storeReplyMessageEnable", default: true)
    }

    /// Switches that promise something we do not do: to accept them silently would be a lie, or a hole.
    private static func refuseUnsupported(_ reader: inout ConfigurationReader) throws(ConfigurationError) {
        for key in ApacheBrokerKeys.refusedWhenTrue {
            guard try reader.bool(key, default: false) else { continue }
            throw reader.invalid(key, "is not supported yet; leave it out or set it to false")
        }
    }
}
