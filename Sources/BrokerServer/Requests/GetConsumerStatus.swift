import MessageModel
import NIOConcurrencyHelpers
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// INVOKE_BROKER_TO_GET_CONSUMER_STATUS (223): how far the clients of a group say they are, by asking each with
    /// GET_CONSUMER_STATUS_FROM_CLIENT (221). Clients that do not answer are left out and named in the remark.
    func getConsumerStatus(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(GetConsumerStatusRequestHeader.self)
        guard broker.topics.topic(header.topic) != nil else {
            throw ServiceError(code: .systemError, message: "topic[\(header.topic)] not exist")
        }
        let members = broker.clients.connections(group: header.group)
        guard !members.isEmpty else {
            let hasProxied = !broker.proxiedConsumers.members(group: header.group).isEmpty
            throw ServiceError(
                code: .systemError,
                message: hasProxied
                    ? "the clients of the group[\(header.group)] are v5 clients, which keep no offsets of their own"
                    : "the consumer group[\(header.group)] not online")
        }
        let wanted = header.clientAddr ?? ""
        let targets = members.filter { wanted.isEmpty || $0.client.clientID == wanted }
        let gathering = StatusGathering(count: targets.count) { status, silent in
            connection.respond(
                to: request, code: .success,
                remark: silent.isEmpty ? nil : "no answer from \(silent.joined(separator: ", "))",
                body: status.encode())
        }
        guard !targets.isEmpty else { return gathering.finish() }
        let question = GetConsumerStatusRequestHeader(topic: header.topic, group: header.group)
        for target in targets {
            target.connection.call(
                code: .getConsumerStatusFromClient, header: question, timeoutMillis: Self.statusMillisMax
            ) { result in
                let answer = try? result.get().requireSuccess()
                let status = answer.flatMap { try? ConsumerStatus(decoding: $0.body) }
                gathering.add(target.client.clientID, status?.offsets)
            }
        }
    }

    /// Longest wait for the clients.
    private static var statusMillisMax: Int64 { 5_000 }
}

/// Collects the answers of several clients and goes on with the last.
private final class StatusGathering: Sendable {
    private struct State {
        var left: Int
        var status = ConsumerStatus()
        var silent: [String] = []
    }

    private let state: NIOLockedValueBox<State>
    private let completion: @Sendable (ConsumerStatus, [String]) -> Void

    init(count: Int, completion: @escaping @Sendable (ConsumerStatus, [String]) -> Void) {
        state = NIOLockedValueBox(State(left: count))
        self.completion = completion
    }

    func add(_ clientID: String, _ offsets: [MessageQueue: Int64]?) {
        let isLast = state.withLockedValue { state in
            if let offsets {
                state.status.offsetsByClient[clientID] = offsets
            } else {
                state.silent.append(clientID)
            }
            state.left -= 1
            return state.left == 0
        }
        if isLast { finish() }
    }

    func finish() {
        let (status, silent) = state.withLockedValue { ($0.status, $0.silent.sorted()) }
        completion(status, silent)
    }
}
