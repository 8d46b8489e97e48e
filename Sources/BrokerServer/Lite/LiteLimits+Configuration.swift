import ServerSupport

extension LiteService.Limits {
    /// The keys of Apache's broker about lite topics. Times are in milliseconds.
    init(_ reader: inout ConfigurationReader) throws(ConfigurationError) {
        self.init()
        // Apache's quota counts with the switch on only; there is a bound without it too.
        let quota = try reader.integer("maxLmqConsumeQueueNum", default: 20_000, in: 1...100_000_000)
        if try reader.bool("enableLmqQuota", default: false) { topicsMax = quota }
        idleMillisMin = Int64(try reader.integer("minLiteTTl", default: 900_000, in: 0...86_400_000))
        expiryCheckMillis = Int64(try reader.integer("liteTtlCheckInterval", default: 120_000, in: 100...86_400_000))
        subscriptions.subscriptionsMax = try reader.integer(
            "maxLiteSubscriptionCount", default: 100_000, in: 1...100_000_000)
        countsLags = try reader.bool("liteLagCountMetricsEnable", default: true)
        readsLagTimes = try reader.bool("liteLagLatencyMetricsEnable", default: false)
        subscriptions.expiryMillis = Int64(
            try reader.integer("liteSubscriptionCheckTimeoutMills", default: 180_000, in: 1_000...86_400_000))
    }
}
