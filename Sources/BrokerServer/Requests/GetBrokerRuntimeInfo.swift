import MessageModel
import RemotingCodec
import RemotingTransport

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
        let statistics = statistics
        var info: [String: String] = [
            "bootTimestamp": String(bootMillis),
            "brokerActive": String(!isReadOnly),
            "brokerVersion": String(ProtocolVersion.current),
            "brokerVersionDesc": "V5_3_3",
            "commitLogMaxOffset": String(store.maxLogOffset),
            "commitLogMinOffset": String(store.minLogOffset),
            "dispatchBehindBytes": String(store.dispatchBehindBytes),
            "msgGetTotalTodayNow": String(deliveredCount),
            "msgPutTotalTodayNow": String(statistics.stored),
            "putMessageFailedTimes": String(statistics.refused),
            "putMessageSizeTotal": String(statistics.storedBodyBytes),
            "putMessageTimesTotal": String(statistics.stored),
            "runtime": Self.runtimeText((nowMillis() - bootMillis) / 1_000),
            "startAcceptSendRequestTimeStamp": String(configuration.startAcceptSendMillis),
            "putTps": Self.rateText(statistics.storeRates),
            "getFoundTps": Self.rateText(statistics.deliveryRates),
            "getTransferredTps": Self.rateText(statistics.deliveryRates),
            "timerReadBehind": "0", "timerOffsetBehind": "0", "timerCongestNum": "0", "timerEnqueueTps": "0.0",
            "timerDequeueTps": "0.0", "pageCacheLockTimeMills": "0",
        ]
        if let percent = store.diskUsedPercent {
            let ratio = String(Double(percent) / 100)
            info["commitLogDiskRatio"] = ratio
            info["consumeQueueDiskRatio"] = ratio
            info["commitLogDiskRatio_\(configuration.commitLogPath)"] = ratio
        }
        for pool in ["send", "pull", "litePull", "query", "ack"] {
            info["\(pool)ThreadPoolQueueSize"] = "0"
            info["\(pool)ThreadPoolQueueHeadWaitTimeMills"] = "0"
        }
        info["EndTransactionQueueSize"] = "0"
        info.merge(storeFigures()) { current, _ in current }
        return info
    }

    private static func rateText(_ rates: [Double]) -> String {
        rates.map { String($0) }.joined(separator: " ")
    }

    static func runtimeText(_ seconds: Int64) -> String {
        "[ \(seconds / 86_400) days, \(seconds / 3_600 % 24) hours, \(seconds / 60 % 60) minutes, \(seconds % 60) seconds ]"
    }
}
