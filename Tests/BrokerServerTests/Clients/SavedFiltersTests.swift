import Logging
import MessageModel
import RemotingCodec
import Testing

@testable import BrokerServer

@Suite("SQL filters that live past a restart")
struct SavedFiltersTests {
    private let storage = MemoryRegistryStorage()
    private let connection = ClientConnectionID(rawValue: 1)

    private func load(_ text: String? = nil) throws -> SavedFilters {
        if let text { try storage.replace(SavedFilters.fileName, with: Array(text.utf8)) }
        return SavedFilters(storage: storage, logger: Logger(label: "test"))
    }

    private func clients(_ expression: String, type: String = "SQL92", version: Int64 = 1) -> ClientTable {
        var table = ClientTable()
        let subscription = SubscriptionData(
            topic: "T", expression: expression, expressionType: type, version: version)
        _ = table.heartbeat(
            ClientIdentity(clientID: "c", address: "127.0.0.1:1", language: .java, version: 441), on: connection,
            producerGroups: [],
            consumers: [
                ConsumerBeat(
                    group: "g", consumeType: .passively, messageModel: .clustering, consumeFromWhere: .lastOffset,
                    subscriptions: [subscription])
            ], nowMillis: 0)
        return table
    }

    private let ofApache = """
        {"filterDataByTopic":{"T":{"groupFilterData":{"g":{"bloomFilterData":{"bitNum":112,"bitPos":[68,51,27]},
        "bornTime":5,"clientVersion":7,"consumerGroup":"g","dead":true,"deadTime":9,"expression":"a > 4",
        "expressionType":"SQL92","topic":"T"}},"topic":"T"}},"later":1}
        """

    @Test("Apache's file is taken over, and what is not known here written back")
    func apachesFile() throws {
        let filters = try load(ofApache)
        let filter = try #require(filters.filter(topic: "T", group: "g"))
        #expect(filter.expression == "a > 4" && filter.version == 7 && filter.bornMillis == 5)
        filters.save(clients("a > 4", version: 8), nowMillis: 1_000)
        let saved = String(decoding: storage.content(SavedFilters.fileName) ?? [], as: UTF8.self)
        #expect(saved.contains("\"bitPos\":[68,51,27]") && saved.contains("\"later\":1"))
        let again = try #require(try load().filter(topic: "T", group: "g"))
        #expect(again.version == 8 && again.bornMillis == 5 && again.deadMillis == 0 && again.others == filter.others)
    }

    @Test("a new expression is another filter; a tag in its place, none")
    func contradictions() throws {
        let filters = try load(ofApache)
        filters.save(clients("b < 1", version: 8), nowMillis: 1_000)
        let other = try #require(filters.filter(topic: "T", group: "g"))
        #expect(other == SavedFilters.Filter(expression: "b < 1", version: 8, bornMillis: 1_000))
        filters.save(clients("b < 1", version: 8), nowMillis: 2_000)
        #expect(filters.filter(topic: "T", group: "g") == other)
        filters.save(clients("TagA", type: "TAG", version: 9), nowMillis: 3_000)
        #expect(filters.filter(topic: "T", group: "g") == nil)
        #expect(try load().filter(topic: "T", group: "g") == nil)
        filters.save(clients(String(repeating: "x", count: 20_000)), nowMillis: 4_000)
        #expect(filters.filter(topic: "T", group: "g") == nil)
    }

    @Test("a filter outlives its group's last member by a day")
    func age() throws {
        let filters = try load()
        var table = clients("a > 4")
        filters.save(table, nowMillis: 10)
        _ = table.closed(connection, nowMillis: 20)
        filters.save(table, nowMillis: 20)
        #expect(filters.filter(topic: "T", group: "g")?.deadMillis == 20)
        let day: Int64 = 24 * 3_600_000
        for (now, isThere) in [(day + 19, true), (day + 20, false)] {
            filters.save(ClientTable(), nowMillis: now)
            #expect((filters.filter(topic: "T", group: "g") != nil) == isThere)
        }
    }

    @Test("what could not be written is written with the next call; a damaged file stops nothing")
    func failures() throws {
        let filters = try load("{]")
        #expect(filters.filter(topic: "T", group: "g") == nil)
        storage.failWrites()
        filters.save(clients("a > 4"), nowMillis: 10)
        #expect(filters.filter(topic: "T", group: "g") == nil)
        storage.failWrites(false)
        filters.save(clients("a > 4"), nowMillis: 20)
        #expect(try load().filter(topic: "T", group: "g")?.expression == "a > 4")
        let odd = """
            {"filterDataByTopic":{"T":{"groupFilterData":{"g":{"expression":"x","expressionType":"SQL92",
            "bornTime":-9223372036854775808,"deadTime":-9223372036854775808}}}}}
            """
        try load(odd).save(ClientTable(), nowMillis: 10)
    }
}
