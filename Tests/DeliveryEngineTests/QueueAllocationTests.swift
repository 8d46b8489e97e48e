import Testing

@testable import DeliveryEngine

@Suite struct QueueAllocationTests {
    @Test func neighboursOrTurns() {
        let all = (0..<3).map { QueueAllocation.averagely.share(queueCount: 8, member: $0, memberCount: 3) }
        #expect(all == [[0, 1, 2], [3, 4, 5], [6, 7]])
        let turns = (0..<3).map { QueueAllocation.byCircle.share(queueCount: 8, member: $0, memberCount: 3) }
        #expect(turns == [[0, 3, 6], [1, 4, 7], [2, 5]])
    }

    @Test(arguments: [QueueAllocation.averagely, .byCircle])
    func everyQueueHasOneOwnerAndSharesAreEven(_ strategy: QueueAllocation) {
        for queueCount in 0...20 {
            for memberCount in 1...9 {
                let shares = (0..<memberCount).map {
                    strategy.share(queueCount: queueCount, member: $0, memberCount: memberCount)
                }
                #expect(shares.flatMap { $0 }.sorted() == Array(0..<queueCount))
                let sizes = shares.map(\.count)
                #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
            }
        }
        #expect(strategy.share(queueCount: 4, member: -1, memberCount: 2).isEmpty)
        #expect(strategy.share(queueCount: 4, member: 2, memberCount: 2).isEmpty)
    }

    @Test func poppingMembersShareWithTheNext() {
        let strategy = QueueAllocation.averagely
        #expect(strategy.popShare(queueCount: 8, member: 3, memberCount: 4, shared: 1) == [6, 7, 0, 1])
        #expect(strategy.popShare(queueCount: 2, member: 3, memberCount: 5, shared: 1) == [1])
        #expect(strategy.popShare(queueCount: 4, member: 0, memberCount: 2, shared: 5) == [0, 1, 2, 3])
    }
}
