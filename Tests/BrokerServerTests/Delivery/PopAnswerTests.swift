import MessageModel
import NIOCore
import RemotingCodec
import Testing

@testable import BrokerServer

@Suite struct PopAnswerTests {
    private func message(_ queueID: Int32, _ offset: Int64, attempt: Int32 = 1) -> PoppedMessage {
        PoppedMessage(queueID: queueID, queueOffset: offset, logOffset: 0, range: 0..<0, attempt: attempt)
    }

    @Test func eachQueueHasOneEntry() {
        let messages = [message(1, 5), message(0, 7), message(1, 9), message(0, 8)]
        let info = PopOffsetInfo(messages, kind: .normal, isOrdered: false)
        #expect(info.start == "0 1 5;0 0 7")
        #expect(info.offsets == "0 1 5,9;0 0 7,8")
        #expect(info.orderCounts == nil)
    }

    @Test func orderedAnswersCountEarlierDeliveries() {
        // As recorded from Apache's broker for a first delivery.
        #expect(PopOffsetInfo([message(0, 0), message(0, 1)], kind: .normal, isOrdered: true).orderCounts == "0 0 0")
        let messages = [message(2, 3, attempt: 2), message(2, 4)]
        let info = PopOffsetInfo(messages, kind: .normal, isOrdered: true)
        #expect(info.orderCounts == "0 qo2%3 1;0 2 0")
    }

    @Test func emptyAnswersCarryApachesFields() throws {
        let empty = EmptyPop(popMillis: 5, invisibleMillis: 15_000, reviveQueueID: 999, restCount: 2)
        let answer = PopAnswer(.timedOut(empty), topic: "T", isOrdered: true)
        #expect(answer.code == .pollingTimeout)
        #expect(answer.remark == "NO_MESSAGE_IN_QUEUE")
        let header = try #require(answer.header)
        #expect(header.orderCountInfo == "")
        #expect(header.startOffsetInfo == "")
        #expect(header.restCount == 2)
        #expect(PopAnswer(.pollingFull(empty), topic: "T", isOrdered: false).code.rawValue == 209)
    }

    @Test func aClientDecodesWhatItIsSent() throws {
        let world = try DeliveryWorld(queueCount: 2)
        world.send(2, queueID: 0)
        world.send(1, queueID: 1)
        _ = world.pop()
        try world.ack(0, queueID: 0)
        world.advance(1_000)
        world.send(1, queueID: 0)
        let answer = PopAnswer(try #require(world.start().all.first), topic: "T", isOrdered: false)
        let header = try #require(answer.header)
        let info = try PopInfo(
            startOffsetInfo: header.startOffsetInfo, messageOffsetInfo: header.messageOffsetInfo,
            orderCountInfo: header.orderCountInfo)
        var places: [Int32: Int] = [:]
        for record in try MessageRecord.all(in: try #require(answer.body)) {
            let place = places[record.queueId, default: 0]
            places[record.queueId] = place + 1
            #expect(
                info.messageOffset(.normal, queueId: record.queueId, index: place) == record.queueOffset)
            #expect(record.reconsumeTimes == (record.queueId == 0 && record.queueOffset == 2 ? 0 : 1))
        }
        #expect(places == [0: 2, 1: 1])
        #expect(info.startOffset(.normal, queueId: 0) == 1)
    }

    @Test func handlesOfRequestsReachTheLedger() throws {
        let world = try DeliveryWorld()
        world.send(3)
        let batch = try #require(world.pop())
        let handle = "0 \(batch.popMillis) 1000 3 0 broker-a 0 1 123"
        func command(_ fields: [(name: String, value: String)]) -> RemotingCommand {
            RemotingCommand(
                code: 0,
                fields: HeaderFields(
                    [
                        (name: "consumerGroup", value: "group"), (name: "topic", value: "T"),
                        (name: "queueId", value: "0"), (name: "extraInfo", value: handle),
                        (name: "offset", value: "1"),
                    ] + fields))
        }
        let changed = try ChangeInvisibleTimeHandler(delivery: world.service).change(
            command([(name: "invisibleTime", value: "5000")]))
        #expect(changed.invisibleMillis == 5_000)
        #expect(changed.reviveQueueId == 3)
        try AckMessageHandler(delivery: world.service).ack(command([]))
        let body = BatchAckBody(
            brokerName: "broker-a",
            entries: [
                BatchAckBody.Entry(
                    consumerGroup: "group", topic: "T", retry: "0", startOffset: 0, queueId: 0, reviveQueueId: 3,
                    popTimeMillis: batch.popMillis, invisibleMillis: 1_000, acked: [0, 2])
            ])
        try BatchAckMessageHandler(delivery: world.service).ack(RemotingCommand(code: 0, body: body.encode()))
        #expect(world.service.progress(group: "group", topic: "T", queueID: 0)?.lowWater == 3)
        #expect(throws: ServiceError.self) {
            try AckMessageHandler(delivery: world.service).ack(RemotingCommand(code: 0))
        }
    }
}
