import NIOCore
import RemotingTransport
import Testing

@Suite("Calls that wait for answers")
struct PendingCallsTests {
    private func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    @Test("A call is found once by its opaque")
    func findOnce() throws {
        var calls = PendingCalls(countMax: 10)
        let opaque = try #require(calls.insert(deadline: at(1)) { _ in })
        #expect(calls.count == 1)
        #expect(calls.remove(opaque: opaque) != nil)
        #expect(calls.remove(opaque: opaque) == nil)
        #expect(calls.remove(opaque: -1) == nil)
        #expect(calls.count == 0 && calls.earliest == .distantFuture)
    }

    @Test("An old call keeps its opaque while thousands pass it")
    func longLived() throws {
        var calls = PendingCalls(countMax: 100)
        let old = try #require(calls.insert(deadline: at(30)) { _ in })
        var seen: Set<Int32> = [old]
        for _ in 0..<10_000 {
            let opaque = try #require(calls.insert(deadline: at(3)) { _ in })
            #expect(seen.insert(opaque).inserted)
            #expect(calls.remove(opaque: opaque) != nil)
        }
        #expect(calls.remove(opaque: old) != nil)
    }

    @Test("No more calls than allowed are taken, and all are found after the table grew")
    func bounded() throws {
        var calls = PendingCalls(countMax: 1000)
        var opaques: [Int32] = []
        while let opaque = calls.insert(deadline: at(1), completion: { _ in }) { opaques.append(opaque) }
        #expect(opaques.count == 1000 && Set(opaques).count == 1000)
        for opaque in opaques.reversed() { #expect(calls.remove(opaque: opaque) != nil) }
        #expect(calls.count == 0)
        #expect(calls.insert(deadline: at(1)) { _ in } != nil)
    }

    @Test("Calls fall due in their order, whatever the order of their deadlines")
    func deadlines() {
        var calls = PendingCalls(countMax: 10)
        for seconds in [5, 2, 9, 2] as [Int64] { _ = calls.insert(deadline: at(seconds)) { _ in } }
        #expect(calls.earliest == at(2))
        #expect(calls.removeDue(now: at(1)).isEmpty)
        #expect(calls.removeDue(now: at(2)).count == 2)
        #expect(calls.earliest == at(5))
        #expect(calls.removeDue(now: at(8)).count == 1)
        #expect(calls.removeAll().count == 1)
        #expect(calls.earliest == .distantFuture)
    }
}
