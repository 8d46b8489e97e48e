import AdminClient
import GRPCClient
import Logging
import MessageModel
import NIOCore
import NIOSSL
import RemotingTransport

/// Connects the clients of a run and carries it out.
package enum LoadProgram {
    /// Runs a load to its end. `progress` gets a line each second, `nowNanos` is nanoseconds since 1970.
    package static func run(
        _ settings: LoadSettings, on loop: any EventLoop, logger: Logger,
        nowNanos: @escaping @Sendable () -> UInt64, progress: @escaping @Sendable (String) -> Void
    ) async throws(LoadFailure) -> LoadReport {
        if let objection = settings.objection { throw LoadFailure(message: objection) }
        let runID = UInt64.random(in: 1 ... .max)
        let clients: NIOLoopBound<Clients>
        switch settings.target {
        case .proxies(let proxies, let tls): clients = try await connect(settings, proxies, tls, runID, loop)
        case .nameServers(let servers): clients = try await connect(settings, servers, loop, logger)
        }
        do {
            return try await loop.flatSubmit {
                LoadRun(
                    settings: settings, senders: clients.value.senders, receivers: clients.value.receivers,
                    runID: runID, loop: loop, nowNanos: nowNanos, progress: progress
                ).start()
            }.get()
        } catch {
            throw LoadFailure(message: "the run ended early: \(error)")
        }
    }

    private struct Clients {
        var senders: [any MessageSender] = []
        var receivers: [any MessageReceiver] = []
    }

    // MARK: gRPC

    private static func connect(
        _ settings: LoadSettings, _ proxies: [HostPort], _ isTLS: Bool, _ runID: UInt64, _ loop: any EventLoop
    ) async throws(LoadFailure) -> NIOLoopBound<Clients> {
        let tls = isTLS ? try tlsContext() : nil
        let senderCount = settings.sends ? settings.producers : 0
        let receiverCount = settings.receives ? settings.consumers : 0
        var connections: [(GRPCLink, ProxyMethods)] = []
        for index in 0..<senderCount + receiverCount {
            let proxy = proxies[index % proxies.count]
            do {
                let link = try await GRPCConnection.connect(host: proxy.host, port: proxy.port, tls: tls, on: loop)
                    .get()
                let methods = ProxyMethods(
                    proxy: proxy, isTLS: isTLS, clientID: "mqbench-\(String(runID, radix: 36))-\(index)",
                    settings: settings)
                connections.append((link, methods))
            } catch {
                throw LoadFailure(message: "cannot connect to the proxy \(proxy): \(error)")
            }
        }
        let made = connections
        return await onLoop(loop) {
            var clients = Clients()
            for (index, (link, methods)) in made.enumerated() {
                if index < senderCount {
                    clients.senders.append(ProxySender(connection: link.value, methods: methods))
                } else {
                    let topic = settings.topics[(index - senderCount) % settings.topics.count]
                    clients.receivers.append(
                        ProxyReceiver(connection: link.value, methods: methods, topic: topic, settings: settings))
                }
            }
            return clients
        }
    }

    private typealias GRPCLink = NIOLoopBound<GRPCConnection>

    private static func tlsContext() throws(LoadFailure) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        // Servers make themselves a certificate unless they are given one; nothing secret is sent.
        configuration.certificateVerification = .none
        configuration.applicationProtocols = ["h2"]
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw LoadFailure(message: "TLS cannot be set up: \(error)")
        }
    }

    // MARK: Remoting

    private static func connect(
        _ settings: LoadSettings, _ nameServers: [HostPort], _ loop: any EventLoop, _ logger: Logger
    ) async throws(LoadFailure) -> NIOLoopBound<Clients> {
        let routeClient = RemotingClient(eventLoop: loop, logger: logger)
        defer { routeClient.shutdown() }
        let admin = AdminClient(client: routeClient, nameServers: nameServers)
        var writable: [[BrokerQueue]] = []
        var readable: [BrokerQueue] = []
        for topic in settings.topics {
            let route: TopicRoute?
            do throws(AdminError) {
                route = try await admin.route(of: topic)
            } catch {
                throw LoadFailure(message: error.message)
            }
            guard let route else {
                throw LoadFailure(message: "topic \(topic) does not exist: create it with mqadmin updateTopic")
            }
            writable.append(BrokerQueue.queues(of: route, topic: topic) { $0.writeQueueCount })
            readable += BrokerQueue.queues(of: route, topic: topic) { $0.readQueueCount }
        }
        let (writableQueues, readableQueues) = (writable, readable)
        return await onLoop(loop) {
            func client() -> RemotingClient { RemotingClient(eventLoop: loop, logger: logger) }
            var clients = Clients()
            if settings.sends {
                clients.senders = (0..<settings.producers).map {
                    BrokerSender(client: client(), queues: writableQueues, settings: settings, turn: $0)
                }
            }
            if settings.receives {
                clients.receivers = (0..<settings.consumers).map { number in
                    let share = readableQueues.enumerated().filter { $0.offset % settings.consumers == number }
                    return BrokerReceiver(client: client(), queues: share.map(\.element), settings: settings)
                }
            }
            return clients
        }
    }

    /// Makes something that stays on the loop.
    private static func onLoop(
        _ loop: any EventLoop, _ make: @escaping @Sendable () -> Clients
    ) async -> NIOLoopBound<Clients> {
        await withCheckedContinuation { continuation in
            loop.execute { continuation.resume(returning: NIOLoopBound(make(), eventLoop: loop)) }
        }
    }
}
