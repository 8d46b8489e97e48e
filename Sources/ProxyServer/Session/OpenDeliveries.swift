import GRPCServer
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import ProtoMessages

/// What push consumers hold unfinished, so that it can be given to others soon after one of them dies.
///
/// Clients that ask for renewal get their messages for the group's whole consume timeout, so nothing has to be renewed
/// and any proxy can take the ack. The price would be that messages of a dead client stay hidden for that long; hence
/// this table. It is a convenience only: when it is lost, messages come back later, and no answer changes.
final class OpenDeliveries {
    struct Delivery {
        let group: String
        let topic: String
        let handle: String
        let broker: BrokerTarget
        let untilMillis: Int64
        /// Empty for a message of no lite topic.
        var liteTopic = ""
    }

    final class Client {
        let id: String
        var deliveries: [UInt64: Delivery] = [:]
        var telemetryCount = 0
        var seenMillis: Int64

        init(id: String, seenMillis: Int64) {
            self.id = id
            self.seenMillis = seenMillis
        }
    }

    static let clientDeliveryCountMax = 16_384
    static let clientCountMax = 10_000
    /// A client whose stream ended is believed dead when it stays silent this long.
    static let silentMillisAfterEnd: Int64 = 20_000
    /// A client that never ended its stream is believed dead when it stays silent this long.
    static let silentMillisMax: Int64 = 120_000

    private var clients = ByteKeyTable<Client>()
    private var known: [Client] = []
    /// Receives that wait at a broker.
    var receives: [ObjectIdentifier: GRPCCall] = [:]
    /// Streams open now.
    var streams: [ObjectIdentifier: (call: GRPCCall, clientID: String)] = [:]
    /// The next look at silent clients.
    var sweep: Scheduled<Void>?

    func find(_ id: UnsafeRawBufferPointer) -> Client? { clients.find(ProtoText(id)) }

    func client(_ id: UnsafeRawBufferPointer, nowMillis: Int64) -> Client? {
        if let client = find(id) {
            client.seenMillis = nowMillis
            return client
        }
        guard known.count < Self.clientCountMax else { return nil }
        let client = Client(id: String(decoding: id, as: UTF8.self), seenMillis: nowMillis)
        clients.insert(client.id, client)
        known.append(client)
        return client
    }

    static func key(_ handle: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in handle { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }

    /// A delivery ended, one way or another.
    func forget(_ client: UnsafeRawBufferPointer?, handle: UnsafeRawBufferPointer) {
        guard !known.isEmpty, let client, let owner = find(client), !owner.deliveries.isEmpty else { return }
        owner.deliveries[Self.key(handle)] = nil
    }

    /// Clients that are believed dead; they are forgotten by this. Also drops deliveries whose time is over.
    func takeDead(nowMillis: Int64, wallMillis: Int64, isAlive: (Client) -> Bool) -> [Client] {
        var dead: [Client] = []
        for client in known {
            let silentMillis = nowMillis - client.seenMillis
            let limit = client.telemetryCount == 0 ? Self.silentMillisAfterEnd : Self.silentMillisMax
            if silentMillis > limit, !isAlive(client) {
                dead.append(client)
            } else if silentMillis > 1_000 {
                client.deliveries = client.deliveries.filter { $0.value.untilMillis > wallMillis }
            }
        }
        guard !dead.isEmpty else { return [] }
        let gone = Set(dead.map(ObjectIdentifier.init))
        known.removeAll { gone.contains(ObjectIdentifier($0)) }
        clients.removeAll { gone.contains(ObjectIdentifier($0)) }
        return dead
    }

    var isEmpty: Bool { known.isEmpty }
}

/// When each client was last heard of by any loop: a client may beat on another connection than it receives on.
final class ClientPresence: Sendable {
    private static let countMax = 100_000
    private let seen = NIOLockedValueBox<[String: Int64]>([:])

    func note(_ id: String, nowMillis: Int64) {
        seen.withLockedValue { seen in
            if seen.count >= Self.countMax, seen[id] == nil { return }
            seen[id] = nowMillis
        }
    }

    func lastSeen(_ id: String) -> Int64? { seen.withLockedValue { $0[id] } }

    func sweep(nowMillis: Int64) {
        seen.withLockedValue { seen in
            seen = seen.filter { nowMillis - $0.value < 300_000 }
        }
    }
}

extension ProxyService {
    private static let releaseMillis: Int64 = 1_000
    private static let sweepSeconds: Int64 = 5

    /// Remembers what a push consumer was given.
    func remember(_ delivery: OpenDeliveries.Delivery, of client: OpenDeliveries.Client?) {
        guard let client, client.deliveries.count < OpenDeliveries.clientDeliveryCountMax else { return }
        var handle = delivery.handle
        let key = handle.withUTF8 { OpenDeliveries.key(UnsafeRawBufferPointer($0)) }
        client.deliveries[key] = delivery
        scheduleSweep()
    }

    private func scheduleSweep() {
        guard deliveries.sweep == nil, !deliveries.isEmpty else { return }
        deliveries.sweep = eventLoop.assumeIsolated().scheduleTask(in: .seconds(Self.sweepSeconds)) { [weak self] in
            guard let self else { return }
            deliveries.sweep = nil
            releaseDeadClients()
            scheduleSweep()
        }
    }

    private func releaseDeadClients() {
        let now = context.clock.uptimeMillis()
        let dead = deliveries.takeDead(nowMillis: now, wallMillis: context.clock.wallMillis()) { client in
            guard let seen = context.presence.lastSeen(client.id) else { return false }
            return now - seen <= OpenDeliveries.silentMillisAfterEnd
        }
        for client in dead { release(client) }
    }

    /// A client says that it leaves.
    func releaseDeliveries(of clientID: String) {
        var id = clientID
        let client = id.withUTF8 { deliveries.find(UnsafeRawBufferPointer($0)) }
        if let client { release(client) }
    }

    private func release(_ client: OpenDeliveries.Client) {
        let open = client.deliveries
        client.deliveries = [:]
        let now = context.clock.wallMillis()
        for delivery in open.values where delivery.untilMillis > now {
            giveBack(
                handleText: delivery.handle, group: delivery.group, topic: delivery.topic, broker: delivery.broker,
                liteTopic: delivery.liteTopic)
        }
    }

    /// Makes a delivery visible to others soon; nobody waits for the outcome.
    func giveBack(handleText: String, group: String, topic: String, broker: BrokerTarget, liteTopic: String = "") {
        var text = handleText
        guard let handle = text.withUTF8({ ReceiptHandle(UnsafeRawBufferPointer($0)) }) else { return }
        // A lite topic is for the next client at once, and as if this one had not got it.
        let isLite = !liteTopic.isEmpty
        let request = ReceiptRequest(
            group: group, topic: topic, handle: handle, broker: broker, handleText: handleText, messageID: "",
            liteTopic: liteTopic, isSuspended: isLite)
        backend.changeInvisible(request, invisibleMillis: isLite ? 0 : Self.releaseMillis) {
            [context] result in
            guard case .failure(let error) = result else { return }
            context.logger.debug("an unfinished delivery was not given back", metadata: ["reason": "\(error.message)"])
        }
    }

    // MARK: Streams

    /// A stream carried settings; true when these are its first.
    func telemetryStarted(_ call: GRPCCall) -> Bool {
        let key = ObjectIdentifier(call)
        guard !call.isClosed, let clientID = call.metadata("x-mq-client-id") else { return false }
        context.presence.note(clientID, nowMillis: context.clock.uptimeMillis())
        guard deliveries.streams[key] == nil else { return false }
        deliveries.streams[key] = (call, clientID)
        var id = clientID
        let now = context.clock.uptimeMillis()
        id.withUTF8 { bytes in
            let client = deliveries.client(UnsafeRawBufferPointer(bytes), nowMillis: now)
            client?.telemetryCount += 1
        }
        scheduleSweep()
        return true
    }

    func telemetryEnded(_ call: GRPCCall) {
        context.producers.remove(ObjectIdentifier(call))
        questionsEnded(call)
        context.liteStreams.remove(ObjectIdentifier(call))
        guard let stream = deliveries.streams.removeValue(forKey: ObjectIdentifier(call)) else { return }
        var id = stream.clientID
        id.withUTF8 { bytes in
            guard let client = deliveries.find(UnsafeRawBufferPointer(bytes)) else { return }
            // The client may have been forgotten, and found again, since the stream began.
            client.telemetryCount = max(0, client.telemetryCount - 1)
        }
    }

    /// The proxy stops: what waits is answered, so that clients turn to other proxies. Deliveries stay with those who
    /// have them, for they can be acked elsewhere.
    func endParkedCalls() {
        let receives = deliveries.receives.values
        deliveries.receives = [:]
        for call in receives { fail(call, ProxyError(.messageNotFound, "no new message")) }
        let streams = deliveries.streams.values
        for stream in streams {
            telemetryEnded(stream.call)
            // Clients that know the command dial anew at once; the others do when they see the stream's end.
            stream.call.send { ResponseEncoder.reconnectEndpoints(nonce: "drain", into: &$0) }
            stream.call.finish(.unavailable, message: "the proxy is shutting down")
        }
    }
}
