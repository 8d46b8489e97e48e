import Foundation
import MessageModel
import NameServer
import RemotingCodec
import ServerSupport
import Testing

/// What the server keeps on disk.
enum SettingsFileProbe {
    static func content(of server: TestNameServer) throws -> String {
        try String(contentsOfFile: server.directory + "/kvConfig.json", encoding: .utf8)
    }
}

@Suite struct ConfigurationTests {
    private func load(_ text: String) throws -> (NameServerConfiguration, ConfigurationReport) {
        let source = try PropertiesFile.parse(Array(text.utf8), file: "namesrv.conf")
        return try NameServerConfiguration.load(source, home: "/home/u", configPath: nil)
    }

    @Test func defaultsAreThoseOfApache() throws {
        let (configuration, report) = try load("")
        #expect(configuration.listenPort == 9876 && configuration.bindAddress == "0.0.0.0")
        #expect(configuration.kvConfigPath == "/home/u/namesrv/kvConfig.json")
        #expect(configuration.configStorePath == "/home/u/namesrv/namesrv.properties")
        #expect(configuration.enableAllTopicList && !configuration.orderMessageEnable && report.warnings.isEmpty)
    }

    @Test func unknownKeysStopAndMeaninglessOnesWarn() throws {
        let (_, report) = try load("serverWorkerThreads=8\nlistenPort=1\n")
        #expect(report.warnings == ["namesrv.conf:1: serverWorkerThreads has no effect here"])
        #expect(throws: ConfigurationError.self) { try load("listenPrt=1") }
        #expect(throws: ConfigurationError.self) { try load("listenPort=70000") }
        #expect(throws: ConfigurationError.self) { try load("orderMessageEnable=yes") }
    }

    @Test func runningServerTakesChanges() throws {
        let server = try TestNameServer("serverWorkerThreads=8")
        defer { server.removeFiles() }
        #expect(try server.answer(.getAllTopicListFromNameserver).bodyText == #"{"topicList":[]}"#)
        let change = "enableAllTopicList=false\nnoSuchKey=1\nserverWorkerThreads=9\n"
        #expect(try server.answer(.updateNamesrvConfig, body: change).code == .success)
        let refused = try server.answer(.getAllTopicListFromNameserver)
        #expect(refused.code == .systemError && refused.remark == "disable")
        let text = try server.answer(.getNamesrvConfig).bodyText
        #expect(text.contains("enableAllTopicList=false\n") && text.contains("serverWorkerThreads=9\n"))
        #expect(!text.contains("noSuchKey"))
        #expect(try String(contentsOfFile: server.directory + "/namesrv.conf", encoding: .utf8) == text)
        #expect(try server.answer(.updateNamesrvConfig, body: "kvConfigPath=/x").code == .noPermission)
        #expect(try server.answer(.updateNamesrvConfig, body: "listenPort=abc").code == .invalidParameter)
        #expect(try server.answer(.getNamesrvConfig).bodyText == text)
    }

    @Test func orderSettingsReachRoutesAndBrokers() throws {
        let server = try TestNameServer("orderMessageEnable=true")
        defer { server.removeFiles() }
        let put = [("namespace", "ORDER_TOPIC_CONFIG"), ("key", "GoldTopic"), ("value", "broker-a:4")]
        #expect(try server.answer(.putKvConfig, put.map { (name: $0.0, value: $0.1) }).code == .success)
        let full = try #require(try Recording.load("000103-REGISTER_BROKER-2").first)
        #expect(try server.answer(full.request).bodyText == #"{"table":{"GoldTopic":"broker-a:4"}}"#)
        let answer = try server.answer(.getRouteinfoByTopic, [("topic", "GoldTopic")])
        #expect(try TopicRoute(decoding: try #require(answer.body)).orderTopicConf == "broker-a:4")
    }

    @Test func routesWaitWhenTold() throws {
        let server = try TestNameServer("needWaitForService=true")
        let answer = try server.answer(.getRouteinfoByTopic, [("topic", "T")])
        #expect(answer.code == .systemError && answer.remark == "name server not ready")
    }

    @Test func unknownRequestsAreRefused() throws {
        let server = try TestNameServer()
        let answer = try server.answer(RequestCode(rawValue: 9999))
        #expect(answer.code == .requestCodeNotSupported && answer.remark == " request type 9999 not supported")
        #expect(try server.answer(.getRouteinfoByTopic).code == .systemError)
        #expect(try server.answer(.queryDataVersion).code == .systemError)
        #expect(try server.answer(.getTopicsByCluster, [("cluster", "c")]).code == .success)
    }
}
