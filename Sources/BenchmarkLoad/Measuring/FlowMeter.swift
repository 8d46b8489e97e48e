/// Counts and latencies of one direction of a run.
struct FlowMeter {
    var latency = LatencyRecorder()
    /// Since the start.
    private(set) var total = 0
    /// Within the measured time.
    private(set) var measured = 0
    private var totalAtProgress = 0

    mutating func count(at now: UInt64, from: UInt64, until: UInt64) {
        total += 1
        if now >= from, now < until { measured += 1 }
    }

    /// A line about the time since the last call, which was a second ago.
    mutating func takeProgress() -> String {
        let interval = latency.takeInterval()
        defer { totalAtProgress = total }
        let failures = latency.failureCount
        return "\(total - totalAtProgress)/s, p99 \(LoadReport.millis(interval.p99)) ms"
            + (failures == 0 ? "" : ", \(failures) failures")
    }

    func flow(_ seconds: Double, _ messageBytes: Int) -> LoadReport.Flow {
        LoadReport.Flow(
            count: measured, perSecond: Double(measured) / seconds,
            megabytesPerSecond: Double(measured * messageBytes) / seconds / 1e6, latency: latency.summary,
            failures: latency.failures)
    }
}
