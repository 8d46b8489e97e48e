import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import ProtoMessages
import Testing

@testable import ProxyServer

@Suite("Transactions of a proxy")
struct TransactionTests {
    @Test("an id holds all that another proxy needs")
    func identifier() {
        for isOfCheck in [true, false] {
            let id = TransactionID(brokerName: "broker-a", queueOffset: 53, logOffset: .max, isOfCheck: isOfCheck)
            #expect(TransactionID(parsing: id.text) == id)
        }
        let text = TransactionID(brokerName: "b", queueOffset: 255, logOffset: 16, isOfCheck: false).text
        #expect(text == "1-s-ff-10-b")
    }

    @Test(
        "texts that are no ids",
        arguments: [
            "", " ", "1", "1-s-0-0-", "1-x-0-0-b", "2-s-0-0-b", "1-s--1-0-b", "1-s-0-+1-b", "1-s-g-0-b",
            "1-s-8000000000000000-0-b", "0102FC000000012C880B14B02000000006",
        ])
    func noIdentifier(text: String) {
        #expect(TransactionID(parsing: text) == nil)
        #expect(TransactionID(parsing: "1-s-0-0-" + String(repeating: "b", count: 999)) == nil)
    }

    @Test("producers of a topic are asked in turns, as long as their streams are open")
    func turns() {
        final class Stream {}
        let producers = ProducerStreams()
        let (first, second) = (Stream(), Stream())
        let asked = NIOLockedValueBox<[Int]>([])
        let changes = NIOLockedValueBox(0)
        producers.setOnChange { changes.withLockedValue { $0 += 1 } }
        func orphan(_ topic: String) -> OrphanedTransaction {
            OrphanedTransaction(topic: topic, record: ByteBuffer(), brokerName: "b", queueOffset: 0, logOffset: 0)
        }
        #expect(!producers.ask(orphan("T")))
        for (number, stream) in [first, second].enumerated() {
            producers.register(ObjectIdentifier(stream), clientID: "c\(number)", topics: ["T"]) { _ in
                asked.withLockedValue { $0.append(number) }
            }
        }
        for _ in 0..<3 { #expect(producers.ask(orphan("T"))) }
        #expect(asked.withLockedValue { $0 } == [0, 1, 0])
        #expect(changes.withLockedValue { $0 } == 1)
        // A topic that a producer did not name, but sent to.
        producers.note(clientID: "c1", topic: "U")
        producers.note(clientID: "nobody", topic: "V")
        #expect(producers.topics.sorted() == ["T", "U"] && producers.knows("U"))
        producers.remove(ObjectIdentifier(second))
        #expect(producers.topics == ["T"] && !producers.ask(orphan("U")))
        #expect(producers.ask(orphan("T")) && asked.withLockedValue { $0 } == [0, 1, 0, 0])
        producers.remove(ObjectIdentifier(first))
        producers.remove(ObjectIdentifier(first))
        #expect(producers.topics.isEmpty && changes.withLockedValue { $0 } == 4)
    }
}
