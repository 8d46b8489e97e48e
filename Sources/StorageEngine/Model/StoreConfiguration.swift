import CStorageSupport
import MessageModel

/// When an append counts as done.
package enum FlushMode: String, Sendable, CaseIterable {
    /// Done when written; fsynced after one or two `flushIntervalMillis`.
    case asynchronous = "ASYNC_FLUSH"
    /// Done when fsynced.
    case synchronous = "SYNC_FLUSH"
}

/// What an operator can set about the store. The key in `broker.conf` is named at each value.
package struct StoreConfiguration: Sendable {
    /// `storePathRootDir`.
    package var rootPath: String
    /// `storePathCommitLog`; nil is `commitlog` below the root.
    package var commitLogPath: String?
    /// `mappedFileSizeCommitLog`, bytes.
    package var commitLogFileBytes = 1 << 30
    /// `mappedFileSizeConsumeQueue`, bytes, rounded up to whole units of 20.
    package var consumeQueueFileBytes = 6_000_000
    /// `flushDiskType`.
    package var flushMode = FlushMode.asynchronous
    /// `flushIntervalCommitLog`, milliseconds between fsyncs in ASYNC_FLUSH.
    package var flushIntervalMillis = 500
    /// From how many bytes a second on the log is made ready in large pieces; no key, but simulations have their own.
    package var fastLogBytesPerSecond: Int64 = 4 << 20
    /// `syncFlushTimeout`, milliseconds; kept for the answer of a flush that takes too long.
    package var syncFlushTimeoutMillis = 5_000
    /// `messageDelayLevel`: consume queues of the schedule topic hold the time when a message is due.
    package var delayLevels = DelayLevels.apache
    /// `maxMessageSize`, bytes of a body.
    package var messageBytesMax = 4 << 20
    /// `fileReservedTime`, hours.
    package var retentionHours = 72
    /// `fileReservedBytes` (not Apache's): the oldest log files go when all are larger; 0 for no limit.
    package var retentionBytesMax: Int64 = 0
    /// `deleteWhen`, hours of the day joined by `;`.
    package var deleteHours = "04"
    /// `diskMaxUsedSpaceRatio`, percent.
    package var diskUsedPercentMax = 75
    /// `diskSpaceWarningLevelRatio`, percent: above it writes are refused.
    package var diskWarningPercent = 90
    /// `diskSpaceCleanForciblyRatio`, percent.
    package var diskCleanForciblyPercent = 85
    /// `cleanFileForciblyEnable`: above that ratio files go before they expire.
    package var cleanForcibly = true
    /// `deleteUnreadWhenDiskFull` (not Apache's): forced cleaning takes what consumer groups have not consumed yet, too.
    package var deletesUnread = false
    /// `dataReadAheadEnable`: whether a read of the log may bring what lies behind it into memory, too.
    package var readsAhead = true
    /// `checkCRCOnRecover`.
    package var checkCRCOnRecover = true
    /// Whether a master has all that is in the log: what a loss of power took out of its middle is got again from there, with
    /// all that follows, and not passed over.
    package var isReplica = false
    /// Written into the `abort` file, as Apache does: tells whose crash left it.
    package var processId: Int32 = 0
    /// `messageIndexEnable`.
    package var isIndexEnabled = true
    /// `maxHashSlotNum`.
    package var indexSlotCount = 5_000_000
    /// `maxIndexNum`.
    package var indexEntryCount = 20_000_000
    /// Milliseconds after which the files of an unused queue are unmapped.
    package var queueIdleMillis: Int64 = 60_000
    /// Queues that have files mapped at a time; others are mapped again when they are used.
    package var mappedQueuesMax = 16_384
    /// Queue units in memory, over all queues, from which on the oldest are written to their files.
    package var keptQueueUnitsMax = 1 << 19
    /// Bytes of the log whose queue units may be in memory only: a start after a kill reads so many again.
    package var keptQueueLogBytesMax: Int64 = 1 << 30
    /// Queues that are written to their files in a second though neither bound asks for it.
    package var queueWritesPerRound = 4_096
    /// Appended messages that may wait for dispatch before appends are refused as busy.
    package var dispatchBacklogMax = 1 << 20

    /// Apache's defaults for a directory.
    package init(rootPath: String = "") {
        self.rootPath = rootPath
    }

    var logDirectory: String { commitLogPath ?? rootPath + "/commitlog" }
    var queueDirectory: String { rootPath + "/consumequeue" }
    var indexDirectory: String { rootPath + "/index" }
    /// Bytes of a queue file as Apache rounds them.
    var queueFileBytes: Int { (consumeQueueFileBytes + QueueUnit.size - 1) / QueueUnit.size * QueueUnit.size }
}

/// The time of day, handed in.
package protocol StoreClock: Sendable {
    /// Milliseconds since 1970.
    var nowMillis: Int64 { get }
    /// Hour of the day in the operator's time zone, 0 to 23.
    var localHour: Int { get }
}

extension StoreClock {
    /// UTC, for clocks without a time zone.
    package var localHour: Int { Int(nowMillis / 3_600_000 % 24) }

    /// The hour of a moment, milliseconds since 1970, in the time zone of the process.
    package static func hourHere(_ nowMillis: Int64) -> Int {
        Int(storage_local_hour(nowMillis / 1_000))
    }
}
