import Logging
import MessageModel
import NIOConcurrencyHelpers
import RemotingCodec
import ServerSupport

/// How groups fetch topics (pull or pop), as administrators set it: kept in `messageRequestMode.json` as Apache keeps it.
package final class RequestModeRegistry: Sendable {
    /// The file.
    package static let fileName = "messageRequestMode.json"
    /// Most settings.
    private static let countMax = 100_000

    /// A setting.
    package struct Mode: Hashable, Sendable {
        /// Pull or pop.
        package var mode: MessageRequestMode
        /// With how many others a popping member shares its queues; 0 and less is with all.
        package var popShareQueueCount: Int32

        /// A setting by its parts.
        package init(mode: MessageRequestMode, popShareQueueCount: Int32) {
            self.mode = mode
            self.popShareQueueCount = popShareQueueCount
        }
    }

    private let file: RegistryFile
    private let worker: SerialWorker
    // By topic, then group.
    private let table: NIOLockedValueBox<[String: [String: Mode]]>

    /// Loads the file.
    package init(storage: any RegistryStorage, worker: SerialWorker, logger: Logger) throws(BrokerError) {
        file = RegistryFile(Self.fileName, in: storage, logger: logger)
        self.worker = worker
        table = NIOLockedValueBox(try file.load(Self.decode) ?? [:])
    }

    /// The setting of a group on a topic; nil when there is none.
    package func mode(topic: String, group: String) -> Mode? {
        table.withLockedValue { $0[topic]?[group] }
    }

    /// The content of the file.
    package var json: JSONValue { Self.encode(table.withLockedValue { $0 }) }

    /// Changes a setting; the completion runs when the file holds it.
    package func set(
        _ mode: Mode, topic: String, group: String,
        completion: @escaping @Sendable (Result<Void, ServiceError>) -> Void
    ) {
        let fits = table.withLockedValue { table in
            guard table.count < Self.countMax || table[topic] != nil else { return false }
            table[topic, default: [:]][group] = mode
            return true
        }
        guard fits else {
            return completion(
                .failure(ServiceError(code: .systemBusy, message: "\(Self.countMax) topics have a mode already")))
        }
        let isQueued = worker.submit { [self] in
            do {
                try file.save(json)
                completion(.success(()))
            } catch {
                completion(
                    .failure(ServiceError(code: .systemError, message: "the mode could not be saved: \(error)")))
            }
        }
        if !isQueued {
            completion(.failure(ServiceError(code: .systemBusy, message: "too many changes wait to be saved")))
        }
    }

    private static func encode(_ table: [String: [String: Mode]]) -> JSONValue {
        [
            "messageRequestModeMap": .object(
                JSONObject(
                    sorted: Dictionary(
                        uniqueKeysWithValues: table.map { topic, groups in
                            (topic, (topic, groups))
                        })
                ) { topic, groups in
                    .object(
                        JSONObject(
                            sorted: Dictionary(uniqueKeysWithValues: groups.map { ($0.key, ($0.key, $0.value)) })
                        ) { group, mode in
                            SetMessageRequestModeBody(
                                topic: topic, consumerGroup: group, mode: mode.mode,
                                popShareQueueCount: mode.popShareQueueCount
                            ).json
                        })
                })
        ]
    }

    private static func decode(_ json: JSONValue) throws(ModelError) -> [String: [String: Mode]] {
        var table: [String: [String: Mode]] = [:]
        for topic in try JSONFields(json, of: fileName).object("messageRequestModeMap") ?? JSONObject() {
            for group in topic.value.members ?? JSONObject() {
                let body = try SetMessageRequestModeBody(json: group.value)
                table[topic.key.text, default: [:]][group.key.text] = Mode(
                    mode: body.mode, popShareQueueCount: body.popShareQueueCount)
            }
        }
        return table
    }
}
