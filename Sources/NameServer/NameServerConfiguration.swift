import MessageModel
import ServerSupport

/// What `namesrv.conf` says; Apache's keys and defaults.
package struct NameServerConfiguration: Sendable {
    /// Address to listen on.
    package var bindAddress = "0.0.0.0"
    package var listenPort = 9876
    /// Where key-value settings are kept.
    package var kvConfigPath = ""
    /// Where UPDATE_NAMESRV_CONFIG writes: the file given at start, if any.
    package var configStorePath = ""
    package var scanNotActiveBrokerIntervalMillis: Int64 = 5_000
    package var serverChannelMaxIdleTimeSeconds = 120
    package var waitSecondsForService = 45
    package var needWaitForService = false
    package var orderMessageEnable = false
    package var returnOrderTopicConfigToBroker = true
    package var supportActingMaster = false
    package var deleteTopicWithBrokerRegistration = false
    package var enableAllTopicList = true
    package var enableTopicList = true
    /// The port for metrics and health.
    package var monitor = MonitorSettings()
    /// Keys that UPDATE_NAMESRV_CONFIG may not change.
    package var configBlackList: [String] = []

    /// Apache's keys that mean nothing here; files that have them still work.
    static let ignoredKeys: Set<String> = [
        "rocketmqHome", "productEnvName", "clusterTest", "clientRequestThreadPoolNums",
        "clientRequestThreadPoolQueueCapacity", "defaultThreadPoolNums", "defaultThreadPoolQueueCapacity",
        "unRegisterBrokerQueueCapacity", "notifyMinBrokerIdChanged", "enableControllerInNamesrv",
        "serverWorkerThreads", "serverSelectorThreads", "serverCallbackExecutorThreads", "serverOnewaySemaphoreValue",
        "serverAsyncSemaphoreValue", "serverPooledByteBufAllocatorEnable", "serverSocketBacklog",
        "serverSocketRcvBufSize", "serverSocketSndBufSize", "useEpollNativeSelector", "writeBufferHighWaterMark",
        "writeBufferLowWaterMark", "enableShutdownGracefully", "shutdownWaitTimeSeconds",
    ]

    /// Keys no request may change whatever the black list says.
    static let fixedKeys: Set<String> = ["configBlackList", "configStorePath", "kvConfigPath", "rocketmqHome"]

    /// Apache's defaults.
    package init() {}

    /// Reads a file's entries; the report has the values in force and warnings.
    package static func load(
        _ source: ConfigurationSource, home: String, configPath: String?,
        override: (inout ConfigurationReader) -> Void = { _ in }
    ) throws(ConfigurationError) -> (configuration: NameServerConfiguration, report: ConfigurationReport) {
        var reader = ConfigurationReader(source, ignoredKeys: ignoredKeys)
        override(&reader)
        var loaded = NameServerConfiguration()
        loaded.bindAddress = try reader.string("bindAddress", default: loaded.bindAddress)
        loaded.configBlackList = try reader.list("configBlackList", separator: ";")
        loaded.configStorePath = try reader.string(
            "configStorePath", default: configPath ?? home + "/namesrv/namesrv.properties")
        loaded.deleteTopicWithBrokerRegistration = try reader.bool("deleteTopicWithBrokerRegistration", default: false)
        loaded.enableAllTopicList = try reader.bool("enableAllTopicList", default: true)
        loaded.enableTopicList = try reader.bool("enableTopicList", default: true)
        loaded.kvConfigPath = try reader.string("kvConfigPath", default: home + "/namesrv/kvConfig.json")
        loaded.listenPort = try reader.integer("listenPort", default: loaded.listenPort, in: 0...65_535)
        loaded.monitor = try MonitorSettings(&reader)
        loaded.needWaitForService = try reader.bool("needWaitForService", default: false)
        loaded.orderMessageEnable = try reader.bool("orderMessageEnable", default: false)
        loaded.returnOrderTopicConfigToBroker = try reader.bool("returnOrderTopicConfigToBroker", default: true)
        loaded.scanNotActiveBrokerIntervalMillis = Int64(
            try reader.integer("scanNotActiveBrokerInterval", default: 5_000, in: 10...600_000))
        loaded.serverChannelMaxIdleTimeSeconds = try reader.integer(
            "serverChannelMaxIdleTimeSeconds", default: 120, in: 1...86_400)
        loaded.supportActingMaster = try reader.bool("supportActingMaster", default: false)
        loaded.waitSecondsForService = try reader.integer("waitSecondsForService", default: 45, in: 0...3_600)
        return (loaded, try reader.finish())
    }

    /// The switches of the route table.
    var routeTableOptions: RouteTable.Options {
        var options = RouteTable.Options()
        options.deleteTopicWithBrokerRegistration = deleteTopicWithBrokerRegistration
        options.supportActingMaster = supportActingMaster
        return options
    }
}
