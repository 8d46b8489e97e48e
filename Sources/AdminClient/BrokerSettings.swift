import MessageModel
import NIOCore
import RemotingCodec
import ServerSupport

/// What one broker answered.
package struct BrokerAnswer<Value: Sendable>: Sendable {
    /// The broker's address.
    package var broker: String
    /// Its answer.
    package var value: Value
}

extension AdminClient {
    /// The settings in force on brokers, by key.
    package func brokerConfig(of target: BrokerTarget) async throws(AdminError) -> [BrokerAnswer<[String: String]>] {
        var answers: [BrokerAnswer<[String: String]>] = []
        for address in try await targets(target) {
            let answer = try await callBroker(address, .getBrokerConfig)
            answers.append(BrokerAnswer(broker: address, value: try Self.properties(answer)))
        }
        return answers
    }

    /// Changes a setting of running brokers; what each says of it, nil when there is nothing to add.
    ///
    /// The key must be one that the broker has: brokers pass over what they do not know.
    package func updateBrokerConfig(
        key: String, value: String, on target: BrokerTarget
    ) async throws(AdminError) -> [BrokerAnswer<String?>] {
        var answers: [BrokerAnswer<String?>] = []
        for address in try await targets(target) {
            let known = try Self.properties(try await callBroker(address, .getBrokerConfig))
            if known[key] == nil, let near = NearestKey.find(key, among: Set(known.keys), orIfNoneNear: []) {
                throw AdminError(.invalidArgument, "broker \(address) has no key \(key); the nearest is \(near)")
            }
            let answer = try await callBroker(
                address, .updateBrokerConfig, body: ByteBuffer(bytes: PropertiesText.line(key, value)))
            answers.append(BrokerAnswer(broker: address, value: answer.remark))
        }
        return answers
    }

    /// Sets whether brokers read their log ahead, 0, or not, 1; what each says of it.
    package func setCommitLogReadAhead(
        mode: Int32, on target: BrokerTarget
    ) async throws(AdminError) -> [BrokerAnswer<String?>] {
        var answers: [BrokerAnswer<String?>] = []
        for address in try await targets(target) {
            let answer = try await callBroker(
                address, .setCommitlogReadMode, SetCommitLogReadModeRequestHeader(mode: mode))
            answers.append(BrokerAnswer(broker: address, value: answer.remark))
        }
        return answers
    }

    /// The figures of brokers, by Apache's names.
    package func brokerStatus(of target: BrokerTarget) async throws(AdminError) -> [BrokerAnswer<[String: String]>] {
        var answers: [BrokerAnswer<[String: String]>] = []
        for address in try await targets(target) {
            let table = try Self.decode(KVTable.self, try await callBroker(address, .getBrokerRuntimeInfo))
            answers.append(BrokerAnswer(broker: address, value: table.table))
        }
        return answers
    }

    /// Has brokers do something that needs no values, such as cleaning; the brokers that did.
    package func order(_ code: RequestCode, on target: BrokerTarget) async throws(AdminError) -> [String] {
        let addresses = try await targets(target)
        for address in addresses { _ = try await callBroker(address, code) }
        return addresses
    }

    /// The keys and values of an answer in property text.
    static func properties(_ answer: RemotingCommand) throws(AdminError) -> [String: String] {
        do throws(ConfigurationError) {
            let source = try PropertiesFile.parse(Array(answer.body.readableBytesView), file: "answer")
            return Dictionary(source.entries.map { ($0.key, $0.text) }) { $1 }
        } catch {
            throw AdminError(.badAnswer, error.description)
        }
    }
}
