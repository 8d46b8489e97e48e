import Foundation
import StorageEngine
import Testing

@testable import BrokerServer

/// A copy of a store directory that Apache's broker 5.1.4 left; the owner removes it.
struct ApacheDirectory {
    /// How the broker had ended.
    enum Ending: String {
        case clean
        case killed
    }

    let path: String

    init(_ ending: Ending) throws {
        path = NSTemporaryDirectory() + "apache-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let archive = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../StorageEngineTests/Golden/store-\(ending.rawValue).tar.gz").standardized
        let tar = Process()
        tar.executableURL = URL(fileURLWithPath: "/bin/tar")
        tar.arguments = ["xzf", archive.path, "-C", path, "--strip-components=1"]
        try tar.run()
        tar.waitUntilExit()
        try #require(tar.terminationStatus == 0)
    }

    /// The settings that the directory was written with. What it holds is old, and stays nevertheless.
    var configuration: BrokerConfiguration {
        var configuration = BrokerConfiguration()
        configuration.brokerName = "broker-a"
        configuration.topics = TopicRegistry.Settings(brokerName: "broker-a")
        configuration.storePath = path
        configuration.store = StoreConfiguration(rootPath: path)
        configuration.store.commitLogFileBytes = 131_072
        configuration.store.consumeQueueFileBytes = 6_000
        configuration.store.indexSlotCount = 100
        configuration.store.indexEntryCount = 400
        configuration.store.retentionHours = 876_000
        configuration.store.diskWarningPercent = 99
        configuration.store.diskCleanForciblyPercent = 98
        return configuration
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
