import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

/// Routes of topics as the name servers tell them, kept for half a minute: groups share the queues of all brokers.
/// Every mutable property is touched on `eventLoop` only; the class is Sendable to be captured by the loop's tasks.
final class RouteFinder: @unchecked Sendable {
    typealias Completion = @Sendable (TopicRoute?) -> Void

    private static let keptMillis: Int64 = 30_000
    private static let timeoutMillis: Int64 = 3_000
    private static let countMax = 10_000

    private struct Kept {
        var route: TopicRoute
        var untilMillis: Int64
    }

    private let client: RemotingClient
    private let nameServers: [HostPort]
    private let nowMillis: @Sendable () -> Int64
    private var kept: [String: Kept] = [:]
    private var waiting: [String: [Completion]] = [:]

    /// Asks by the client's connections, on its event loop.
    init(client: RemotingClient, nameServers: [HostPort], nowMillis: @escaping @Sendable () -> Int64) {
        self.client = client
        self.nameServers = nameServers
        self.nowMillis = nowMillis
    }

    /// The route of a topic; nil when no name server tells one. From any thread; the completion runs on the loop.
    func find(_ topic: String, completion: @escaping Completion) {
        client.eventLoop.execute { self.findOnLoop(topic, completion) }
    }

    private func findOnLoop(_ topic: String, _ completion: @escaping Completion) {
        if let known = kept[topic], known.untilMillis > nowMillis() { return completion(known.route) }
        guard waiting.count < Self.countMax else { return completion(nil) }
        waiting[topic, default: []].append(completion)
        if waiting[topic]?.count == 1 { ask(topic, nameServers[...]) }
    }

    private func ask(_ topic: String, _ servers: ArraySlice<HostPort>) {
        guard let server = servers.first else { return finish(topic, nil) }
        client.call(
            server, code: .getRouteinfoByTopic, header: GetRouteInfoRequestHeader(topic: topic),
            timeoutMillis: Self.timeoutMillis
        ) { result in
            guard case .success(let answer) = result, answer.responseCode == .success,
                let route = try? TopicRoute(decoding: answer.body)
            else { return self.ask(topic, servers.dropFirst()) }
            self.finish(topic, route)
        }
    }

    private func finish(_ topic: String, _ route: TopicRoute?) {
        if let route {
            if kept.count >= Self.countMax { kept = [:] }
            kept[topic] = Kept(route: route, untilMillis: nowMillis() + Self.keptMillis)
        }
        for completion in waiting.removeValue(forKey: topic) ?? [] { completion(route) }
    }
}
