import NIOCore
import Testing

@testable import ProtoMessages

/// What our clients write, the server's decoder reads, and the other way round.
@Suite struct ClientCallTests {
    let arena = DecodeArena()

    @Test func theServerReadsASentMessage() throws {
        let message = ClientMessage(
            id: "01AB", type: .fifo, group: "orders", deliveryMillis: 1_800_000_000_001, bornMillis: 1_700_000_000_005,
            body: ByteBuffer(bytes: [0, 1, 255]))
        let bytes = ClientRequests.send(message, topic: "topic", bornHost: "here")
        let view = try bytes.withUnsafeReadableBytes { try SendMessageRequestView($0, in: arena).message(0) }
        #expect(view.topic.name == "topic")
        #expect(view.messageID == "01AB")
        #expect(view.messageType == .fifo)
        #expect(view.bodyEncoding == .identity)
        #expect(view.messageGroup.map { $0 == "orders" } == true)
        #expect(view.bornTimestamp == .millis(1_700_000_000_005))
        #expect(view.deliveryTimestamp == .millis(1_800_000_000_001))
        #expect(view.bornHost == "here")
        #expect(Array(view.body) == [0, 1, 255])
    }

    @Test func theServerReadsAReceiveAndAnAck() throws {
        let receive = ClientReceive(batchSize: 7, invisibleMillis: 30_500, pollMillis: 2_000)
        let receiveBytes = ClientRequests.receive(receive, topic: "topic", group: "group")
        let view = try receiveBytes.withUnsafeReadableBytes { try ReceiveMessageRequestView($0, in: arena) }
        #expect((view.batchSize, view.invisibleMillis, view.longPollingMillis) == (7, 30_500, 2_000))
        #expect(view.group.name == "group" && view.topic.name == "topic")
        #expect(view.filter.type == .tag && view.filter.expression == "*")

        let ackBytes = ClientRequests.acknowledge([("a", "handle 1"), ("b", "handle 2")], topic: "t", group: "g")
        let ack = try ackBytes.withUnsafeReadableBytes { try AckMessageRequestView($0, in: arena) }
        #expect(ack.entryCount == 2)
        #expect(ack.messageID(1) == "b" && ack.receiptHandle(1) == "handle 2")
    }

    @Test func statusesAreRead() {
        var refused = ByteBuffer()
        ResponseEncoder.statusOnly(ProtoStatus(.topicNotFound, "no such topic"), into: &refused)
        #expect(ClientAnswers.status(refused) == ProtoStatus(.topicNotFound, "no such topic"))
        var partly = ByteBuffer()
        let entry = SendResultEntry(status: ProtoStatus(.messageBodyTooLarge, "4 MB"), messageID: "x")
        ResponseEncoder.sendMessage(ProtoStatus(.multipleResults, ""), entries: [entry], into: &partly)
        #expect(ClientAnswers.status(partly).code == .messageBodyTooLarge)
        #expect(ClientAnswers.status(ByteBuffer()).code == .internalError)
    }

    @Test func aDeliveryIsRead() throws {
        let answer = Wire {
            $0.message(2) { message in
                message.message(3) {
                    $0.text(3, "ID")
                    $0.text(12, "handle")
                    $0.varint(16, 3)
                }
                message.blob(4, [9, 8])
            }
        }.bytes
        guard case .delivery(let delivery) = ClientAnswers.receiveEvent(ByteBuffer(bytes: answer)) else {
            Issue.record("no delivery")
            return
        }
        #expect((delivery.id, delivery.handle, delivery.attempt) == ("ID", "handle", 3))
        #expect(delivery.body == ByteBuffer(bytes: [9, 8]))
    }

    @Test func cutOffAndRandomBytesEndTheWalk() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            let bytes = (0..<Int.random(in: 0..<64, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let count = bytes.withUnsafeBytes { bytes -> Int in
                var reader = ProtoFieldReader(bytes)
                var count = 0
                while reader.next() != nil { count += 1 }
                return count
            }
            #expect(count <= 32, "\(bytes)")
        }
        #expect(([0x0A, 0x05, 0x01] as [UInt8]).withUnsafeBytes { ProtoFieldReader.bytes(1, in: $0) } == nil)
    }
}
