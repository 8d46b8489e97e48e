import MessageModel
import NIOCore
import RemotingCodec
import Testing

@Suite("Bodies against recorded bytes")
struct BodyTests {
    /// Decodes every recorded body of a kind, encodes it again and compares the JSON.
    private func check<Body: JSONBody>(
        _: Body.Type, _ code: RequestCode, answers: Bool, ignoring ignored: Set<String> = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        var count = 0
        for frame in GoldenFrame.of(code, answers: answers) where !frame.isBodyCut {
            let command = try frame.decoded()
            guard command.body.readableBytes > 2, !answers || command.responseCode == .success,
                command.body.getInteger(at: command.body.readerIndex, as: UInt8.self) == UInt8(ascii: "{")
            else { continue }
            count += 1
            let recorded = try JSONValue(parsing: command.body.readableBytesView).sorted
            let body = try Body(decoding: command.body)
            for style in [JSONBodyStyle.fastjson, .standard] {
                let again = try JSONValue(parsing: body.encode(style).readableBytesView).sorted
                if style == .fastjson {
                    #expect(
                        again.without(ignored) == recorded.without(ignored), "\(frame.testDescription)",
                        sourceLocation: sourceLocation)
                }
                #expect(try Body(json: again).json.sorted == body.json.sorted, sourceLocation: sourceLocation)
            }
        }
        #expect(count > 0, sourceLocation: sourceLocation)
    }

    @Test("Bodies of answers")
    func answers() throws {
        try check(TopicRoute.self, .getRouteinfoByTopic, answers: true)
        try check(ClusterInfo.self, .getBrokerClusterInfo, answers: true)
        try check(TopicList.self, .getAllTopicListFromNameserver, answers: true)
        try check(TopicConfigTable.self, .getAllTopicConfig, answers: true)
        try check(SubscriptionGroupTable.self, .getAllSubscriptiongroupConfig, answers: true)
        try check(ConsumeStats.self, .getConsumeStats, answers: true)
        try check(TopicStats.self, .getTopicStatsInfo, answers: true)
        try check(ConsumerConnections.self, .getConsumerConnectionList, answers: true)
        try check(ProducerConnections.self, .getProducerConnectionList, answers: true)
        try check(ConsumerIdList.self, .getConsumerListByGroup, answers: true)
        try check(GroupList.self, .queryTopicConsumeByWho, answers: true)
        try check(TopicConfig.self, .getTopicConfig, answers: true)
        try check(SubscriptionGroupConfig.self, .getSubscriptiongroupConfig, answers: true)
        try check(KVTable.self, .registerBroker, answers: true)
        try check(QueryAssignmentResponseBody.self, .queryAssignment, answers: true)
        try check(BrokerMemberGroup.self, .getBrokerMemberGroup, answers: true)
    }

    @Test("Bodies of requests")
    func requests() throws {
        try check(BatchAckBody.self, .batchAckMessage, answers: false)
        try check(RegisterBrokerBody.self, .registerBroker, answers: false)
        try check(QueryAssignmentRequestBody.self, .queryAssignment, answers: false)
        try check(SubscriptionGroupConfig.self, .updateAndCreateSubscriptiongroup, answers: false)
        try check(DataVersion.self, .queryDataVersion, answers: false)
    }

    @Test("Recorded heartbeats, those of C++ with numbers for names")
    func heartbeats() throws {
        var languages: Set<LanguageCode> = []
        for frame in GoldenFrame.of(.heartBeat, answers: false) {
            let command = try frame.decoded()
            let heartbeat = try HeartbeatData(decoding: command.body)
            #expect(!heartbeat.clientId.isEmpty)
            languages.insert(command.language)
            if command.language == .java {
                let recorded = try JSONValue(parsing: command.body.readableBytesView).sorted
                #expect(heartbeat.json.sorted == recorded)
            } else {
                for consumer in heartbeat.consumers {
                    #expect(consumer.messageModel == .clustering)
                    #expect(consumer.consumeType == .passively)
                    #expect(!consumer.subscriptions.isEmpty)
                }
            }
        }
        #expect(languages == [.java, .cpp])
    }

    @Test("Acks of a batch are bits")
    func batchAck() throws {
        let frame = try #require(GoldenFrame.of(.batchAckMessage, answers: false).first)
        let body = try BatchAckBody(decoding: try frame.decoded().body)
        #expect(body.brokerName == "broker-a")
        #expect(body.entries.map(\.acked) == [[0], [2]])
        let sample = "{\"acks\":[{\"b\":\"CQI=\",\"c\":\"g\",\"t\":\"T\"}]}"
        #expect(try BatchAckBody(decoding: ByteBuffer(string: sample)).entries.first?.acked == [0, 3, 9])
        let damaged = "{\"acks\":[{\"b\":\"C*I=\",\"c\":\"g\",\"t\":\"T\"}]}"
        #expect(throws: RemotingCodecError.self) { try BatchAckBody(decoding: ByteBuffer(string: damaged)) }
    }

    @Test("A register body is read with check sum, and comes back from its compressed form")
    func register() throws {
        for frame in GoldenFrame.of(.registerBroker, answers: false) where !frame.isBodyCut {
            let command = try frame.decoded()
            let header = try command.header(RegisterBrokerRequestHeader.self)
            let body = try RegisterBrokerBody(decoding: command.body, header: header, senderVersion: command.version)
            #expect(!body.topicTable.topics.isEmpty)
            let compressed = body.encodeCompressed(withMappings: true)
            var compressedHeader = header
            compressedHeader.isCompressed = true
            compressedHeader.bodyCrc32 = compressed.withUnsafeReadableBytes { Zlib.checkSum($0) }
            let again = try RegisterBrokerBody(
                decoding: compressed, header: compressedHeader, senderVersion: ProtocolVersion.current)
            #expect(again.topicTable.dataVersion == body.topicTable.dataVersion)
            #expect(again.topicTable.topics.keys == body.topicTable.topics.keys)
            compressedHeader.bodyCrc32 = 1
            #expect(throws: RemotingCodecError.self) {
                try RegisterBrokerBody(
                    decoding: compressed, header: compressedHeader, senderVersion: ProtocolVersion.current)
            }
        }
    }

    @Test("Routes are standard JSON for new clients and the older form for the others")
    func routeForms() {
        let route = TopicRoute(
            queues: [], brokers: [BrokerRoute(cluster: "c", brokerName: "b", addresses: [0: "1.1.1.1:1"])])
        #expect(String(buffer: route.encode(requesterVersion: 401, acceptsStandardOnly: false)).contains("{\"0\":"))
        #expect(String(buffer: route.encode(requesterVersion: 317, acceptsStandardOnly: false)).contains("{0:"))
        #expect(String(buffer: route.encode(requesterVersion: 317, acceptsStandardOnly: true)).contains("{\"0\":"))
    }

    @Test(
        "Lite subscriptions have the words of Apache's OffsetOption",
        arguments: [
            (nil, .last), (("POLICY", 1), .earliest), (("POLICY", 2), .latest), (("OFFSET", 7), .offset(7)),
            (("TAIL_N", 3), .back(3)), (("TIMESTAMP", 1_700_000_000_000), .timestamp(millis: 1_700_000_000_000)),
        ] as [((String, Int64)?, LiteStart)])
    func liteSubscriptions(option: (type: String, value: Int64)?, start: LiteStart) throws {
        let text = option.map { "\"offsetOption\":{\"type\":\"\($0.type)\",\"value\":\($0.value)}," } ?? ""
        let json = try JSONValue(
            parsing: Array(
                """
                {"subscriptionSet":[{"action":"PARTIAL_ADD","clientId":"c","group":"g","liteTopicSet":["a","b"],\(text)\
                "topic":"t","version":0}]}
                """.utf8))
        let body = try LiteSubscriptionBody(json: json)
        #expect(
            body.entries == [
                .init(action: .partialAdd, clientId: "c", group: "g", topic: "t", liteTopics: ["a", "b"], start: start)
            ])
        #expect(body.json.sorted == json.sorted)
    }

    @Test("The policy to go on where the group is, and options of later versions, change nothing")
    func liteSubscriptionsThatGoOn() throws {
        for option in [#"{"type":"POLICY","value":0}"#, #"{"type":"CURSOR","value":0}"#, #"{"value":0}"#] {
            let json = try JSONValue(parsing: Array(#"{"subscriptionSet":[{"offsetOption":\#(option)}]}"#.utf8))
            #expect(try LiteSubscriptionBody(json: json).entries.map(\.start) == [.last])
        }
    }

    @Test("A body that is no JSON is an error of the body")
    func damaged() {
        #expect { try HeartbeatData(decoding: ByteBuffer(string: "{\"clientID\":")) } throws: {
            ($0 as? RemotingCodecError)?.code == .malformedBody
        }
        #expect { try HeartbeatData(decoding: ByteBuffer()) } throws: {
            ($0 as? RemotingCodecError)?.code == .malformedBody
        }
    }
}

extension JSONValue {
    fileprivate func without(_ keys: Set<String>) -> JSONValue {
        guard !keys.isEmpty, case .object(let members) = self else { return self }
        var object = JSONObject()
        for member in members where !keys.contains(member.key.text) { object.append(member.key, member.value) }
        return .object(object)
    }
}
