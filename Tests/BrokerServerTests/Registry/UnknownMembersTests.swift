import MessageModel
import Testing

@testable import BrokerServer

@Suite("Members of another version's files")
struct UnknownMembersTests {
    @Test("what we do not know in topics.json is written back, through changes of the topic too")
    func topics() async throws {
        let text = """
            {"dataVersion":{"counter":1},"topicConfigTable":{"T":{"topicName":"T","perm":6,"zeta":[1],"alpha":{"x":2}}},
            "topicGroups":{"a":"b"}}
            """
        let world = RegistryWorld(MemoryRegistryStorage(["topics.json": Array(text.utf8)]))
        _ = try await world.topics().put(TopicConfig(name: "T", readQueueCount: 3)).get()
        let saved = String(decoding: world.storage.content("topics.json") ?? [], as: UTF8.self)
        #expect(saved.contains("\"alpha\":{"), "\(saved)")
        let json = try JSONFields(JSONValue(parsing: saved.utf8), of: "topics.json")
        #expect(json.value("topicGroups") == ["a": "b"])
        let topic = try JSONFields(try #require(try json.object("topicConfigTable")?["T"]), of: "T")
        #expect(topic.value("zeta") == .array([.integer(1)]) && topic.value("alpha") == ["x": .integer(2)])
        #expect(try topic.int32("readQueueNums", default: 0) == 3)
        #expect(topic.members.map(\.key.text) == topic.members.map(\.key.text).sorted())
    }

    @Test("and in subscriptionGroup.json")
    func groups() async throws {
        let text = """
            {"dataVersion":{},"forbiddenTable":{"g":{"T":2}},"subscriptionGroupTable":{"g":{"groupName":"g","new":1}},
            "later":5}
            """
        let world = RegistryWorld(MemoryRegistryStorage(["subscriptionGroup.json": Array(text.utf8)]))
        _ = try await world.groups().put(SubscriptionGroupConfig(name: "g")).get()
        let saved = try JSONFields(
            JSONValue(parsing: world.storage.content("subscriptionGroup.json") ?? []), of: "file")
        #expect(try saved.int64("later", default: 0) == 5)
        #expect(saved.value("forbiddenTable") == ["g": ["T": .integer(2)]])
        let group = try JSONFields(try #require(try saved.object("subscriptionGroupTable")?["g"]), of: "g")
        #expect(try group.int64("new", default: 0) == 1)
    }
}
