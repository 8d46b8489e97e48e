import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import ProtoMessages
import Testing

@testable import ProxyServer

@Suite struct RoutingTests {
    private func snapshot(
        read: Int32, write: Int32, permission: TopicPermission = .readWrite, type: TopicMessageType = .normal
    ) -> TopicSnapshot {
        TopicSnapshot(
            name: "t",
            route: TopicRoute(
                queues: [
                    QueueRoute(
                        brokerName: "a", readQueueCount: read, writeQueueCount: write, permission: permission)
                ],
                brokers: [
                    BrokerRoute(
                        cluster: "c", brokerName: "a", addresses: [0: "10.0.0.1:10911", 1: "10.0.0.2:10911"])
                ]), messageType: type)
    }

    @Test func queuesThatDoBothComeFirst() {
        let queues = RouteQueues.route(snapshot(read: 3, write: 1))
        #expect(queues.map(\.id) == [0, 1, 2])
        #expect(queues.map(\.permission) == [.readWrite, .read, .read])
        #expect(RouteQueues.route(snapshot(read: 1, write: 2)).map(\.permission) == [.readWrite, .write])
    }

    @Test func permissions() {
        #expect(RouteQueues.route(snapshot(read: 2, write: 2, permission: .read)).map(\.permission) == [.read, .read])
        #expect(RouteQueues.route(snapshot(read: 2, write: 1, permission: .write)).map(\.permission) == [.write])
        #expect(RouteQueues.route(snapshot(read: 2, write: 3, permission: [])).count == 3)
        #expect(RouteQueues.route(snapshot(read: 0, write: 0, permission: [])).map(\.permission) == [.none])
    }

    @Test func kinds() {
        #expect(RouteQueues.route(snapshot(read: 1, write: 1, type: .unspecified))[0].acceptMessageTypes == [.normal])
        #expect(
            RouteQueues.route(snapshot(read: 1, write: 1, type: .mixed))[0].acceptMessageTypes
                == [.normal, .fifo, .delay, .transaction])
    }

    @Test func assignments() {
        #expect(RouteQueues.assignments(snapshot(read: 4, write: 4), isOrdered: false).map(\.id) == [-1])
        #expect(RouteQueues.assignments(snapshot(read: 3, write: 4), isOrdered: true).map(\.id) == [0, 1, 2])
        #expect(RouteQueues.assignments(snapshot(read: 4, write: 4, permission: .write), isOrdered: false).isEmpty)
    }

    @Test func anAnswerHoldsNoMoreQueuesThanItHasRoomFor() {
        let queues = RouteQueues.route(snapshot(read: 65_536, write: 65_536))
        #expect(RouteQueues.fitting(queues, bytesPerQueue: 250).count == 65_536)
        #expect(RouteQueues.fitting(queues, bytesPerQueue: 1 << 20).map(\.id) == Array(0..<16))
        #expect(RouteQueues.fitting(queues, bytesPerQueue: 1 << 30).count == 1)
    }

    @Test func sendQueuesFollowAFixedOrder() {
        let route = TopicRoute(
            orderTopicConf: "b:1;a:2",
            queues: [QueueRoute(brokerName: "a", readQueueCount: 4, writeQueueCount: 4, permission: .readWrite)],
            brokers: ["a", "b"].map { BrokerRoute(cluster: "c", brokerName: $0, addresses: [0: "h:1"]) })
        let topic = TopicSnapshot(name: "t", route: route, messageType: .fifo)
        #expect(topic.sendQueues.map { "\($0.broker.name)\($0.queueId)" } == ["a0", "a1", "b0"])
    }

    @Test func aBrokerWithoutMasterTakesNoMessages() {
        let route = TopicRoute(
            queues: [QueueRoute(brokerName: "a", readQueueCount: 4, writeQueueCount: 4, permission: .readWrite)],
            brokers: [BrokerRoute(cluster: "c", brokerName: "a", addresses: [1: "h:1"])])
        let topic = TopicSnapshot(name: "t", route: route, messageType: .normal)
        #expect(topic.sendQueues.isEmpty)
        #expect(topic.readBrokers.count == 1)
    }

    @Test func endpoints() {
        let dialled = ProtoEndpoints(scheme: .unspecified, addresses: [.init(host: "10.1.1.1", port: 9_000)])
        let kept = AdvertisedEndpoint().endpoints(requested: dialled, authority: "", localAddress: "")
        #expect(kept == ProtoEndpoints(scheme: .ipv4, addresses: dialled.addresses))
        let ours = AdvertisedEndpoint(port: 8081).endpoints(requested: dialled, authority: "", localAddress: "")
        #expect(ours.addresses == [.init(host: "10.1.1.1", port: 8081)])
        let named = AdvertisedEndpoint().endpoints(requested: nil, authority: "proxy.example:443", localAddress: "")
        #expect(named == ProtoEndpoints(scheme: .domainName, addresses: [.init(host: "proxy.example", port: 443)]))
        let local = AdvertisedEndpoint().endpoints(requested: nil, authority: "x", localAddress: "[::1]:8081")
        #expect(local == ProtoEndpoints(scheme: .ipv6, addresses: [.init(host: "::1", port: 8081)]))
        let fixed = AdvertisedEndpoint(configured: HostPort(host: "lb", port: 1)).endpoints(
            requested: dialled, authority: "", localAddress: "")
        #expect(fixed.addresses == [.init(host: "lb", port: 1)])
    }

    @Test func aMessageGroupStaysInItsPlace() {
        for count in [1, 2, 7, 16] {
            for group in ["", "a", "order-1", "группа"] {
                let index = withText(group) { QueueSelection.index(messageGroup: $0, queueCount: count) }
                #expect(index >= 0 && index < count)
                #expect(index == withText(group) { QueueSelection.index(messageGroup: $0, queueCount: count) })
            }
        }
        // The generator's known property: adding a bucket moves keys only to that bucket.
        for input in -200..<200 as Range<Int64> {
            let before = QueueSelection.consistentHash(input, buckets: 9)
            let after = QueueSelection.consistentHash(input, buckets: 10)
            #expect(after == before || after == 9)
        }
    }

    @Test func settingsOfConsumersComeFromTheGroup() {
        var group = SubscriptionGroupConfig(name: "g")
        group.consumeMessageOrderly = true
        group.retryMaxTimes = 3
        let answer = SettingsMerge.consumer(ProxyConfiguration(), group)
        #expect(answer.isFIFO)
        #expect(answer.attemptCountMax == 4)
        #expect(answer.receiveBatchSize == 32)
        #expect(answer.longPollingMillis == 20_000)
        #expect(answer.backoff == .customized(GroupRetryPolicy.defaultDelaysMillis))
        group.retryPolicy = .standardExponential
        #expect(
            SettingsMerge.consumer(ProxyConfiguration(), group).backoff
                == .exponential(initialMillis: 5_000, maxMillis: 7_200_000, multiplier: 2))
        let producer = SettingsMerge.producer(ProxyConfiguration())
        #expect(producer.backoff == .exponential(initialMillis: 10, maxMillis: 1_000, multiplier: 2))
        #expect(producer.bodyBytesMax == 4_194_304)
    }
}

@Suite struct MetadataCacheTests {
    @Test func aValueIsFetchedOnceAndRefreshedLater() async {
        let hand = HandClock()
        let fetches = NIOLockedValueBox(0)
        let isAnswered = NIOLockedValueBox(false)
        let loop = NIOAsyncTestingEventLoop()
        let cache = MetadataCache<Int>(clock: hand.clock) { _ async throws(ProxyError) in
            while !isAnswered.withLockedValue({ $0 }) { await Task.yield() }
            return fetches.withLockedValue {
                $0 += 1
                return $0
            }
        }
        let waits = NIOLockedValueBox(0)
        for _ in 0..<3 {
            #expect(cache.lookup("a", on: loop) { waits.withLockedValue { $0 += 1 } } == nil)
        }
        isAnswered.withLockedValue { $0 = true }
        while waits.withLockedValue({ $0 }) < 3 { await loop.run() }
        #expect(fetches.withLockedValue { $0 } == 1)
        guard case .found(1) = cache.lookup("a", on: loop, whenKnown: {}) else {
            Issue.record("not found")
            return
        }
        hand.advance(20_001)
        // The old value serves while the new one is fetched.
        guard case .found(1) = cache.lookup("a", on: loop, whenKnown: {}) else {
            Issue.record("not found")
            return
        }
        while fetches.withLockedValue({ $0 }) < 2 { await Task.yield() }
        await loop.shutdownGracefully()
    }

    @Test func absenceIsBelievedForASecond() async {
        let hand = HandClock()
        let loop = NIOAsyncTestingEventLoop()
        let exists = NIOLockedValueBox(false)
        let cache = MetadataCache<Int>(clock: hand.clock) { _ async throws(ProxyError) in
            exists.withLockedValue { $0 } ? 7 : nil
        }
        let done = NIOLockedValueBox(false)
        #expect(cache.lookup("a", on: loop) { done.withLockedValue { $0 = true } } == nil)
        while !done.withLockedValue({ $0 }) { await loop.run() }
        exists.withLockedValue { $0 = true }
        guard case .absent = cache.lookup("a", on: loop, whenKnown: {}) else {
            Issue.record("not absent")
            return
        }
        hand.advance(1_001)
        let again = NIOLockedValueBox(false)
        #expect(cache.lookup("a", on: loop) { again.withLockedValue { $0 = true } } == nil)
        while !again.withLockedValue({ $0 }) { await loop.run() }
        guard case .found(7) = cache.lookup("a", on: loop, whenKnown: {}) else {
            Issue.record("not found")
            return
        }
        hand.advance(400_000)
        cache.sweep()
        #expect(cache.count == 0)
        await loop.shutdownGracefully()
    }

    @Test func tooManyNamesAreRefused() async {
        let hand = HandClock()
        let loop = NIOAsyncTestingEventLoop()
        let waits = NIOLockedValueBox(0)
        var limits = MetadataLimits()
        limits.entryCountMax = 2
        let cache = MetadataCache<Int>(clock: hand.clock, limits: limits) { _ async throws(ProxyError) in nil }
        for name in ["a", "b"] {
            #expect(cache.lookup(name, on: loop) { waits.withLockedValue { $0 += 1 } } == nil)
        }
        guard case .failed(let error) = cache.lookup("c", on: loop, whenKnown: {}) else {
            Issue.record("not refused")
            return
        }
        #expect(error.code == .tooManyRequests)
        while waits.withLockedValue({ $0 }) < 2 { await loop.run() }
        await loop.shutdownGracefully()
    }
}
