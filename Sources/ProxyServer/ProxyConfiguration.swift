import MessageModel
import ServerSupport

/// How a proxy runs: the keys of `rmq-proxy.json` that have a meaning here.
package struct ProxyConfiguration: Sendable {
    /// Where the brokers are.
    package enum Mode: String, Sendable, CaseIterable {
        case cluster = "CLUSTER"
        case local = "LOCAL"
    }

    /// Cluster whose brokers are asked for group configurations.
    package var clusterName = "DefaultCluster"
    /// Name servers.
    package var nameServers: [HostPort] = []
    /// Where the brokers are.
    package var mode = Mode.cluster
    /// Address to listen on.
    package var listenHost = "0.0.0.0"
    /// Port for gRPC, with and without TLS.
    package var grpcPort = 8081
    /// Port for clients of the remoting protocol; 0 is none, and nil the usual one if it is free.
    package var remotingPort: Int?
    /// The port when none is configured.
    package static let remotingPortDefault = 8080
    /// Address that clients of the remoting protocol are told; nil is the one that each dialled.
    package var remotingAdvertisedHost: String?
    /// Threads for connections; 0 is one per processor.
    package var loopCount = 0
    /// Time to finish calls on a stop.
    package var drainMillisMax: Int64 = 30_000
    /// Largest gRPC message.
    package var grpcMessageBytesMax = 136_314_880
    /// Whether the acks of one call that concern one broker go there in one request.
    package var isBatchAckEnabled = false
    /// Age at which connections are asked to go; 0 is none.
    package var connectionAgeMillisMax: Int64 = 0
    /// Connections at most.
    package var connectionsMax = 10_000
    /// Address that clients are told, in place of the one they dialled.
    package var advertisedAddress: HostPort?
    /// Whether clients are told the port they dialled; else ours.
    package var isClientPortKept = true
    /// Certificate and key files; none makes a self-signed certificate.
    package var tlsCertificatePath: String?
    /// The key's file.
    package var tlsKeyPath: String?
    /// Whether a self-signed certificate is used although files are named.
    package var isTLSTestMode = true
    /// File with the broker's configuration, in local mode.
    package var brokerConfigurationPath: String?

    /// The port for metrics and health.
    package var monitor = MonitorSettings()
    /// The cluster that metrics name.
    package var proxyClusterName = "DefaultCluster"
    /// The name that metrics give this proxy; nil is the host's.
    package var proxyName: String?

    /// Limits of messages.
    package var messages = MessageLimits()
    /// Limits of receiving.
    package var receiving = ReceiveLimits()
    /// Additions to lite subscriptions a second, of all clients together.
    package var liteAdditionsPerSecondMax = 5_000

    /// Send attempts clients are told to make.
    package var producerAttemptCountMax: Int32 = 3
    /// First wait between them.
    package var producerBackoffInitialMillis: Int64 = 10
    /// Longest wait between them.
    package var producerBackoffMaxMillis: Int64 = 1_000
    /// Growth of the wait.
    package var producerBackoffMultiplier: Int = 2
    /// Whether a message's kind must fit its topic.
    package var isMessageTypeChecked = true
    /// Time for a request to a broker.
    package var brokerTimeoutMillis: Int64 = 3_000

    /// The defaults.
    package init() {}
}

/// Limits of messages; a limit of 0 is none.
package struct MessageLimits: Sendable {
    /// Largest body.
    package var bodyBytesMax = 4_194_304
    /// Whether an empty body is refused.
    package var isEmptyBodyRefused = true
    /// Most user properties.
    package var userPropertyCountMax = 128
    /// Most bytes of property names and values, tag and keys.
    package var propertyBytesMax = 16_384
    /// A message group is shorter than this.
    package var messageGroupBytesBound = 64
    /// Longest delay; as long as brokers of this package take, where Apache's default is a day.
    package var delayMillisMax: Int64 = 40 * 86_400_000
    /// Longest wait before a transaction check.
    package var transactionRecoverySecondsMax: Int64 = 3_600
    /// Messages in one request at most.
    package var messageCountMax = 1_024

    /// The defaults.
    package init() {}
}

/// Limits of receiving.
package struct ReceiveLimits: Sendable {
    /// Shortest poll.
    package var pollMillisMin: Int64 = 5_000
    /// Longest poll.
    package var pollMillisMax: Int64 = 20_000
    /// Messages of one receive at most.
    package var batchCountMax: Int32 = 32
    /// Shortest invisible time.
    package var invisibleMillisMin: Int64 = 10_000
    /// Longest invisible time.
    package var invisibleMillisMax: Int64 = 43_200_000
    /// Whether the proxy chooses the invisible time for clients that want it renewed.
    package var isAutoRenewEnabled = true
    /// What a poll's answer needs to reach the client before its deadline.
    package var deadlineReserveMillis: Int64 = 500

    /// The defaults.
    package init() {}
}
