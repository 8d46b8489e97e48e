import InMemoryFileSystem

@testable import StorageEngine

/// Stores one after the other on a disk in memory, which may be killed or lose its power in between.
struct MemoryStoreWorld {
    var files = InMemoryFileSystem(capacityBytes: 1 << 30, nowMillis: { 1_700_000_000_000 })
    var configuration = StoreConfiguration(rootPath: "/store")
    let clock = ManualClock()

    init() {
        configuration.commitLogFileBytes = 131_072
        configuration.consumeQueueFileBytes = 6_000
        configuration.isIndexEnabled = false
        configuration.diskWarningPercent = 100
        configuration.diskCleanForciblyPercent = 100
    }

    func open() throws -> (store: MessageStore, report: RecoveryReport) {
        let store = MessageStore(configuration: configuration, fileSystem: files, clock: clock)
        return (store, try store.open(driving: .steps))
    }
}
