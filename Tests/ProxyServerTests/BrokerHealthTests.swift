import MessageModel
import Testing

@testable import ProxyServer

@Suite struct BrokerHealthTests {
    private func queues(_ names: String...) -> [SendQueue] {
        names.map { name in
            SendQueue(broker: BrokerTarget(name: name, masterAddress: nil, readAddress: nil), queueId: 0)
        }
    }

    @Test func aFailedBrokerIsLeftAloneForASecond() {
        var health = BrokerHealth()
        let queues = queues("a", "b")
        #expect(health.queue(queues, start: 0, nowMillis: 0)?.broker.name == "a")
        health.note(.gone, "a", nowMillis: 0)
        #expect(health.queue(queues, start: 0, nowMillis: 999)?.broker.name == "b")
        #expect(health.queue(queues, start: 0, nowMillis: 1_000)?.broker.name == "a")
        health.note(.silent, "a", nowMillis: 1_000)
        #expect(health.isDown("a", nowMillis: 1_001))
        health.note(.none, "b", nowMillis: 1_000)
        #expect(!health.isDown("b", nowMillis: 1_001))
    }

    @Test func theOnlyBrokerIsAskedWhateverItsState() {
        var health = BrokerHealth()
        health.note(.gone, "a", nowMillis: 0)
        #expect(health.queue(queues("a"), start: 0, nowMillis: 1)?.broker.name == "a")
        #expect(health.queue(queues("a"), start: 0, notOn: ["a"], nowMillis: 1) == nil)
        #expect(health.queue([], start: 0, nowMillis: 1) == nil)
    }

    @Test func aRepetitionGoesElsewhere() {
        var health = BrokerHealth()
        let queues = queues("a", "b", "c")
        health.note(.gone, "b", nowMillis: 0)
        #expect(health.queue(queues, start: 0, notOn: ["a"], nowMillis: 1)?.broker.name == "c")
        #expect(health.queue(queues, start: 0, notOn: ["a", "c"], nowMillis: 1)?.broker.name == "b")
    }

    @Test func receivesSkipFailedBrokersToo() {
        var health = BrokerHealth()
        let brokers = ["a", "b", "c"].map { BrokerTarget(name: $0, masterAddress: nil, readAddress: nil) }
        #expect(health.broker(brokers, start: 4, nowMillis: 0)?.name == "b")
        health.note(.gone, "b", nowMillis: 0)
        #expect(health.broker(brokers, start: 1, nowMillis: 999)?.name == "c")
        #expect(health.broker(brokers, start: 1, nowMillis: 1_000)?.name == "b")
        #expect(health.broker(brokers, start: 0, butNot: "a", nowMillis: 1)?.name == "c")
        #expect(health.broker([brokers[1]], start: 0, nowMillis: 1)?.name == "b")
        #expect(health.broker([brokers[1]], start: 0, butNot: "b", nowMillis: 1) == nil)
        #expect(health.broker([], start: 0, nowMillis: 1) == nil)
    }
}
