import MessageModel
import NIOCore
import RemotingCodec
import ServerSupport

extension AdminClient {
    /// Sets a value on all name servers.
    package func updateKVConfig(namespace: String, key: String, value: String) async throws(AdminError) {
        try await callEveryNameServer(
            .putKvConfig, PutKVConfigRequestHeader(namespace: namespace, key: key, value: value))
    }

    /// Removes a value from all name servers.
    package func deleteKVConfig(namespace: String, key: String) async throws(AdminError) {
        try await callEveryNameServer(.deleteKvConfig, DeleteKVConfigRequestHeader(namespace: namespace, key: key))
    }

    /// The fixed queue order of a topic; nil when it has none.
    package func orderConf(of topic: String) async throws(AdminError) -> String? {
        let header = GetKVConfigRequestHeader(namespace: Self.orderTopicNamespace, key: topic)
        let answer = try await callNameServer(.getKvConfig, header)
        if answer.responseCode == .queryNotFound { return nil }
        return try Self.successful(answer, from: "name server").fields.optionalString("value")
    }

    /// Fixes the queue order of a topic, as `brokerA:4;brokerB:4`; nil takes it away.
    package func setOrderConf(_ conf: String?, of topic: String) async throws(AdminError) {
        if let conf {
            try await updateKVConfig(namespace: Self.orderTopicNamespace, key: topic, value: conf)
        } else {
            try await deleteKVConfig(namespace: Self.orderTopicNamespace, key: topic)
        }
    }

    /// Takes the write permission of a broker away on every name server; how many topics that met on each.
    package func wipeWritePermission(of broker: String) async throws(AdminError) -> [BrokerAnswer<Int32>] {
        var answers: [BrokerAnswer<Int32>] = []
        for address in nameServers {
            let answer = try await call(
                address, .wipeWritePermOfBroker, WipeWritePermissionRequestHeader(brokerName: broker))
            let count = answer.fields.value(named: "wipeTopicCount").flatMap { Int32($0) } ?? 0
            answers.append(BrokerAnswer(broker: address.description, value: count))
        }
        return answers
    }

    /// Gives it back.
    package func addWritePermission(of broker: String) async throws(AdminError) -> [BrokerAnswer<Int32>] {
        var answers: [BrokerAnswer<Int32>] = []
        for address in nameServers {
            let answer = try await call(
                address, .addWritePermOfBroker, AddWritePermissionRequestHeader(brokerName: broker))
            let count = answer.fields.value(named: "addTopicCount").flatMap { Int32($0) } ?? 0
            answers.append(BrokerAnswer(broker: address.description, value: count))
        }
        return answers
    }

    /// The settings of each name server.
    package func nameServerConfig() async throws(AdminError) -> [BrokerAnswer<[String: String]>] {
        var answers: [BrokerAnswer<[String: String]>] = []
        for address in nameServers {
            let answer = try await call(address, .getNamesrvConfig)
            answers.append(BrokerAnswer(broker: address.description, value: try Self.properties(answer)))
        }
        return answers
    }

    /// Changes a setting of all name servers.
    package func updateNameServerConfig(key: String, value: String) async throws(AdminError) {
        for address in nameServers {
            _ = try await call(
                address, .updateNamesrvConfig, body: ByteBuffer(bytes: PropertiesText.line(key, value)))
        }
    }
}
