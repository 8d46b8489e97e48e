import NIOConcurrencyHelpers
import Testing

@testable import ProxyServer

@Suite struct ReadinessTests {
    @Test func isReadyWhileAnsweredAndNotDraining() {
        let readiness = Readiness()
        let seen = NIOLockedValueBox<[Bool]>([])
        readiness.observe { isReady in seen.withLockedValue { $0.append(isReady) } }
        #expect(!readiness.isReady)
        #expect(!readiness.note(isAnswered: false))
        #expect(readiness.note(isAnswered: true))
        #expect(!readiness.note(isAnswered: true))
        #expect(readiness.isReady)
        readiness.drain()
        #expect(!readiness.isReady)
        #expect(!readiness.note(isAnswered: true))
        #expect(seen.withLockedValue { $0 } == [true, false])
    }
}
