import MessageModel
import NIOCore
import NameServer
import RemotingCodec
import Testing

/// Recorded requests answered as Apache's name server answered them.
@Suite struct RecordedAnswerTests {
    /// A server that knows the broker of the recordings and all its topics.
    private func serverWithBroker(_ properties: String = "") throws -> TestNameServer {
        let server = try TestNameServer(properties)
        let full = try #require(try Recording.load("000103-REGISTER_BROKER-2").first)
        var request = full.request
        // Registered in acting-master mode, unlike the other recordings.
        request.fields = HeaderFields(
            request.fields.pairs().map { $0.name == "enableActingMaster" ? ($0.name, "false") : $0 })
        #expect(try server.answer(request).code == .success)
        return server
    }

    @Test func routesAreTheSameBytes() throws {
        let server = try serverWithBroker()
        var same = 0
        var clients: Set<String> = []
        for recording in try Recording.load("000105-GET_ROUTEINFO_BY_TOPIC") {
            let topic = try recording.request.fields.string("topic")
            let answer = try server.answer(recording.request)
            if recording.answerCode == 0, answer.code == .success {
                #expect(answer.bodyText == recording.answerBody, "\(topic) for \(recording.client)")
                same += 1
                clients.insert(recording.client)
            } else if recording.answerCode == 17, answer.code == .topicNotExist {
                #expect(answer.remark == recording.answerRemark)
                same += 1
            }
        }
        #expect(same >= 12)
        #expect(clients.contains { $0.contains("C++") }, "the older form was compared too")
    }

    @Test func clusterAndMembersAreTheSameBytes() throws {
        let empty = try TestNameServer()
        let server = try serverWithBroker()
        var compared = 0
        for recording in try Recording.load("000106-GET_BROKER_CLUSTER_INFO") {
            let body = try [empty, server].map { try $0.answer(recording.request).bodyText }
            if body.contains(recording.answerBody) { compared += 1 }
        }
        #expect(compared >= 2)
        for recording in try Recording.load("000901-GET_BROKER_MEMBER_GROUP") {
            #expect(try server.answer(recording.request).bodyText == recording.answerBody)
        }
        for recording in try Recording.load("000304-GET_SYSTEM_TOPIC_LIST_FROM_NS") {
            #expect(try server.answer(recording.request).bodyText == recording.answerBody)
        }
    }

    @Test func actingMasterPairRegisters() throws {
        let server = try TestNameServer()
        let master = try #require(try Recording.load("000103-REGISTER_BROKER-2").first)
        let slave = try #require(try Recording.load("000103-REGISTER_BROKER-3").first)
        #expect(try server.answer(master.request, connection: 1).code == .success)
        let answer = try server.answer(slave.request, connection: 2)
        #expect(answer.code == .success)
        #expect(try answer.fields() == ["haServerAddr": "127.0.0.1:10912", "masterAddr": "127.0.0.1:10911"])
    }

    @Test func damagedRegistrationsAreRefused() throws {
        let server = try TestNameServer()
        var request = try #require(try Recording.load("000103-REGISTER_BROKER-2").first).request
        let (intact, full) = (request.body, request.fields)
        request.body = ByteBuffer(bytes: intact.readableBytesView.dropLast())
        #expect(try server.answer(request).code == .systemError, "check sum")
        request.fields = HeaderFields(request.fields.pairs().filter { $0.name != "bodyCrc32" })
        #expect(try server.answer(request).code == .systemError, "not JSON")
        request.fields = HeaderFields(request.fields.pairs().filter { $0.name != "brokerName" })
        request.body = intact
        let answer = try server.answer(request)
        #expect(answer.code == .systemError && answer.remark?.contains("brokerName") == true)
        request.fields = HeaderFields(full.pairs().map { $0.name == "brokerAddr" ? ($0.name, "") : $0 })
        #expect(try server.answer(request).code == .systemError, "no address")
        #expect(try server.answer(.getBrokerClusterInfo).bodyText == #"{"brokerAddrTable":{},"clusterAddrTable":{}}"#)
    }

    @Test func compressedRegistrationIsTheSameAsPlain() throws {
        let plain = try serverWithBroker()
        let server = try TestNameServer()
        var request = try #require(try Recording.load("000103-REGISTER_BROKER-2").first).request
        let body = try RegisterBrokerBody(decoding: request.body)
        request.body = body.encodeCompressed(withMappings: true)
        var fields = request.fields.pairs().filter { !["compressed", "bodyCrc32"].contains($0.name) }
        fields.append(("compressed", "true"))
        request.fields = HeaderFields(
            fields.map { $0.name == "enableActingMaster" ? ($0.name, "false") : $0 })
        #expect(try server.answer(request).code == .success)
        for topic in body.topicTable.topics.keys {
            let query = [(name: "topic", value: topic)]
            #expect(
                try server.answer(.getRouteinfoByTopic, query).bodyText
                    == plain.answer(.getRouteinfoByTopic, query).bodyText)
        }
    }

    @Test func dataVersionsAreCompared() throws {
        let server = try serverWithBroker()
        for recording in try Recording.load("000322-QUERY_DATA_VERSION") where recording.answerCode == 0 {
            let answer = try server.answer(recording.request)
            #expect(try answer.fields() == recording.answerFields)
            #expect(try DataVersion(decoding: try #require(answer.body)).counter > 0)
        }
    }

    @Test func keyValuesAreTheSame() throws {
        let server = try TestNameServer()
        defer { server.removeFiles() }
        for recording in try Recording.load("000100-PUT_KV_CONFIG") {
            #expect(try server.answer(recording.request).code == .success)
        }
        for name in ["000101-GET_KV_CONFIG", "000219-GET_KVLIST_BY_NAMESPACE"] {
            for recording in try Recording.load(name) where recording.request.fields.value(named: "namespace") != nil {
                let answer = try server.answer(recording.request)
                if recording.answerCode == 22, answer.code == .success { continue }  // recorded before it was put
                #expect(answer.code.rawValue == recording.answerCode && answer.remark == recording.answerRemark)
                #expect(try answer.fields() == recording.answerFields)
            }
        }
        for recording in try Recording.load("000102-DELETE_KV_CONFIG") {
            #expect(try server.answer(recording.request).code == .success)
        }
        #expect(
            try server.answer(.getKvlistByNamespace, [("namespace", "GOLD")]).bodyText == #"{"table":{}}"#)
        let again = try SettingsFileProbe.content(of: server)
        #expect(again.contains("ORDER_TOPIC_CONFIG") && again.contains("broker-a:2"))
    }

    @Test(arguments: [
        "000104-UNREGISTER_BROKER", "000205-WIPE_WRITE_PERM_OF_BROKER", "000216-DELETE_TOPIC_IN_NAMESRV",
        "000217-REGISTER_TOPIC_IN_NAMESRV", "000224-GET_TOPICS_BY_CLUSTER", "000311-GET_UNIT_TOPIC_LIST",
        "000318-UPDATE_NAMESRV_CONFIG", "000327-ADD_WRITE_PERM_OF_BROKER", "000904-BROKER_HEARTBEAT",
    ])
    func codesAreTheSame(_ name: String) throws {
        let server = try serverWithBroker()
        defer { server.removeFiles() }
        for recording in try Recording.load(name) where recording.answerCode != nil {
            // Requests recorded at a broker's port, which has no such handler.
            if recording.answerCode == ResponseCode.requestCodeNotSupported.rawValue { continue }
            #expect(try server.answer(recording.request).code.rawValue == recording.answerCode, "\(recording.client)")
        }
    }
}
