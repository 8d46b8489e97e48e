import MessageModel
import RemotingCodec
import RemotingTransport
import StorageEngine

extension RequestRouter {
    /// GET_BROKER_RUNTIME_INFO (28): figures for tools. Only what is measured or true by construction is told: there are
    /// no thread pools, so their queues are empty.
    func getBrokerRuntimeInfo(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        try onWorker(request, connection) { [broker] in
            connection.respond(to: request, code: .success, body: KVTable(broker.runtimeInfo()).encode())
        }
    }
}

extension Broker {
    /// The figures, by Apache's names.
    package func runtimeInfo() -> [String: String] {
        var info = Self.processFigures(bootMillis: bootMillis, nowMillis: nowMillis(), isActive: !isReadOnly)
        info["startAcceptSendRequestTimeStamp"] = String(live.startAcceptSendMillis)
        addPuts(to: &info)
        addGets(to: &info)
        addStore(to: &info)
        addQueues(to: &info)
        info.merge(delay.runtimeFigures()) { current, _ in current }
        info.merge(storeFigures()) { current, _ in current }
        return info
    }

    /// The figures of any broker, a replica too.
    static func processFigures(bootMillis: Int64, nowMillis: Int64, isActive: Bool) -> [String: String] {
        [
            "bootTimestamp": String(bootMillis), "brokerActive": String(isActive),
            "brokerVersion": String(ProtocolVersion.current), "brokerVersionDesc": "V5_3_3",
            "runtime": runtimeText((nowMillis - bootMillis) / 1_000),
        ]
    }

    private func addPuts(to info: inout [String: String]) {
        let stored = statistics.stored
        let latency = statistics.lastMinuteOfPuts
        let totals = statistics.totalsByMorning
        info["msgPutTotalTodayNow"] = String(stored)
        info["msgPutTotalTodayMorning"] = String(totals.today.stored)
        info["msgPutTotalYesterdayMorning"] = String(totals.yesterday.stored)
        info["putMessageTimesTotal"] = String(stored)
        info["putMessageFailedTimes"] = String(statistics.refused)
        info["putMessageSizeTotal"] = String(statistics.storedBodyBytes)
        info["putMessageAverageSize"] = String(
            stored > 0 ? Double(statistics.storedBodyBytes) / Double(stored) : 0)
        info["putMessageEntireTimeMax"] = String(statistics.putLatency.longestMillis)
        info["putMessageDistributeTime"] = latency.distribution
        info["putLatency99"] = Self.millisText(latency.percentile(0.99))
        info["putLatency999"] = Self.millisText(latency.percentile(0.999))
        info["putTps"] = Self.rateText(statistics.storeRates)
    }

    private func addGets(to info: inout [String: String]) {
        let totals = statistics.totalsByMorning
        info["msgGetTotalTodayNow"] = String(deliveredCount)
        info["msgGetTotalTodayMorning"] = String(totals.today.delivered)
        info["msgGetTotalYesterdayMorning"] = String(totals.yesterday.delivered)
        info["getMessageEntireTimeMax"] = String(statistics.getLatency.longestMillis)
        info["getFoundTps"] = Self.rateText(statistics.foundRates)
        info["getMissTps"] = Self.rateText(statistics.missedRates)
        info["getTotalTps"] = Self.rateText(statistics.readRates)
        info["getTransferredTps"] = Self.rateText(statistics.deliveryRates)
    }

    private func addStore(to info: inout [String: String]) {
        info["commitLogMaxOffset"] = String(store.maxLogOffset)
        info["commitLogMinOffset"] = String(store.minLogOffset)
        info["dispatchBehindBytes"] = String(store.dispatchBehindBytes)
        info["dispatchMaxBuffer"] = "0"
        info["earliestMessageTimeStamp"] = String(store.earliestStoreMillis ?? -1)
        info["remainHowManyDataToFlush"] = Self.bytesText(store.flushBehindBytes)
        // Appends go to mapped files under a lock that no disk access holds, and not through a pool of buffers.
        info["pageCacheLockTimeMills"] = "0"
        info["remainTransientStoreBufferNumbs"] = String(Int32.max)
        guard let space = store.logSpace else { return }
        let ratio = String(Double(space.usedPercent) / 100)
        info["commitLogDiskRatio"] = ratio
        info["consumeQueueDiskRatio"] = ratio
        info["commitLogDiskRatio_\(configuration.commitLogPath)"] = ratio
        info["commitLogDirCapacity"] =
            "Total : \(Self.bytesText(space.totalBytes)), Free : \(Self.bytesText(space.availableBytes))."
    }

    /// Apache's pools with their capacities: tools look for them.
    private func addQueues(to info: inout [String: String]) {
        let capacities = ["send": 10_000, "pull": 100_000, "litePull": 100_000, "query": 20_000, "ack": 100_000]
        for (pool, capacity) in capacities {
            info["\(pool)ThreadPoolQueueSize"] = "0"
            info["\(pool)ThreadPoolQueueCapacity"] = String(capacity)
            info["\(pool)ThreadPoolQueueHeadWaitTimeMills"] = "0"
        }
        info["EndTransactionQueueSize"] = "0"
        info["EndTransactionThreadPoolQueueCapacity"] = "100000"
    }

    private static func rateText(_ rates: [Double]) -> String {
        rates.map { String($0) }.joined(separator: " ")
    }

    private static func millisText(_ millis: Double) -> String {
        let hundredths = Int64((millis * 100).rounded())
        let fraction = String(hundredths % 100)
        return "\(hundredths / 100).\(fraction.count < 2 ? "0" : "")\(fraction)"
    }

    /// `1.3 KiB`, as Apache writes sizes.
    static func bytesText(_ bytes: Int64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var value = Double(max(0, bytes))
        var unit = 0
        while value >= 1_024, unit < units.count - 1 {
            value /= 1_024
            unit += 1
        }
        guard unit > 0 else { return "\(bytes) B" }
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    static func runtimeText(_ seconds: Int64) -> String {
        "[ \(seconds / 86_400) days, \(seconds / 3_600 % 24) hours, \(seconds / 60 % 60) minutes, \(seconds % 60) seconds ]"
    }
}
