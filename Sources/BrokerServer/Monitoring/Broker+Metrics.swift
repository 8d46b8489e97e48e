import MessageModel
import RemotingCodec
import ServerSupport
import StorageEngine

/// All metrics of a broker, under Apache's names (`BrokerMetricsConstant`, `DefaultStoreMetricsConstant`) with Apache's
/// labels; those of our own begin with `rocketmq_storage_` too. `docs/metrics.md` lists them.
extension Broker {
    /// Adds what there is to tell now. Before the broker is open that is only how far it has recovered. May wait for the
    /// disk.
    package func addMetrics(to page: inout MetricsPage) {
        addState(to: &page)
        guard isReady else { return }
        addInventory(to: &page)
        addTraffic(to: &page)
        Self.addConnections(clients.ask(ConnectionCounts.init(of:)), to: &page)
        addLags(to: &page)
        addTransactions(to: &page)
        addStore(to: &page)
        addReplicas(to: &page)
    }

    private func addReplicas(to page: inout MetricsPage) {
        let replicas = replication.status(logEnd: store.maxLogOffset)
        page.add(
            .gauge, "rocketmq_storage_replicas_in_sync", "Replicas that count as copies of the log",
            Int64(replicas.count { $0.isInSync }))
        for replica in replicas {
            page.add(
                .gauge, "rocketmq_storage_replica_behind_bytes", "Bytes of the log that a replica has not",
                replica.behindBytes, labels: [MetricLabel("replica", replica.address)])
        }
    }

    /// The labels that tell this broker from others.
    package var metricLabels: [MetricLabel] { configuration.metricLabels }

    private static var storeLabels: [MetricLabel] {
        [MetricLabel("storage_type", "local"), MetricLabel("storage_medium", "disk")]
    }

    private func addState(to page: inout MetricsPage) {
        let health = store.health
        let isWritable = isReady && (health.status == .ok || health.status == .slow)
        let status = isReady || health.status == .readOnly ? health.status.rawValue : isOver ? "CLOSED" : "RECOVERING"
        page.add(
            .gauge, "rocketmq_storage_writable", "1 while messages are taken, 0 with the reason when they are refused",
            isWritable ? 1 : 0,
            labels: Self.storeLabels + [
                MetricLabel("status", status), MetricLabel("reason", Self.reason(isReady ? health.reason : nil)),
            ])
        let (done, total) = store.recoveryBytes
        page.add(
            .gauge, "rocketmq_storage_recovery_done_bytes", "Bytes of the log that the last start has read", done,
            labels: Self.storeLabels)
        page.add(
            .gauge, "rocketmq_storage_recovery_total_bytes", "Bytes of the log that the last start had to read", total,
            labels: Self.storeLabels)
        page.add(
            .gauge, "rocketmq_storage_damaged_places", "Places of the log that cannot be read, found since the start",
            Int64(health.damageCount), labels: Self.storeLabels)
    }

    /// Without numbers, of which each would be a series of its own.
    private static func reason(_ text: String?) -> String {
        String((text ?? "").prefix(reasonLengthMax).map { $0.isASCII && $0.isNumber ? "#" : $0 })
    }

    private static var reasonLengthMax: Int { 200 }

    private func addInventory(to page: inout MetricsPage) {
        var permission = live.permission
        if isReadOnly { permission.remove(.write) }
        page.add(
            .gauge, "rocketmq_broker_permission", "2 for writing plus 4 for reading", Int64(permission.rawValue))
        page.add(.gauge, "rocketmq_topic_number", "Topics", Int64(topics.snapshot.topics.count))
        page.add(.gauge, "rocketmq_consumer_group_number", "Consumer groups", Int64(groups.snapshot.groups.count))
    }

    private func addTraffic(to page: inout MetricsPage) {
        let known = topics.snapshot.topics
        var put: [(labels: [MetricLabel], counts: Counts)] = []
        var got: [(labels: [MetricLabel], counts: Counts)] = []
        var dead: [MetricRow] = []
        for (subject, counts) in statistics.totals {
            switch subject {
            case .topicPut(let topic) where NameRules.isDLQTopic(topic):
                let group = String(topic.dropFirst(NameRules.dlqPrefix.count))
                dead.append(MetricRow(Self.groupLabels(group), counts.messages))
            case .topicPut(let topic) where !NameRules.isRetryTopic(topic):
                let type = known[topic]?.messageType ?? .unspecified
                put.append(
                    (
                        [
                            MetricLabel("topic", topic), MetricLabel("message_type", type.rawValue.lowercased()),
                            MetricLabel("is_system", NameRules.isSystemTopic(topic)),
                        ], counts
                    ))
            case .groupGet(let topic, let group): got.append((Self.labels(topic, group), counts))
            case .topicPut, .groupAck, .sendBack, .brokerPut, .brokerGet: break
            }
        }
        page.add(
            .counter, "rocketmq_messages_in_total", "Messages that became readable in a topic",
            put.map { MetricRow($0.labels, $0.counts.messages) })
        page.add(
            .counter, "rocketmq_throughput_in_total", "Bytes of their records",
            put.map { MetricRow($0.labels, $0.counts.bytes) })
        page.add(
            .counter, "rocketmq_messages_out_total", "Messages handed to consumers",
            got.map { MetricRow($0.labels, $0.counts.messages) })
        page.add(
            .counter, "rocketmq_throughput_out_total", "Bytes of their records",
            got.map { MetricRow($0.labels, $0.counts.bytes) })
        page.add(
            .counter, "rocketmq_send_to_dlq_messages_total", "Messages put into the dead-letter topic of a group", dead)
        if let sizes = statistics.messageSizes {
            page.add("rocketmq_message_size", "Bytes of the records of messages that came in", sizes)
        }
    }

    static func addConnections(_ counts: ConnectionCounts, to page: inout MetricsPage) {
        page.add(
            .gauge, "rocketmq_producer_connections", "Connections of producers, one for each of their groups",
            summed(counts.producers.map { (labels($0.key), $0.value) }))
        page.add(
            .gauge, "rocketmq_consumer_connections", "Connections of consumers, one for each of their groups",
            summed(
                counts.consumers.map { kind, count in
                    let mode = MetricLabel("consume_mode", kind.consumeType.metricValue)
                    return (groupLabels(kind.group) + [mode] + labels(kind.software), count)
                }))
    }

    /// One row for each set of labels: numbers that we do not know share a name.
    private static func summed(_ rows: [(labels: [MetricLabel], count: Int64)]) -> [MetricRow] {
        Dictionary(rows.map { ($0.labels, $0.count) }, uniquingKeysWith: +).map { MetricRow($0.key, $0.value) }
    }

    private func addLags(to page: inout MetricsPage) {
        let now = nowMillis()
        let lags = groupLags().map { (labels: Self.labels($0.topic, $0.group), lag: $0) }
        func age(_ millis: Int64?) -> Int64 { millis.map { max(0, now - $0) } ?? 0 }
        page.add(
            .gauge, "rocketmq_consumer_lag_messages", "Messages that a group has not acknowledged",
            lags.map { MetricRow($0.labels, $0.lag.unconsumed) })
        page.add(
            .gauge, "rocketmq_consumer_lag_latency", "Milliseconds since the oldest of them was stored", rest: .largest,
            lags.map { MetricRow($0.labels, age($0.lag.oldestUnconsumedMillis)) })
        page.add(
            .gauge, "rocketmq_consumer_inflight_messages",
            "Messages that a group was handed and has not acknowledged; not known of groups that pull",
            lags.compactMap { row in row.lag.inFlight.map { MetricRow(row.labels, $0) } })
        page.add(
            .gauge, "rocketmq_consumer_ready_messages", "Messages that a group could be handed",
            lags.map { MetricRow($0.labels, $0.lag.waiting) })
        page.add(
            .gauge, "rocketmq_consumer_queueing_latency", "Milliseconds since the oldest of them was stored",
            rest: .largest, lags.map { MetricRow($0.labels, age($0.lag.oldestWaitingMillis)) })
    }

    private func addTransactions(to page: inout MetricsPage) {
        let counts = transactions.counts
        page.add(.gauge, "rocketmq_half_messages", "Transactions that are open", Int64(counts.open))
        page.add(
            .counter, "rocketmq_commit_messages_total", "Transactions committed",
            counts.committed.map { MetricRow([MetricLabel("topic", $0.key)], $0.value) })
        page.add(.counter, "rocketmq_rollback_messages_total", "Transactions rolled back", counts.rolledBack)
    }

    private func addStore(to page: inout MetricsPage) {
        let labels = Self.storeLabels
        if let space = store.logSpace {
            page.add(
                .gauge, "rocketmq_storage_size", "Bytes in use on the partition of the log",
                space.totalBytes - max(0, space.availableBytes), labels: labels)
            page.add(
                .gauge, "rocketmq_storage_available_bytes", "Bytes that are left on the partition of the log",
                space.availableBytes, labels: labels)
        }
        page.add(
            .gauge, "rocketmq_storage_flush_behind_bytes", "Bytes of the log that are not on the disk yet",
            store.flushBehindBytes, labels: labels)
        page.add(
            .gauge, "rocketmq_storage_dispatch_behind_bytes", "Bytes of the log that are not readable yet",
            store.dispatchBehindBytes, labels: labels)
        page.add(
            .gauge, "rocketmq_storage_index_behind_bytes", "Bytes of the log that the key index does not have yet",
            store.indexBehindBytes, labels: labels)
        if let earliest = store.earliestStoreMillis {
            page.add(
                .gauge, "rocketmq_storage_message_reserve_time", "Milliseconds since the oldest message was stored",
                max(0, nowMillis() - earliest), labels: labels)
        }
        page.add(
            .counter, "rocketmq_storage_refused_total", "Sends that were refused", statistics.refused, labels: labels)
    }

    private static func groupLabels(_ group: String) -> [MetricLabel] {
        [MetricLabel("consumer_group", group), MetricLabel("is_system", NameRules.isSystemGroup(group))]
    }

    private static func labels(_ topic: String, _ group: String) -> [MetricLabel] {
        [
            MetricLabel("consumer_group", group), MetricLabel("topic", topic),
            MetricLabel("is_retry", NameRules.isRetryTopic(topic) || NameRules.isDLQTopic(topic)),
            MetricLabel("is_system", NameRules.isSystemTopic(topic) || NameRules.isSystemGroup(group)),
        ]
    }

    private static func labels(_ client: ConnectionCounts.Software) -> [MetricLabel] {
        [
            MetricLabel("language", client.language.name.lowercased()),
            MetricLabel("version", ProtocolVersion.name(of: client.version).lowercased()),
            MetricLabel("protocol_type", "remoting"),
        ]
    }
}

extension ConsumeType {
    /// Apache's word for it in metrics.
    fileprivate var metricValue: String {
        switch self {
        case .actively: "pull"
        case .passively: "push"
        case .pop: "pop"
        }
    }
}

extension BrokerConfiguration {
    /// The labels that tell this broker's metrics from those of others.
    package var metricLabels: [MetricLabel] {
        monitor.labels + [
            MetricLabel("node_type", "broker"), MetricLabel("cluster", clusterName), MetricLabel("node_id", brokerName),
        ]
    }
}
