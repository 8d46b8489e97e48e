import InMemoryFileSystem
import Testing

@testable import StorageEngine

@Suite struct TopicQueuesTests {
    private let sharing = QueueSharing(
        files: InMemoryFileSystem(), configuration: StoreConfiguration(), notices: StoreNotices())

    private func queue(_ number: Int32) -> ConsumeQueue {
        ConsumeQueue(topic: "topic", queueId: number, root: "/queues", sharing: sharing)
    }

    private func queues(_ numbers: [Int32]) -> TopicQueues {
        var queues = TopicQueues()
        for number in numbers { queues.insert(queue(number)) }
        return queues
    }

    @Test(
        "whatever the order and the gaps, a queue is found by its number and no other is",
        arguments: [
            [0, 1, 2, 3], [3, 1, 0, 2], [5, 2, 9, 0], [1, 2, 3], [Int32.max, 7, 0], [4],
        ])
    func found(numbers: [Int32]) {
        let queues = queues(numbers)
        #expect(queues.all.map(\.queueId) == numbers.sorted())
        for number in Set<Int32>([-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, .max, .min]).union(numbers) {
            #expect(queues[number]?.queueId == (numbers.contains(number) ? number : nil))
        }
    }

    @Test("a queue takes the place of one of the same number")
    func replaced() {
        var queues = queues([0, 2, 4])
        let newer = queue(2)
        queues.insert(newer)
        #expect(queues[2] === newer)
        #expect(queues.all.map(\.queueId) == [0, 2, 4])
    }

    @Test("a queue is taken out, and one that is not there is not missed")
    func removed() {
        var queues = queues([0, 1, 2, 3])
        queues.remove(1)
        queues.remove(7)
        #expect(queues.all.map(\.queueId) == [0, 2, 3])
        #expect(queues[1] == nil)
        #expect(queues[3]?.queueId == 3)
    }
}
