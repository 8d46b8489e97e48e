import Testing

@testable import ProxyServer

@Suite struct OpenDeliveriesTests {
    private let broker = BrokerTarget(name: "a", masterAddress: nil, readAddress: nil)

    private func client(_ table: OpenDeliveries, _ id: String, now: Int64) throws -> OpenDeliveries.Client {
        try #require(Array(id.utf8).withUnsafeBytes { table.client($0, nowMillis: now) })
    }

    private func delivery(until: Int64) -> OpenDeliveries.Delivery {
        .init(group: "g", topic: "t", handle: "h", broker: broker, untilMillis: until)
    }

    @Test func aClientWhoseStreamEndedIsDeadSoon() throws {
        let table = OpenDeliveries()
        let one = try client(table, "one", now: 0)
        one.telemetryCount = 1
        #expect(table.takeDead(nowMillis: 30_000, wallMillis: 0) { _ in false }.isEmpty)
        one.telemetryCount = 0
        #expect(table.takeDead(nowMillis: 20_000, wallMillis: 0) { _ in false }.isEmpty)
        #expect(table.takeDead(nowMillis: 20_001, wallMillis: 0) { _ in false }.map(\.id) == ["one"])
        #expect(table.isEmpty)
    }

    @Test func aSilentClientIsDeadLater() throws {
        let table = OpenDeliveries()
        try client(table, "one", now: 0).telemetryCount = 1
        #expect(table.takeDead(nowMillis: 120_000, wallMillis: 0) { _ in false }.isEmpty)
        #expect(table.takeDead(nowMillis: 120_001, wallMillis: 0) { _ in true }.isEmpty)
        #expect(table.takeDead(nowMillis: 120_001, wallMillis: 0) { _ in false }.count == 1)
    }

    @Test func ackedDeliveriesAreForgotten() throws {
        let table = OpenDeliveries()
        let one = try client(table, "one", now: 0)
        let handle = Array("1 2 3".utf8)
        handle.withUnsafeBytes { one.deliveries[OpenDeliveries.key($0)] = delivery(until: 100) }
        Array("other".utf8).withUnsafeBytes { id in handle.withUnsafeBytes { table.forget(id, handle: $0) } }
        #expect(one.deliveries.count == 1)
        Array("one".utf8).withUnsafeBytes { id in handle.withUnsafeBytes { table.forget(id, handle: $0) } }
        #expect(one.deliveries.isEmpty)
    }

    @Test func deliveriesWhoseTimeIsOverAreDropped() throws {
        let table = OpenDeliveries()
        let one = try client(table, "one", now: 0)
        one.deliveries = [1: delivery(until: 100), 2: delivery(until: 5_000)]
        _ = table.takeDead(nowMillis: 2_000, wallMillis: 1_000) { _ in true }
        #expect(one.deliveries.keys.sorted() == [2])
    }
}
