/// Brokers that failed a moment ago, as one event loop saw it.
///
/// A broker is left alone for a second after a failure; then one call after the other tries it again, and the first
/// failure leaves it alone anew. So a dead broker is left with the first failed call, and one that comes back is used
/// within a second. It is advice only: where there is no other broker, the failed one is asked.
struct BrokerHealth {
    /// How long a broker is left alone.
    static let holdMillis: Int64 = 1_000
    /// More failed brokers than this are not remembered.
    private static let countMax = 1_024

    private var downUntilMillis: [String: Int64] = [:]

    /// Notes what a failure says about a broker.
    mutating func note(_ trouble: ProxyError.BrokerTrouble, _ broker: String, nowMillis: Int64) {
        guard trouble != .none else { return }
        if downUntilMillis.count >= Self.countMax { downUntilMillis = downUntilMillis.filter { $0.value > nowMillis } }
        guard downUntilMillis.count < Self.countMax || downUntilMillis[broker] != nil else { return }
        downUntilMillis[broker] = nowMillis + Self.holdMillis
    }

    /// Whether the broker should be left alone now.
    func isDown(_ broker: String, nowMillis: Int64) -> Bool {
        guard !downUntilMillis.isEmpty, let until = downUntilMillis[broker] else { return false }
        return until > nowMillis
    }

    /// The first broker from `start` on that is well and is not `failed`; without such a one the first that is not `failed`.
    func broker(
        _ brokers: [BrokerTarget], start: Int, butNot failed: String? = nil, nowMillis: Int64
    ) -> BrokerTarget? {
        first(brokers, start: start, notOn: failed.map { [$0] } ?? [], nowMillis: nowMillis) { $0.name }
    }

    /// The first queue from `start` on whose broker is well and is not among `tried`; without such a one the first whose
    /// broker was not tried.
    func queue(
        _ queues: [SendQueue], start: Int, notOn tried: [String] = [], nowMillis: Int64
    ) -> SendQueue? {
        first(queues, start: start, notOn: tried, nowMillis: nowMillis) { $0.broker.name }
    }

    private func first<Place>(
        _ places: [Place], start: Int, notOn tried: [String], nowMillis: Int64, brokerName: (Place) -> String
    ) -> Place? {
        guard !places.isEmpty else { return nil }
        guard !downUntilMillis.isEmpty || !tried.isEmpty else { return places[start % places.count] }
        var fallback: Place?
        for step in 0..<places.count {
            let place = places[(start + step) % places.count]
            let name = brokerName(place)
            guard !tried.contains(name) else { continue }
            if !isDown(name, nowMillis: nowMillis) { return place }
            fallback = fallback ?? place
        }
        return fallback
    }
}
