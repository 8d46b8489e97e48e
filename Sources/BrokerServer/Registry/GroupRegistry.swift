import Logging
import MessageModel
import NIOConcurrencyHelpers
import ServerSupport

/// The consumer groups of a broker: read and created from any thread, written to `subscriptionGroup.json` behind.
///
/// A group that appears by itself is usable at once: were it lost in a crash, its next use would create it alike. A change
/// that an administrator asks for is acknowledged after the file holds it.
package final class GroupRegistry: Sendable {
    /// The broker settings that shape groups.
    package struct Settings: Sendable {
        package var autoCreateSubscriptionGroup: Bool
        package var enableCreateSysGroup: Bool
        /// Most groups that come into being by themselves.
        package var groupsMax: Int

        /// Apache's defaults.
        package init(
            autoCreateSubscriptionGroup: Bool = true, enableCreateSysGroup: Bool = true, groupsMax: Int = 100_000
        ) {
            self.autoCreateSubscriptionGroup = autoCreateSubscriptionGroup
            self.enableCreateSysGroup = enableCreateSysGroup
            self.groupsMax = groupsMax
        }
    }

    /// All groups at one moment.
    package struct Snapshot: Sendable {
        /// Groups by name.
        package var groups: [String: SubscriptionGroupConfig]
        /// Forbidden bits by group and topic, kept as they came.
        package var forbidden: JSONObject
        /// Changes with every change of the groups.
        package var dataVersion: DataVersion
    }

    /// Receives the outcome of a change.
    package typealias Completion = @Sendable (Result<Void, ServiceError>) -> Void

    private struct State {
        var snapshot: Snapshot
        var waiters: [Completion] = []
        var isScheduled = false

        /// Notes that the file must be written; true when the caller has to see to it.
        mutating func schedule() -> Bool {
            defer { isScheduled = true }
            return !isScheduled
        }

        /// What to write, and who waits for it.
        mutating func take() -> (Snapshot, [Completion]) {
            isScheduled = false
            defer { waiters = [] }
            return (snapshot, waiters)
        }
    }

    private let settings: Settings
    /// Whether a group may appear by itself; told whether it is a system group.
    private let creates: @Sendable (Bool) -> Bool
    private let file: RegistryFile
    private let worker: SerialWorker
    private let nowMillis: @Sendable () -> Int64
    private let logger: Logger
    private let state: NIOLockedValueBox<State>

    /// Loads `subscriptionGroup.json` and adds the system groups that are missing.
    package init(
        settings: Settings, storage: any RegistryStorage, worker: SerialWorker,
        nowMillis: @escaping @Sendable () -> Int64, logger: Logger,
        creates: (@Sendable (_ isSystemGroup: Bool) -> Bool)? = nil
    ) throws(BrokerError) {
        self.settings = settings
        self.creates =
            creates ?? { settings.autoCreateSubscriptionGroup || ($0 && settings.enableCreateSysGroup) }
        self.worker = worker
        self.nowMillis = nowMillis
        self.logger = logger
        file = RegistryFile(
            "subscriptionGroup.json", in: storage,
            members: ["dataVersion", "forbiddenTable", "subscriptionGroupTable"], logger: logger)
        var snapshot =
            try file.load(Self.decode)
            ?? Snapshot(
                groups: [:], forbidden: JSONObject(), dataVersion: DataVersion(timestampMillis: nowMillis()))
        for name in SystemTopics.groups where snapshot.groups[name] == nil {
            snapshot.groups[name] = SubscriptionGroupConfig(name: name)
        }
        state = NIOLockedValueBox(State(snapshot: snapshot))
    }

    /// The group of that name, nil when the broker has none.
    package func group(_ name: String) -> SubscriptionGroupConfig? {
        state.withLockedValue { $0.snapshot.groups[name] }
    }

    /// The group of that name, created with defaults where that is allowed and the name is valid; else nil.
    package func groupOrCreate(_ name: String) -> SubscriptionGroupConfig? {
        if let group = group(name) { return group }
        guard creates(NameRules.isSystemGroup(name)), (try? NameRules.checkGroup(name)) != nil else { return nil }
        let now = nowMillis()
        let (group, mustSchedule) = state.withLockedValue { state -> (SubscriptionGroupConfig?, Bool) in
            if let group = state.snapshot.groups[name] { return (group, false) }
            guard state.snapshot.groups.count < settings.groupsMax else { return (nil, false) }
            let group = SubscriptionGroupConfig(name: name)
            state.snapshot.groups[name] = group
            state.snapshot.dataVersion.advance(
                nowMillis: now, stateVersion: state.snapshot.dataVersion.stateVersion)
            return (group, state.schedule())
        }
        if mustSchedule { schedule() }
        return group
    }

    /// All groups and their version.
    package var snapshot: Snapshot {
        state.withLockedValue { $0.snapshot }
    }

    /// The retry topic gets as many queues; more are a mistake.
    private static let retryQueueCountMax: Int32 = 1_024

    /// Creates or changes a group as an administrator asks.
    package func update(_ group: SubscriptionGroupConfig, completion: @escaping Completion) {
        do {
            try NameRules.checkGroup(group.name)
        } catch {
            return completion(.failure(ServiceError(code: .invalidParameter, message: error.message)))
        }
        guard (0...Self.retryQueueCountMax).contains(group.retryQueueCount) else {
            return completion(
                .failure(
                    ServiceError(
                        code: .invalidParameter,
                        message: "retryQueueNums \(group.retryQueueCount) is not between 0 and "
                            + "\(Self.retryQueueCountMax)")))
        }
        do throws(ServiceError) {
            try GroupAttributes.check(group.attributes)
        } catch {
            return completion(.failure(error))
        }
        change(completion) { snapshot in
            // A request cannot name what this version does not know.
            var group = group
            let existing = snapshot.groups[group.name]
            if let existing { group.unknownMembers = existing.unknownMembers }
            group.attributes = GroupAttributes.applied(group.attributes, to: existing?.attributes ?? [:])
            let isChanged = snapshot.groups[group.name] != group
            snapshot.groups[group.name] = group
            return isChanged
        }
    }

    /// Apache's bit for what a group may not read.
    private static let forbiddenToRead: Int64 = 1 << 2

    /// Whether a group may not read a topic.
    package func isReadForbidden(group: String, topic: String) -> Bool {
        let bits = state.withLockedValue { $0.snapshot.forbidden[group]?.members?[topic]?.int64 } ?? 0
        return bits & Self.forbiddenToRead != 0
    }

    /// Allows or forbids a group to read a topic; nil leaves it as it is.
    package func setReadable(
        _ isReadable: Bool?, group: String, topic: String, completion: @escaping Completion
    ) {
        guard let isReadable else { return completion(.success(())) }
        change(completion) { snapshot in
            var topics = snapshot.forbidden[group]?.members ?? JSONObject()
            let before = topics[topic]?.int64 ?? 0
            let after = isReadable ? before & ~Self.forbiddenToRead : before | Self.forbiddenToRead
            guard before != after else { return false }
            topics[topic] = after == 0 ? nil : .integer(after)
            snapshot.forbidden[group] = topics.isEmpty ? nil : .object(topics)
            return true
        }
    }

    /// Removes a group; an unknown name is success.
    package func delete(_ name: String, completion: @escaping Completion) {
        change(completion) { $0.groups.removeValue(forKey: name) != nil }
    }

    private func change(
        _ completion: @escaping Completion, _ body: (inout Snapshot) -> Bool
    ) {
        let now = nowMillis()
        let mustSchedule = state.withLockedValue { state in
            if body(&state.snapshot) {
                state.snapshot.dataVersion.advance(
                    nowMillis: now, stateVersion: state.snapshot.dataVersion.stateVersion)
            }
            state.waiters.append(completion)
            return state.schedule()
        }
        if mustSchedule { schedule() }
    }

    private func schedule() {
        guard !worker.submit({ [self] in persist() }) else { return }
        let (_, waiters) = state.withLockedValue { $0.take() }
        for completion in waiters {
            completion(.failure(ServiceError(code: .systemBusy, message: "the group registry is closed or full")))
        }
    }

    /// On the worker: writes the groups as they are now and answers whoever waited for that.
    private func persist() {
        let (snapshot, waiters) = state.withLockedValue { $0.take() }
        var outcome: Result<Void, ServiceError> = .success(())
        do {
            try file.save(Self.encode(snapshot))
        } catch {
            logger.error("groups could not be saved", metadata: ["error": "\(error)"])
            outcome = .failure(
                ServiceError(code: .systemError, message: "the group could not be saved: \(error)"))
        }
        for completion in waiters { completion(outcome) }
    }

    // MARK: subscriptionGroup.json

    private static func decode(_ json: JSONValue) throws(ModelError) -> Snapshot {
        let fields = try JSONFields(json, of: "subscriptionGroup.json")
        var snapshot = Snapshot(groups: [:], forbidden: JSONObject(), dataVersion: DataVersion())
        if let version = fields.value("dataVersion") { snapshot.dataVersion = try DataVersion(json: version) }
        if let forbidden = try fields.object("forbiddenTable") { snapshot.forbidden = forbidden }
        guard let table = try fields.object("subscriptionGroupTable") else {
            throw ModelError(.invalidField, "subscriptionGroup.json: subscriptionGroupTable is missing")
        }
        for member in table {
            snapshot.groups[member.key.text] = try SubscriptionGroupConfig(json: member.value, name: member.key.text)
        }
        return snapshot
    }

    /// The content of `subscriptionGroup.json`.
    static func encode(_ snapshot: Snapshot) -> JSONValue {
        [
            "dataVersion": snapshot.dataVersion.json,
            "forbiddenTable": .object(snapshot.forbidden),
            "subscriptionGroupTable": .object(JSONObject(sorted: snapshot.groups) { $0.json }),
        ]
    }
}
