import MessageModel
import NIOCore
import RemotingCodec
import ServerSupport
import Testing

@testable import NameServer

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
        "000318-UPDATE_NAMESRV_CONFIG", "000327-ADD_WRITE_PERM_OF_BROKER", "000904-BROKER_HEARTBEAT", "009999-UNKNOWN",
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

    @Test func topicListsAreTheSame() throws {
        let (empty, server) = (try TestNameServer(), try serverWithBroker())
        for recording in try Recording.load("000206-GET_ALL_TOPIC_LIST_FROM_NAMESERVER") {
            let theirs = Set(try TopicList(decoding: ByteBuffer(string: recording.answerBody)).topics)
            // Recorded before the broker came, and when it had made more topics than the registration of our test names.
            let answer = try (theirs.isEmpty ? empty : server).answer(recording.request)
            #expect(answer.code.rawValue == recording.answerCode)
            let ours = Set(try TopicList(decoding: try #require(answer.body)).topics)
            #expect(ours.isEmpty == theirs.isEmpty && ours.count > (theirs.isEmpty ? -1 : 20))
            #expect(theirs.isEmpty || ours.intersection(theirs).count > 20)
            if theirs.isEmpty { #expect(answer.bodyText == recording.answerBody) }
        }
        for name in ["000312-GET_HAS_UNIT_SUB_TOPIC_LIST", "000313-GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST"] {
            for recording in try Recording.load(name) {
                let answer = try server.answer(recording.request)
                #expect(answer.code.rawValue == recording.answerCode && answer.bodyText == recording.answerBody)
            }
        }
    }

    @Test func settingsAreShownInTheSameForm() throws {
        let server = try TestNameServer("bindAddress=127.0.0.1")
        for recording in try Recording.load("000319-GET_NAMESRV_CONFIG") {
            let answer = try server.answer(recording.request)
            #expect(answer.code.rawValue == recording.answerCode)
            func table(_ text: String) throws -> [String: String] {
                let entries = try PropertiesFile.parse(Array(text.utf8), file: "answer").entries
                #expect(entries.map(\.key) == entries.map(\.key).sorted())
                return Dictionary(entries.map { ($0.key, $0.text) }) { $1 }
            }
            var (theirs, ours) = (try table(recording.answerBody), try table(answer.bodyText))
            for path in ["configStorePath", "kvConfigPath", "rocketmqHome"] {
                theirs[path] = nil
                ours[path] = nil
            }
            // Of a later release.
            #expect(ours.removeValue(forKey: "configBlackList") == "")
            // Apache's name servers have no metrics.
            ours = ours.filter { !$0.key.hasPrefix("metrics") }
            #expect(Set(ours.keys).isSubset(of: theirs.keys))
            #expect(theirs.filter { ours[$0.key] != nil } == ours)
            // What is missing means nothing here: memory, threads and sockets of Java.
            let missing = Set(theirs.keys).subtracting(ours.keys)
            #expect(missing.isSubset(of: NameServerConfiguration.ignoredKeys), "\(missing)")
        }
    }
}
