import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import RemotingTransport

/// Consumers that are connected to proxies, and how to reach them: what is asked of a client goes to its proxy.
///
/// They are no members of their groups to this broker: they pop, and must not be counted in the shares of those who pull.
package final class ProxiedConsumers: Sendable {
    /// A consumer of a proxy in this process.
    package typealias Consumer = ProxiedConsumersBody.Consumer
    package typealias Member = ProxiedConsumersBody.Member

    /// What a consumer can be asked.
    package enum Question: Sendable {
        /// What it is, and what its threads do when that is wanted.
        case runningInfo(isTraceWanted: Bool)
        /// To consume this record now.
        case consume(topic: String, record: ByteBuffer)
    }

    /// What it answers: the body of the answer to the request.
    package typealias Answer = Result<any JSONBody, ServiceError>
    /// The consumers of a proxy in this process, in a group.
    package typealias LocalMembers = @Sendable (_ group: String) -> [Consumer]
    /// Asks one of them; false when it is not there.
    package typealias LocalAsk =
        @Sendable (Member, Question, _ completion: @escaping @Sendable (Answer) -> Void) -> Bool

    private struct Entry {
        var consumer: Consumer
        var connection: RemotingServerConnection
        var seenMillis: Int64
    }

    private struct State {
        var entries: [String: [String: Entry]] = [:]
        var count = 0
        /// Connections of proxies.
        var proxies: Set<UInt64> = []
        var localMembers: LocalMembers?
        var localAsk: LocalAsk?
    }

    /// More than this on one broker are refused with SYSTEM_BUSY.
    static let countMax = 200_000
    /// Proxies announce all their consumers every 20 seconds; who misses three times is gone.
    static let expiryMillis: Int64 = 70_000

    private let state = NIOLockedValueBox(State())

    init() {}

    /// Sets who stands for the consumers in this process.
    package func setLocal(members: @escaping LocalMembers, ask: @escaping LocalAsk) {
        state.withLockedValue { state in
            state.localMembers = members
            state.localAsk = ask
        }
    }

    /// A proxy's news. False when there are too many consumers.
    func announce(
        _ present: [Consumer], left: [Member], on connection: RemotingServerConnection, nowMillis: Int64
    ) -> Bool {
        state.withLockedValue { state in
            state.proxies.insert(connection.id)
            for member in left where state.entries[member.group]?[member.clientID]?.connection === connection {
                Self.remove(member.group, member.clientID, &state)
            }
            for consumer in present {
                let (group, id) = (consumer.data.groupName, consumer.client.clientId)
                if state.entries[group]?[id] == nil {
                    guard state.count < Self.countMax else { return false }
                    state.count += 1
                }
                // The newest proxy has it: clients move.
                state.entries[group, default: [:]][id] = Entry(
                    consumer: consumer, connection: connection, seenMillis: nowMillis)
            }
            return true
        }
    }

    /// A connection is gone: if it was a proxy's, so are its consumers, until they are announced again.
    func closed(connectionID: UInt64) {
        state.withLockedValue { state in
            guard state.proxies.remove(connectionID) != nil else { return }
            Self.removeAll(&state) { $0.connection.id == connectionID }
        }
    }

    /// Forgets whoever was not announced for a while; call every few seconds.
    func expire(nowMillis: Int64) {
        state.withLockedValue { state in
            Self.removeAll(&state) { nowMillis - $0.seenMillis > Self.expiryMillis }
        }
    }

    private static func removeAll(_ state: inout State, where isGone: (Entry) -> Bool) {
        for (group, members) in state.entries {
            for (id, entry) in members where isGone(entry) { remove(group, id, &state) }
        }
    }

    private static func remove(_ group: String, _ clientID: String, _ state: inout State) {
        guard state.entries[group]?.removeValue(forKey: clientID) != nil else { return }
        state.count -= 1
        if state.entries[group]?.isEmpty == true { state.entries[group] = nil }
    }

    /// The consumers of a group.
    package func members(group: String) -> [Consumer] {
        let (remote, local) = state.withLockedValue { state in
            ((state.entries[group] ?? [:]).values.map(\.consumer), state.localMembers)
        }
        return remote + (local?(group) ?? [])
    }

    /// The proxy that a consumer is connected to; nil when none is known.
    func proxy(of member: Member) -> RemotingServerConnection? {
        state.withLockedValue { $0.entries[member.group]?[member.clientID]?.connection }
    }

    /// Asks a consumer of a proxy in this process; false when there is none such.
    func askLocal(
        _ member: Member, _ question: Question, completion: @escaping @Sendable (Answer) -> Void
    ) -> Bool {
        guard let ask = state.withLockedValue({ $0.localAsk }) else { return false }
        return ask(member, question, completion)
    }
}
