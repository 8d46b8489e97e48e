import MessageModel
import NIOConcurrencyHelpers
import ServerSupport
import Synchronization

/// The part of the configuration that changes while the broker runs, by UPDATE_BROKER_CONFIG (25).
///
/// Settings that are read for each message or request are atomics here. A change is checked as at start-up, written into
/// the configuration file, and only then takes effect: all keys of a request, or none.
package final class LiveConfiguration: Sendable {
    /// Keys whose change takes effect at once.
    package static let changeableKeys: Set<String> = [
        "autoCreateSubscriptionGroup", "autoCreateTopicEnable", "brokerPermission", "clearRetryTopicWhenDeleteTopic",
        "dataReadAheadEnable", "enableCreateSysGroup", "enableMixedMessageType", "notifyConsumerIdsChangedEnable",
        "rejectTransactionMessage", "startAcceptSendRequestTimeStamp", "validateSystemTopicWhenUpdateTopic",
    ]
    /// Keys that no request may change (Apache's `configBlackList`).
    private static let fixedKeys: Set<String> = ["brokerConfigPath", "configBlackList", "rocketmqHome"]
    /// More in one request is a mistake.
    private static let bodyBytesMax = 64 * 1_024

    /// What a change came to.
    package struct Outcome: Sendable {
        /// Keys that took effect, with their new values.
        package var changed: [String: String] = [:]
        /// Apache's keys that mean nothing here; kept in the file.
        package var withoutEffect: [String] = []
        /// Whether the file holds the change; false without a file.
        package var isSaved = false

        /// What is told with success; nil when there is nothing to add.
        var remark: String? {
            var sentences: [String] = []
            if !withoutEffect.isEmpty {
                sentences.append("\(withoutEffect.sorted().joined(separator: ", ")) has no effect here.")
            }
            if !isSaved, !changed.isEmpty {
                sentences.append("The broker has no configuration file: the change is lost when it stops.")
            }
            return sentences.isEmpty ? nil : sentences.joined(separator: " ")
        }
    }

    private struct State {
        /// Key and value of everything in force, in the order of the listing.
        var values: [(key: String, value: String)]
        var version: DataVersion
    }

    private let state: NIOLockedValueBox<State>
    private let file: ConfigurationFileTarget?
    private let nowMillis: @Sendable () -> Int64

    private let permissionBits = Atomic<Int32>(0)
    private let startAcceptSend = Atomic<Int64>(0)
    private let validatesSystemTopics = Atomic<Bool>(true)
    private let clearsRetryTopics = Atomic<Bool>(true)
    private let takesMixedTopics = Atomic<Bool>(false)
    private let rejectsTransactions = Atomic<Bool>(false)
    private let notifiesConsumers = Atomic<Bool>(true)
    private let createsTopics = Atomic<Bool>(true)
    private let createsGroups = Atomic<Bool>(true)
    private let createsSystemGroups = Atomic<Bool>(true)

    /// The settings of a broker at its start, and the file that keeps changes.
    package init(
        _ configuration: BrokerConfiguration, file: ConfigurationFileTarget?,
        nowMillis: @escaping @Sendable () -> Int64
    ) {
        self.file = file
        self.nowMillis = nowMillis
        let listing = (try? PropertiesFile.parse(Array(configuration.listing.utf8), file: "listing")) ?? .init()
        state = NIOLockedValueBox(
            State(
                values: listing.entries.map { ($0.key, $0.text) }, version: DataVersion(timestampMillis: nowMillis())))
        adopt(configuration)
    }

    // MARK: Settings

    /// What the broker as a whole allows.
    package var permission: TopicPermission { TopicPermission(rawValue: permissionBits.load(ordering: .relaxed)) }
    /// Sends are refused before this moment, milliseconds since 1970.
    package var startAcceptSendMillis: Int64 { startAcceptSend.load(ordering: .relaxed) }
    /// Whether administrators may not touch system topics.
    package var validateSystemTopicWhenUpdateTopic: Bool { validatesSystemTopics.load(ordering: .relaxed) }
    /// Whether deleting a topic also deletes the pop retry topics of its groups.
    package var clearRetryTopicWhenDeleteTopic: Bool { clearsRetryTopics.load(ordering: .relaxed) }
    /// Whether topics may take messages of any kind.
    package var enableMixedMessageType: Bool { takesMixedTopics.load(ordering: .relaxed) }
    /// Whether half messages are refused for good.
    package var rejectTransactionMessage: Bool { rejectsTransactions.load(ordering: .relaxed) }
    /// Whether consumers are told when others of their group come and go.
    package var notifyConsumerIDsChangedEnable: Bool { notifiesConsumers.load(ordering: .relaxed) }
    /// Whether a send creates its topic.
    package var autoCreateTopicEnable: Bool { createsTopics.load(ordering: .relaxed) }
    /// Whether groups appear when they are used.
    package var autoCreateSubscriptionGroup: Bool { createsGroups.load(ordering: .relaxed) }
    /// Whether system groups do so even where others do not.
    package var enableCreateSysGroup: Bool { createsSystemGroups.load(ordering: .relaxed) }

    private func adopt(_ configuration: BrokerConfiguration) {
        permissionBits.store(configuration.permission.rawValue, ordering: .relaxed)
        startAcceptSend.store(configuration.startAcceptSendMillis, ordering: .relaxed)
        validatesSystemTopics.store(configuration.validateSystemTopicWhenUpdateTopic, ordering: .relaxed)
        clearsRetryTopics.store(configuration.clearRetryTopicWhenDeleteTopic, ordering: .relaxed)
        takesMixedTopics.store(configuration.enableMixedMessageType, ordering: .relaxed)
        rejectsTransactions.store(configuration.rejectTransactionMessage, ordering: .relaxed)
        notifiesConsumers.store(configuration.notifyConsumerIDsChangedEnable, ordering: .relaxed)
        createsTopics.store(configuration.topics.autoCreateTopicEnable, ordering: .relaxed)
        createsGroups.store(configuration.groups.autoCreateSubscriptionGroup, ordering: .relaxed)
        createsSystemGroups.store(configuration.groups.enableCreateSysGroup, ordering: .relaxed)
    }

    /// Every key with its value in force, one a line, and the version of that text.
    package var listing: (text: String, version: DataVersion) {
        state.withLockedValue { state in
            (state.values.map { "\($0.key)=\($0.value)\n" }.joined(), state.version)
        }
    }

    // MARK: Changes

    /// Takes changes as property text. Blocks on the disk; one call at a time. Keys that Apache does not know are passed
    /// over, as Apache does.
    package func change(_ body: [UInt8]) throws(ServiceError) -> Outcome {
        guard body.count <= Self.bodyBytesMax else {
            throw ServiceError(
                code: .invalidParameter, message: "the changes have \(body.count) bytes, over \(Self.bodyBytesMax)")
        }
        let wanted: ConfigurationSource
        do throws(ConfigurationError) {
            wanted = try PropertiesFile.parse(body, file: "request")
        } catch {
            throw ServiceError(code: .systemError, message: error.description)
        }
        var outcome = Outcome()
        var lasting: [(key: String, value: String)] = []
        var values = state.withLockedValue { $0.values }
        for entry in wanted.entries {
            try Self.checkFixed(entry.key)
            if let index = values.firstIndex(where: { $0.key == entry.key }) {
                guard values[index].value != entry.text else { continue }
                guard Self.changeableKeys.contains(entry.key) else {
                    throw ServiceError(
                        code: .invalidParameter,
                        message: "\(entry.key) cannot change while the broker runs: set it in the configuration file "
                            + "and restart")
                }
                values[index].value = entry.text
                outcome.changed[entry.key] = entry.text
                lasting.append((entry.key, entry.text))
            } else if ApacheBrokerKeys.withoutEffect.contains(entry.key) {
                outcome.withoutEffect.append(entry.key)
                lasting.append((entry.key, entry.text))
            }
        }
        guard !lasting.isEmpty else { return outcome }
        let configuration = try Self.check(values)
        if let file {
            try file.save(lasting)
            outcome.isSaved = true
        }
        let now = nowMillis()
        state.withLockedValue { [values] state in
            state.values = values
            state.version.advance(nowMillis: now)
        }
        if !outcome.changed.isEmpty { adopt(configuration) }
        return outcome
    }

    private static func checkFixed(_ key: String) throws(ServiceError) {
        guard fixedKeys.contains(key) else { return }
        throw ServiceError(
            code: .noPermission,
            message: key == "brokerConfigPath"
                ? "Can not update config path" : "Can not update config in black list: \(key)")
    }

    /// Reads all values as at a start.
    private static func check(_ values: [(key: String, value: String)]) throws(ServiceError) -> BrokerConfiguration {
        var source = ConfigurationSource(file: "request")
        for (index, entry) in values.enumerated() {
            source.add(.init(key: entry.key, text: entry.value, line: index + 1))
        }
        let nowhere = BrokerConfiguration.Surroundings(
            hostName: "broker", localAddress: "127.0.0.1", home: "/", coreCount: 1)
        do throws(ConfigurationError) {
            return try BrokerConfiguration.read(source, surroundings: nowhere).0
        } catch {
            throw ServiceError(code: .invalidParameter, message: error.description)
        }
    }
}

/// The configuration file that changes go into.
package struct ConfigurationFileTarget: Sendable {
    /// The directory of the file.
    package let directory: any RegistryStorage
    /// The file's name in it.
    package let name: String

    /// A file in a directory.
    package init(directory: any RegistryStorage, name: String) {
        self.directory = directory
        self.name = name
    }

    /// The file at a path.
    package init(path: String) throws(BrokerError) {
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { String(path[..<$0]) } ?? "."
        self.init(
            // It is not ours, and perhaps not ours to open.
            directory: try RegistryDirectory(path: directory.isEmpty ? "/" : directory, adopts: false),
            name: slash.map { String(path[path.index(after: $0)...]) } ?? path)
    }

    /// Puts values into the file, the rest of it as it is; the content before stays as `NAME.bak`.
    func save(_ values: [(key: String, value: String)]) throws(ServiceError) {
        do throws(BrokerError) {
            let text = try directory.read(name) ?? []
            try directory.replace(name, with: PropertiesText.setting(values, in: text))
        } catch {
            throw ServiceError(code: .systemError, message: "the change was not saved: \(error)")
        }
    }
}
