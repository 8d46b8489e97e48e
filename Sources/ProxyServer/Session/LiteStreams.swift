import NIOConcurrencyHelpers

/// The telemetry streams of lite consumers, on all loops of the proxy: where clients are told that another one has taken
/// a lite topic over. Losing it loses nothing: brokers tell it again with the client's next full list.
final class LiteStreams: Sendable {
    typealias Tell = @Sendable (LiteLoss) -> Void

    private struct State {
        var streams: [String: [ObjectIdentifier: Tell]] = [:]
        var clients: [ObjectIdentifier: String] = [:]
    }

    private static let streamsMax = 100_000
    private let state = NIOLockedValueBox(State())

    /// A lite consumer's stream carried its first settings; false when there are too many.
    func register(_ stream: ObjectIdentifier, clientID: String, tell: @escaping Tell) -> Bool {
        state.withLockedValue { state in
            guard state.clients.count < Self.streamsMax else { return false }
            state.clients[stream] = clientID
            state.streams[clientID, default: [:]][stream] = tell
            return true
        }
    }

    /// Whether a stream is still there.
    func knows(_ stream: ObjectIdentifier) -> Bool { state.withLockedValue { $0.clients[stream] != nil } }

    /// A stream ended.
    func remove(_ stream: ObjectIdentifier) {
        state.withLockedValue { state in
            guard let clientID = state.clients.removeValue(forKey: stream) else { return }
            state.streams[clientID]?[stream] = nil
            if state.streams[clientID]?.isEmpty == true { state.streams[clientID] = nil }
        }
    }

    /// Tells a client on all its streams.
    func tell(_ loss: LiteLoss) {
        let streams = state.withLockedValue { state in (state.streams[loss.clientID] ?? [:]).map(\.value) }
        for tell in streams { tell(loss) }
    }
}
