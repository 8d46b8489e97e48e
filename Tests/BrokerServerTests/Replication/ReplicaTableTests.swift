import Testing

@testable import BrokerServer

@Suite("A master's table of replicas")
struct ReplicaTableTests {
    private typealias Table = ReplicaTable<String, Int>

    private func table(needed: Int = 1) -> Table {
        var limits = ReplicationLimits()
        limits.needed = needed
        limits.behindBytesMax = 1_000
        limits.caughtUpBytes = 100
        limits.windowBytes = 500
        limits.replicasMax = 2
        return Table(limits: limits)
    }

    private func inSyncCount(_ table: Table) -> Int { table.replicas.values.count { $0.isInSync } }

    private func done(_ table: inout Table, logEnd: Int64, at millis: Int64 = 0) -> [String] {
        table.takeDone(logEnd: logEnd, nowMillis: millis).map { "\($0.waiter) \($0.outcome)" }
    }

    @Test("a send waits until the replica has it")
    func waits() {
        var table = table()
        #expect(table.wait(1, until: 10, nowMillis: 0) == .noReplica)
        #expect(table.connected("a", address: "a:1", nowMillis: 0) == true)
        #expect(table.wait(2, until: 10, nowMillis: 0) == .noReplica)
        #expect(table.reported("a", logEnd: 50, ofLog: 0..<100, nowMillis: 0) == nil)
        #expect(table.confirmedOffset == 50)
        #expect(table.wait(3, until: 50, nowMillis: 0) == .replicated)
        #expect(table.wait(4, until: 110, nowMillis: 0) == nil)
        #expect(table.wait(5, until: 120, nowMillis: 10) == nil)
        #expect(done(&table, logEnd: 120).isEmpty)
        #expect(table.reported("a", logEnd: 110, ofLog: 0..<120, nowMillis: 20) == nil)
        #expect(done(&table, logEnd: 120, at: 20) == ["4 replicated"])
        #expect(done(&table, logEnd: 120, at: 3_009).isEmpty)
        #expect(done(&table, logEnd: 120, at: 3_010) == ["5 timedOut"])
    }

    @Test("without replicas that count, waits end at once, and readers see everything")
    func leaves() {
        var table = table()
        _ = table.connected("a", address: "a:1", nowMillis: 0)
        _ = table.reported("a", logEnd: 100, ofLog: 0..<100, nowMillis: 0)
        #expect(table.wait(1, until: 110, nowMillis: 0) == nil)
        table.disconnected("a")
        #expect(table.confirmedOffset == nil)
        #expect(done(&table, logEnd: 110) == ["1 noReplica"])
        #expect(table.wait(2, until: 110, nowMillis: 0) == .noReplica)
    }

    @Test("a replica counts when it has come near, and until it falls back far")
    func counts() {
        var table = table()
        _ = table.connected("a", address: "a:1", nowMillis: 0)
        _ = table.reported("a", logEnd: 0, ofLog: 0..<5_000, nowMillis: 0)
        #expect(inSyncCount(table) == 0 && table.confirmedOffset == nil)
        _ = table.reported("a", logEnd: 4_899, ofLog: 0..<5_000, nowMillis: 0)
        #expect(inSyncCount(table) == 0)
        _ = table.reported("a", logEnd: 4_900, ofLog: 0..<5_000, nowMillis: 0)
        #expect(table.confirmedOffset == 4_900)
        #expect(table.wait(1, until: 6_000, nowMillis: 0) == nil)
        #expect(done(&table, logEnd: 5_900).isEmpty && inSyncCount(table) == 1)
        #expect(done(&table, logEnd: 5_901) == ["1 noReplica"] && inSyncCount(table) == 0)
        _ = table.reported("a", logEnd: 5_850, ofLog: 0..<5_901, nowMillis: 0)
        #expect(inSyncCount(table) == 1)
    }

    @Test("with two needed the slower one decides; with none nobody waits")
    func needed() {
        var two = table(needed: 2)
        _ = two.connected("a", address: "a:1", nowMillis: 0)
        _ = two.reported("a", logEnd: 100, ofLog: 0..<100, nowMillis: 0)
        #expect(two.confirmedOffset == nil)
        _ = two.connected("b", address: "b:1", nowMillis: 0)
        _ = two.reported("b", logEnd: 70, ofLog: 0..<100, nowMillis: 0)
        #expect(two.confirmedOffset == 70)
        #expect(two.connected("c", address: "c:1", nowMillis: 0) == false)
        var none = table(needed: 0)
        #expect(none.wait(1, until: 10, nowMillis: 0) == .replicated && none.confirmedOffset == nil)
    }

    @Test("an empty replica gets all of the log, another what it lacks, in windows")
    func sends() {
        var table = table()
        _ = table.connected("a", address: "a:1", nowMillis: 0)
        #expect(table.orders.isEmpty)
        _ = table.reported("a", logEnd: 0, ofLog: 1_000..<5_000, nowMillis: 0)
        #expect(table.orders == [.init(id: "a", offset: 1_000, bytesMax: 500)])
        table.sent("a", bytes: 500, nowMillis: 0)
        #expect(table.orders.isEmpty)
        _ = table.reported("a", logEnd: 1_200, ofLog: 1_000..<5_000, nowMillis: 0)
        #expect(table.orders == [.init(id: "a", offset: 1_500, bytesMax: 200)])
        _ = table.connected("b", address: "b:1", nowMillis: 0)
        _ = table.reported("b", logEnd: 4_000, ofLog: 1_000..<5_000, nowMillis: 0)
        #expect(table.orders.contains(.init(id: "b", offset: 4_000, bytesMax: 500)))
    }

    @Test("refuses who has more than the log, or lacks what is deleted")
    func refuses() {
        var table = table()
        _ = table.connected("a", address: "a:1", nowMillis: 0)
        #expect(table.reported("a", logEnd: 5_001, ofLog: 1_000..<5_000, nowMillis: 0) == .ahead)
        #expect(table.reported("a", logEnd: -1, ofLog: 1_000..<5_000, nowMillis: 0) == .ahead)
        #expect(table.reported("a", logEnd: 999, ofLog: 1_000..<5_000, nowMillis: 0) == .tooOld)
        #expect(table.reported("a", logEnd: 1_000, ofLog: 1_000..<5_000, nowMillis: 0) == nil)
        // Once it is served, retention may pass what it had told before.
        #expect(table.reported("a", logEnd: 1_100, ofLog: 2_000..<5_000, nowMillis: 0) == nil)
    }

    @Test("signs of life go out in time, and who gives none is given up")
    func heartbeats() {
        var table = table()
        _ = table.connected("a", address: "a:1", nowMillis: 0)
        #expect(table.heartbeats(nowMillis: 9_000).isEmpty)
        _ = table.reported("a", logEnd: 100, ofLog: 0..<100, nowMillis: 0)
        #expect(table.heartbeats(nowMillis: 4_999).isEmpty)
        #expect(table.heartbeats(nowMillis: 5_000).map(\.offset) == [100])
        table.sent("a", bytes: 0, nowMillis: 5_000)
        #expect(table.heartbeats(nowMillis: 5_000).isEmpty)
        #expect(table.silent(nowMillis: 20_000).isEmpty && table.silent(nowMillis: 20_001) == ["a"])
    }
}
