/// How full the partition of the log is, in the steps that Apache's ladder has (`store.md` §8).
///
/// `full` is left only at the forcible ratio, so that writes do not flap; the other levels follow the figure.
package enum DiskLevel: String, Sendable, Comparable {
    /// At or below `diskMaxUsedSpaceRatio`.
    case normal = "NORMAL"
    /// Above it: expired files go at any hour.
    case high = "HIGH"
    /// Above `diskSpaceCleanForciblyRatio`: producers are slowed down, files go before they expire.
    case critical = "CRITICAL"
    /// Above `diskSpaceWarningLevelRatio`: writes are refused.
    case full = "FULL"

    private var rank: Int {
        switch self {
        case .normal: 0
        case .high: 1
        case .critical: 2
        case .full: 3
        }
    }

    /// A fuller disk is the greater level.
    package static func < (left: DiskLevel, right: DiskLevel) -> Bool { left.rank < right.rank }

    /// The level after a measurement, given the one before.
    func after(usedPercent: Int, _ configuration: StoreConfiguration) -> DiskLevel {
        if usedPercent > configuration.diskWarningPercent { return .full }
        if usedPercent > configuration.diskCleanForciblyPercent { return self == .full ? .full : .critical }
        return usedPercent > configuration.diskUsedPercentMax ? .high : .normal
    }
}
