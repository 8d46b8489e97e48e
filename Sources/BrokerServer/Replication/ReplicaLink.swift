import Logging
import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport
import StorageEngine

/// The connection over which a replica gets its master's log: tells where its own ends, takes over what comes, and tells
/// again.
///
/// All state is touched on `eventLoop` only, where taking over bytes may wait for the disk: the loop has no other work that
/// could not wait as well.
final class ReplicaLink: @unchecked Sendable {
    private enum State {
        case idle
        case connecting
        case open(ByteStream)
    }

    private let eventLoop: any EventLoop
    private let store: MessageStore
    private let receiver: LogReceiver
    private let settings: ReplicationSettings
    private let isSynchronous: Bool
    private let nowMillis: @Sendable () -> Int64
    private let logger: Logger
    private var state = State.idle
    /// The last fault, told once.
    private var fault: String?
    private var decoder = LogTransferDecoder()
    private(set) var bytesReceived: Int64 = 0
    private(set) var heardMillis: Int64 = 0
    private(set) var reportedMillis: Int64 = 0
    /// Called when the log has grown.
    var onGrowth: () -> Void = {}
    private static let connectTimeoutMillis: Int64 = 3_000

    init(
        configuration: BrokerConfiguration, store: MessageStore, receiver: LogReceiver, eventLoop: any EventLoop,
        nowMillis: @escaping @Sendable () -> Int64, logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.store = store
        self.receiver = receiver
        settings = configuration.replication
        isSynchronous = configuration.store.flushMode == .synchronous
        self.nowMillis = nowMillis
        self.logger = logger
    }

    var isIdle: Bool {
        if case .idle = state { return true }
        return false
    }

    var isOpen: Bool {
        if case .open = state { return true }
        return false
    }

    /// Connects, when there is no connection.
    func connect(to address: HostPort) {
        guard isIdle else { return }
        state = .connecting
        let events = ByteStream.Events(
            opened: { [weak self] in self?.opened($0, address) },
            received: { [weak self] in self?.received($1, on: $0) },
            closed: { [weak self] in self?.closed($0) })
        ByteStream.connect(
            to: address, on: eventLoop, timeoutMillis: Self.connectTimeoutMillis, events: events
        ) { [weak self] error in
            self?.tell("no connection to \(address): \(error)")
            self?.state = .idle
        }
    }

    /// Ends the connection.
    func close() {
        if case .open(let stream) = state { stream.close() }
    }

    /// Sends a sign of life when it is time, and gives up a master that sends none.
    func tick() {
        guard case .open(let stream) = state else { return }
        let now = nowMillis()
        if now - heardMillis > settings.limits.silenceMillisMax {
            logger.warning("the master is silent")
            return stream.close()
        }
        if now - reportedMillis >= settings.limits.heartbeatMillis { report() }
    }

    private func tell(_ fault: String) {
        if fault != self.fault { logger.error("not replicating", metadata: ["because": "\(fault)"]) }
        self.fault = fault
    }

    private func opened(_ stream: ByteStream, _ address: HostPort) {
        state = .open(stream)
        decoder = LogTransferDecoder()
        heardMillis = nowMillis()
        logger.info("replicating", metadata: ["from": "\(address)", "logEnd": "\(store.maxLogOffset)"])
        report()
    }

    private func received(_ bytes: ByteBuffer, on stream: ByteStream) {
        guard case .open(let current) = state, current === stream else { return }
        heardMillis = nowMillis()
        decoder.append(bytes)
        var hasGrown = false
        do {
            while let transfer = try decoder.next() {
                guard transfer.bytes.readableBytes > 0 else { continue }
                try receiver.receive(transfer.bytes, at: transfer.offset)
                bytesReceived += Int64(transfer.bytes.readableBytes)
                hasGrown = true
            }
            if hasGrown, isSynchronous { try store.synchronize() }
        } catch {
            tell("the log cannot be taken over: \(error)")
            // What came before that counts.
            if isSynchronous { try? store.synchronize() }
            return stream.close()
        }
        guard hasGrown else { return }
        fault = nil
        report()
        onGrowth()
    }

    private func report() {
        guard case .open(let stream) = state else { return }
        reportedMillis = nowMillis()
        stream.send(ReplicaReport.encode(logEnd: store.maxLogOffset))
    }

    private func closed(_ stream: ByteStream) {
        guard case .open(let current) = state, current === stream else { return }
        state = .idle
        logger.warning("the connection to the master is lost")
    }
}
