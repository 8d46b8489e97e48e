import MessageModel
import Testing

@Suite struct NameTests {
    @Test(arguments: ["T", "a-b_c|d%1", "%RETRY%g", String(repeating: "x", count: 127), "ns%topic"])
    func goodTopics(_ name: String) throws { try NameRules.checkTopic(name) }

    @Test func badNames() {
        func code(_ body: () throws -> Void) -> ModelError.Code? {
            do { try body() } catch { return (error as? ModelError)?.code }
            return nil
        }
        #expect(code { try NameRules.checkTopic("") } == .blankName)
        #expect(code { try NameRules.checkTopic(" \t") } == .blankName)
        #expect(code { try NameRules.checkTopic(String(repeating: "x", count: 128)) } == .nameTooLong)
        #expect(code { try NameRules.checkTopic("a b") } == .illegalCharacter)
        #expect(code { try NameRules.checkTopic("主题") } == .illegalCharacter)
        #expect(code { try NameRules.checkTopic("%RETRY%g+t") } == .illegalCharacter)
        #expect(code { try NameRules.checkTopic("%RETRY%" + String(repeating: "x", count: 200)) } == nil)
        #expect(code { try NameRules.checkGroup(String(repeating: "x", count: 120)) } == nil)
        #expect(code { try NameRules.checkGroup(String(repeating: "x", count: 121)) } == .nameTooLong)
        #expect(code { try NameRules.checkGroup("g.1") } == .illegalCharacter)
    }

    @Test func systemNames() {
        #expect(NameRules.isSystemTopic("TBW102") && NameRules.isSystemTopic("rmq_sys_anything"))
        #expect(!NameRules.isSystemTopic("T") && NameRules.isSystemGroup("CID_RMQ_SYS_X"))
        #expect(NameRules.isClosedToSend("SCHEDULE_TOPIC_XXXX") && !NameRules.isClosedToSend("TBW102"))
        #expect(NameRules.dlqTopic("g") == "%DLQ%g" && NameRules.retryTopic("g") == "%RETRY%g")
        #expect(NameRules.popRetryTopicV2(topic: "T", group: "g") == "%RETRY%g+T")
    }

    @Test func namespaces() {
        #expect(NameRules.splitNamespace("T") == ("", "T"))
        #expect(NameRules.splitNamespace("ns%T") == ("ns", "T"))
        #expect(NameRules.splitNamespace("%RETRY%ns%g") == ("ns", "%RETRY%g"))
        #expect(NameRules.splitNamespace("%RETRY%g") == ("", "%RETRY%g"))
    }

    @Test func addresses() {
        #expect(HostPort(parsing: "127.0.0.1:9876") == HostPort(host: "127.0.0.1", port: 9876))
        #expect(HostPort(parsing: "[::1]:1")?.host == "::1")
        #expect(HostPort(host: "::1", port: 1).description == "[::1]:1")
        for bad in ["", "h", "h:", ":1", "h:x", "h:65536", "::1:5", "[]:1", "[::1:1", "h:+1", "h:-1"] {
            #expect(HostPort(parsing: bad) == nil, "\(bad)")
        }
        #expect(HostPort.list(parsing: " a:1 ; b:2;")?.map(\.description) == ["a:1", "b:2"])
        #expect(HostPort.list(parsing: "a:1;b") == nil && HostPort.list(parsing: ";") == nil)
    }

    @Test func codesHaveNames() {
        #expect(RequestCode.popMessage.rawValue == 200_050 && RequestCode.popMessage.description == "POP_MESSAGE")
        #expect(RequestCode(rawValue: 9999).description == "9999")
        #expect(ResponseCode.topicNotExist.rawValue == 17 && ResponseCode.pollingTimeout.rawValue == 210)
        #expect(LanguageCode(name: "NODE_JS") == .nodeJS && LanguageCode.other.name == "OTHER")
        #expect(LanguageCode(rawValue: 99).name == "OTHER" && LanguageCode(name: "SWIFT") == nil)
        let versions: [Int32: String] = [
            401: "V4_9_4", 413: "V5_0_0", 479: "V5_3_3", 493: "V5_4_0", 317: "V4_5_2", 213: "V4_0_0",
            412: "V5_0_0_SNAPSHOT", 900: "HIGHER_VERSION", 37: "V3(37)",
        ]
        for (ordinal, name) in versions { #expect(ProtocolVersion.name(of: ordinal) == name) }
        #expect(TopicPermission(rawValue: 7).text == "RWX" && TopicPermission.read.text == "R--")
    }
}
