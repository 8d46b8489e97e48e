import Logging
import MessageModel
import NIOConcurrencyHelpers
import ServerSupport

/// The topics of a broker: read from any thread, changed one change at a time.
///
/// A change runs on the registry worker: it is made on a copy, written to `topics.json`, published, announced, and only
/// then acknowledged. So nobody sees a topic that a crash could take back. Waiting changes share one write of the file.
package final class TopicRegistry: Sendable {
    /// The broker settings that shape topics.
    package struct Settings: Sendable {
        package var clusterName: String
        package var brokerName: String
        package var autoCreateTopicEnable = true
        package var defaultTopicQueueCount: Int32 = 8
        package var clusterTopicEnable = true
        package var brokerTopicEnable = true
        package var traceTopicEnable = false
        package var traceTopic = NameRules.traceTopic
        package var reviveQueueCount: Int32 = 8
        package var timerWheelEnable = true
        /// Topics there may be, system topics included; more are refused as SYSTEM_BUSY.
        package var topicsMax = 100_000

        /// Apache's defaults for a cluster and broker name.
        package init(clusterName: String = "DefaultCluster", brokerName: String) {
            self.clusterName = clusterName
            self.brokerName = brokerName
        }
    }

    /// All topics at one moment.
    package struct Snapshot: Sendable {
        /// Topics by name.
        package var topics: [String: TopicConfig]
        /// Changes with every change of the topics.
        package var dataVersion: DataVersion
    }

    private struct Current {
        let snapshot: Snapshot
        let sends: [String: SendTopic]

        init(_ snapshot: Snapshot) {
            self.snapshot = snapshot
            sends = snapshot.topics.mapValues { SendTopic($0) }
        }
    }

    /// One change of the table, after it became durable.
    package enum Change: Sendable {
        case updated([TopicConfig], DataVersion)
        case deleted(String, DataVersion)
    }

    /// What a request for a new topic on the send path says.
    package struct CreationRequest: Sendable {
        package var topic: String
        package var defaultTopic: String
        package var defaultTopicQueueCount: Int32
        package var isUnitMode: Bool

        /// Creates a request.
        package init(
            topic: String, defaultTopic: String = NameRules.autoCreateTopic, defaultTopicQueueCount: Int32 = 4,
            isUnitMode: Bool = false
        ) {
            self.topic = topic
            self.defaultTopic = defaultTopic
            self.defaultTopicQueueCount = defaultTopicQueueCount
            self.isUnitMode = isUnitMode
        }
    }

    /// Receives the topic after a change is durable, or why it was refused.
    package typealias Completion = @Sendable (Result<TopicConfig, ServiceError>) -> Void

    private enum Mutation: Sendable {
        case createOnSend(CreationRequest)
        case createIfAbsent(TopicConfig)
        case put(TopicConfig)
        case delete(String)
        case announceAll
    }

    private struct Pending {
        var changes: [(mutation: Mutation, completion: Completion)] = []
        var isScheduled = false
    }

    /// The settings given at creation.
    package let settings: Settings
    private let autoCreateTopicEnable: @Sendable () -> Bool
    private let file: RegistryFile
    private let worker: SerialWorker
    private let nowMillis: @Sendable () -> Int64
    private let logger: Logger
    private let current: NIOLockedValueBox<Current>
    private let pending = NIOLockedValueBox(Pending())
    private let observer = NIOLockedValueBox(Observer())
    private let reservedNames: Set<String>
    /// Changes that may wait for the worker; more are refused as SYSTEM_BUSY.
    private static let pendingMax = 10_000

    /// Loads `topics.json` and adds the system topics that are missing (in memory; the next change writes them).
    package init(
        settings: Settings, storage: any RegistryStorage, worker: SerialWorker,
        nowMillis: @escaping @Sendable () -> Int64, logger: Logger,
        autoCreateTopicEnable: (@Sendable () -> Bool)? = nil
    ) throws(BrokerError) {
        self.settings = settings
        self.autoCreateTopicEnable = autoCreateTopicEnable ?? { settings.autoCreateTopicEnable }
        self.worker = worker
        self.nowMillis = nowMillis
        self.logger = logger
        file = RegistryFile(
            "topics.json", in: storage, members: ["dataVersion", "topicConfigTable"], logger: logger)
        let system = SystemTopics.topics(settings)
        reservedNames = Set(system.map(\.name))
        var snapshot =
            try file.load(Self.decode) ?? Snapshot(topics: [:], dataVersion: DataVersion(timestampMillis: nowMillis()))
        for topic in system where snapshot.topics[topic.name] == nil { snapshot.topics[topic.name] = topic }
        current = NIOLockedValueBox(Current(snapshot))
    }

    /// The topic of that name, nil when the broker has none.
    package func topic(_ name: String) -> TopicConfig? {
        current.withLockedValue { $0.snapshot.topics[name] }
    }

    /// What a send has to know of the topic of that name, nil when the broker has none.
    func sendTopic(_ name: String) -> SendTopic? {
        current.withLockedValue { $0.sends[name] }
    }

    /// All topics and their version.
    package var snapshot: Snapshot {
        current.withLockedValue { $0.snapshot }
    }

    /// Whether nobody may create, change or delete the topic by request.
    package func isSystemTopic(_ name: String) -> Bool {
        NameRules.isSystemTopic(name) || reservedNames.contains(name)
    }

    /// Sets who learns of changes; called on the registry worker.
    package func setObserver(_ action: @escaping @Sendable (Change) -> Void) {
        observer.withLockedValue { $0.action = action }
    }

    /// Creates a topic that a producer sent to: a copy of the default topic, or a retry topic with one queue.
    package func createOnSend(_ request: CreationRequest, completion: @escaping Completion) {
        submit(.createOnSend(request), completion)
    }

    /// Creates a topic of the broker's own unless it exists, for services that need only know whether it is there.
    var creator: @Sendable (TopicConfig, @escaping @Sendable (Bool) -> Void) -> Void {
        { [self] topic, completion in
            createIfAbsent(topic) { created in
                if case .success = created { completion(true) } else { completion(false) }
            }
        }
    }

    /// Creates a topic of the broker's own, such as a retry or dead-letter topic; an existing one is the answer as is.
    package func createIfAbsent(_ topic: TopicConfig, completion: @escaping Completion) {
        if let existing = self.topic(topic.name) { return completion(.success(existing)) }
        submit(.createIfAbsent(topic), completion)
    }

    /// Creates or changes a topic as an administrator asks; the caller has checked the name.
    package func update(_ topic: TopicConfig, completion: @escaping Completion) {
        submit(.put(topic), completion)
    }

    /// Removes a topic; an unknown name is success.
    package func delete(_ name: String, completion: @escaping Completion) {
        submit(.delete(name), completion)
    }

    /// Gives the table a new version and announces all of it, after what the broker allows has changed.
    package func announceAll(completion: @escaping Completion) {
        submit(.announceAll, completion)
    }

    // MARK: Changes

    private func submit(_ mutation: Mutation, _ completion: @escaping Completion) {
        let mustSchedule: Bool? = pending.withLockedValue { pending in
            guard pending.changes.count < Self.pendingMax else { return nil }
            pending.changes.append((mutation, completion))
            defer { pending.isScheduled = true }
            return !pending.isScheduled
        }
        guard let mustSchedule else {
            return completion(
                .failure(
                    ServiceError(
                        code: .systemBusy, message: "\(Self.pendingMax) changes of topics wait already, try again later"
                    )))
        }
        guard mustSchedule, !worker.submit({ [self] in applyPending() }) else { return }
        let refused = takePending()
        for (_, completion) in refused {
            completion(.failure(ServiceError(code: .systemBusy, message: "the topic registry is closed or full")))
        }
    }

    private func takePending() -> [(mutation: Mutation, completion: Completion)] {
        pending.withLockedValue { pending in
            defer { pending = Pending() }
            return pending.changes
        }
    }

    /// On the worker: applies all waiting changes, writes the file once, publishes and answers.
    private func applyPending() {
        var next = snapshot
        let before = next.dataVersion
        var answers: [(Completion, Result<TopicConfig, ServiceError>)] = []
        var updated: [String: TopicConfig] = [:]
        var deleted: [String] = []
        for (mutation, completion) in takePending() {
            let outcome = apply(mutation, to: &next.topics)
            switch outcome.change {
            case .put(let topic): updated[topic.name] = topic
            case .removed(let name):
                updated[name] = nil
                deleted.append(name)
            case .all: updated = next.topics
            case .none: break
            }
            answers.append((completion, outcome.answer))
        }
        if !updated.isEmpty || !deleted.isEmpty {
            next.dataVersion.advance(nowMillis: nowMillis(), stateVersion: before.stateVersion)
            do {
                try file.save(Self.encode(next))
            } catch {
                logger.error("topics could not be saved", metadata: ["error": "\(error)"])
                let failure = ServiceError(code: .systemError, message: "the topic could not be saved: \(error)")
                for (completion, _) in answers { completion(.failure(failure)) }
                return
            }
            let published = Current(next)
            current.withLockedValue { $0 = published }
            announce(updated, deleted, next)
        }
        for (completion, answer) in answers { completion(answer) }
    }

    private func announce(_ updated: [String: TopicConfig], _ deleted: [String], _ next: Snapshot) {
        guard let observer = observer.withLockedValue({ $0.action }) else { return }
        for name in deleted where next.topics[name] == nil { observer(.deleted(name, next.dataVersion)) }
        if !updated.isEmpty {
            observer(.updated(updated.values.sorted { $0.name < $1.name }, next.dataVersion))
        }
    }

    /// A structure, as the compiler wraps a closure in another one each time that a generic box of closures is looked into.
    private struct Observer {
        var action: (@Sendable (Change) -> Void)?
    }

    private enum TableChange {
        case none
        case put(TopicConfig)
        case removed(String)
        case all
    }

    private func apply(
        _ mutation: Mutation, to topics: inout [String: TopicConfig]
    ) -> (change: TableChange, answer: Result<TopicConfig, ServiceError>) {
        let wanted: TopicConfig
        switch mutation {
        case .announceAll: return (.all, .success(TopicConfig(name: "")))
        case .delete(let name):
            guard let removed = topics.removeValue(forKey: name) else {
                return (.none, .success(TopicConfig(name: name)))
            }
            return (.removed(name), .success(removed))
        case .createOnSend(let request):
            if let existing = topics[request.topic] { return (.none, .success(existing)) }
            var settings = settings
            settings.autoCreateTopicEnable = autoCreateTopicEnable()
            switch Self.derive(request, from: topics[request.defaultTopic], settings) {
            case .success(let topic): wanted = topic
            case .failure(let error): return (.none, .failure(error))
            }
        case .createIfAbsent(let topic):
            if let existing = topics[topic.name] { return (.none, .success(existing)) }
            wanted = topic
        case .put(var topic):
            // A request cannot name what this version does not know.
            if let existing = topics[topic.name] { topic.unknownMembers = existing.unknownMembers }
            if topics[topic.name] == topic { return (.none, .success(topic)) }
            wanted = topic
        }
        guard topics[wanted.name] != nil || topics.count < settings.topicsMax else {
            return (
                .none,
                .failure(
                    ServiceError(
                        code: .systemBusy,
                        message:
                            "topic[\(wanted.name)] was not created: the broker has \(topics.count) topics, its maximum")
                )
            )
        }
        topics[wanted.name] = wanted
        return (.put(wanted), .success(wanted))
    }

    /// The topic that a send to an unknown topic creates.
    static func derive(
        _ request: CreationRequest, from defaultTopic: TopicConfig?, _ settings: Settings
    ) -> Result<TopicConfig, ServiceError> {
        let sysFlag: Int32 = request.isUnitMode ? 1 : 0
        if NameRules.isRetryTopic(request.topic) {
            return .success(
                TopicConfig(
                    name: request.topic, readQueueCount: 1, writeQueueCount: 1,
                    sysFlag: request.isUnitMode ? 2 : 0))
        }
        // A default topic of an earlier run with auto-creation must not keep it on.
        let isClosed = request.defaultTopic == NameRules.autoCreateTopic && !settings.autoCreateTopicEnable
        guard let defaultTopic, !isClosed, defaultTopic.permission.contains(.inherit) else {
            return .failure(
                ServiceError(
                    code: .topicNotExist,
                    message: "topic[\(request.topic)] not exist, apply first please! It was not created, as default "
                        + "topic[\(request.defaultTopic)] is unknown or not inheritable"))
        }
        let queueCount = max(0, min(request.defaultTopicQueueCount, defaultTopic.writeQueueCount))
        return .success(
            TopicConfig(
                name: request.topic, readQueueCount: queueCount, writeQueueCount: queueCount,
                permission: defaultTopic.permission.subtracting(.inherit), filterType: defaultTopic.filterType,
                sysFlag: sysFlag))
    }

    // MARK: topics.json

    private static func decode(_ json: JSONValue) throws(ModelError) -> Snapshot {
        let fields = try JSONFields(json, of: "topics.json")
        var snapshot = Snapshot(topics: [:], dataVersion: DataVersion())
        if let version = fields.value("dataVersion") { snapshot.dataVersion = try DataVersion(json: version) }
        guard let table = try fields.object("topicConfigTable") else {
            throw ModelError(.invalidField, "topics.json: topicConfigTable is missing")
        }
        for member in table {
            snapshot.topics[member.key.text] = try TopicConfig(json: member.value, name: member.key.text)
        }
        return snapshot
    }

    /// The content of `topics.json`.
    static func encode(_ snapshot: Snapshot) -> JSONValue {
        [
            "dataVersion": snapshot.dataVersion.json,
            "topicConfigTable": .object(JSONObject(sorted: snapshot.topics) { $0.json }),
        ]
    }
}
