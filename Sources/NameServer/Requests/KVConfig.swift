import MessageModel
import RemotingCodec

extension NameServer {
    /// GET_KV_CONFIG 101.
    func getKVConfig(_ request: RemotingCommand) throws -> NameServerAnswer {
        let header = try request.header(GetKVConfigRequestHeader.self)
        guard let value = state.withLockedValue({ $0.settings[header.namespace, header.key] }) else {
            throw ServiceError(
                code: .queryNotFound,
                message: "No config item, Namespace: \(header.namespace) Key: \(header.key)")
        }
        return NameServerAnswer(header: GetKVConfigResponseHeader(value: value))
    }

    /// GET_KVLIST_BY_NAMESPACE 219.
    func getKVList(_ request: RemotingCommand) throws -> NameServerAnswer {
        let header = try request.header(GetKVListByNamespaceRequestHeader.self)
        guard let values = state.withLockedValue({ $0.settings.values(in: header.namespace) }) else {
            throw ServiceError(code: .queryNotFound, message: "No config item, Namespace: \(header.namespace)")
        }
        return NameServerAnswer(body: KVTable(values).encode())
    }

    /// PUT_KV_CONFIG 100, answered when the value is on disk.
    func putKVConfig(
        _ request: RemotingCommand, _ completion: @escaping @Sendable (NameServerAnswer) -> Void
    ) throws {
        let header = try request.header(PutKVConfigRequestHeader.self)
        changeSettings(completion) { settings throws(ServiceError) in
            try settings.put(namespace: header.namespace, key: header.key, value: header.value)
        }
    }

    /// DELETE_KV_CONFIG 102, answered when the value is gone from disk.
    func deleteKVConfig(
        _ request: RemotingCommand, _ completion: @escaping @Sendable (NameServerAnswer) -> Void
    ) throws {
        let header = try request.header(DeleteKVConfigRequestHeader.self)
        changeSettings(completion) { settings throws(ServiceError) in
            settings.delete(namespace: header.namespace, key: header.key)
        }
    }

    /// The answer when changes come faster than the disk takes them.
    static let busy = ServiceError(code: .systemBusy, message: "too many changes of settings are waiting")

    /// One change after the other: the file first, then what readers see.
    private func changeSettings(
        _ completion: @escaping @Sendable (NameServerAnswer) -> Void,
        _ change: @escaping @Sendable (inout SettingsTable) throws(ServiceError) -> Void
    ) {
        let isQueued = blockingQueue { [self] in
            var (settings, path) = state.withLockedValue { ($0.settings, $0.configuration.kvConfigPath) }
            do throws(ServiceError) {
                try change(&settings)
                if !path.isEmpty { try SettingsFile(path: path).save(settings.json.serialize(pretty: true)) }
                state.withLockedValue { [settings] in $0.settings = settings }
                completion(NameServerAnswer())
            } catch {
                logger.error("settings not changed", metadata: ["reason": "\(error.message)"])
                completion(NameServerAnswer(error))
            }
        }
        if !isQueued { completion(NameServerAnswer(Self.busy)) }
    }
}
