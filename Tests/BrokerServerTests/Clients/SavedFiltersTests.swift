import Logging
import MessageModel
import NIOConcurrencyHelpers
import RemotingCodec
import Testing

@testable import BrokerServer

@Suite("SQL filters that live past a restart")
struct SavedFiltersTests {
    private let storage = MemoryRegistryStorage()
    private let day: Int64 = 24 * 3_600_000

    private func load(_ text: String? = nil) throws -> SavedFilters {
        if let text { try storage.replace(SavedFilters.fileName, with: Array(text.utf8)) }
        return SavedFilters(storage: storage, logger: Logger(label: "test"))
    }

    private func clients(
        _ expression: String, type: String = "SQL92", version: Int64 = 1, groups: [String] = ["g"],
        isShort: Bool = false, joining others: ClientTable = ClientTable(), as number: UInt64 = 1
    ) -> ClientTable {
        var table = others
        let subscription = SubscriptionData(
            topic: "T", expression: expression, expressionType: type, version: version)
        _ = table.heartbeat(
            ClientIdentity(clientID: "c\(number)", address: "127.0.0.1:\(number)", language: .java, version: 441),
            on: ClientConnectionID(rawValue: number), producerGroups: [],
            consumers: groups.map { group in
                ConsumerBeat(
                    group: group, consumeType: .passively, messageModel: .clustering, consumeFromWhere: .lastOffset,
                    subscriptions: isShort ? [] : [subscription])
            }, fingerprint: 5, withoutSubscriptions: isShort, nowMillis: 0)
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
        _ = table.closed(ClientConnectionID(rawValue: 1), nowMillis: 20)
        filters.save(table, nowMillis: 20)
        #expect(filters.filter(topic: "T", group: "g")?.deadMillis == 20)
        for (now, isThere) in [(day + 19, true), (day + 20, false)] {
            filters.save(ClientTable(), nowMillis: now)
            #expect((filters.filter(topic: "T", group: "g") != nil) == isThere)
        }
    }

    @Test("the day begins with a start: while the broker was down, nobody could come")
    func longDown() throws {
        let filters = try load(ofApache)
        for (now, isThere) in [(3 * day, true), (4 * day - 1, true), (4 * day, false)] {
            filters.save(ClientTable(), nowMillis: now)
            #expect((filters.filter(topic: "T", group: "g") != nil) == isThere)
        }
    }

    @Test("a heartbeat without subscriptions says nothing of filters")
    func shortHeartbeat() throws {
        let filters = try load(ofApache)
        filters.save(clients("", isShort: true), nowMillis: 1_000)
        #expect(filters.filter(topic: "T", group: "g")?.expression == "a > 4")
        #expect(clients("", isShort: true).consumers["g"]?.isSubscriptionKnown == false)
        let table = clients("", isShort: true, joining: clients("a > 4"), as: 2)
        #expect(table.consumers["g"]?.isSubscriptionKnown == true)
    }

    @Test("when there is no room, more is not kept, and that is told once")
    func full() throws {
        let lines = LogLines()
        let filters = SavedFilters(storage: storage, logger: lines.logger)
        let groups = (0..<1_200).map { "g\($0)" }
        let long = String(repeating: "x", count: 16 << 10)
        func kept(_ filters: SavedFilters) -> Int {
            groups.count { filters.filter(topic: "T", group: $0) != nil }
        }
        filters.save(clients(long, groups: groups), nowMillis: 10)
        let count = kept(filters)
        #expect(count > 900 && count * long.utf8.count <= 16 << 20)
        filters.save(clients(long, groups: groups), nowMillis: 20)
        #expect(kept(filters) == count && lines.count == 1)
        #expect(try storage.read(SavedFilters.fileName).map { $0.count < 17 << 20 } == true)
        // A longer filter in the place of one that is kept leaves none: the older one would be wrong.
        filters.save(clients("a > 4", groups: groups), nowMillis: 30)
        #expect(kept(filters) == groups.count)
        filters.save(clients(long, groups: groups), nowMillis: 40)
        #expect(kept(filters) == count && lines.count == 2)
        #expect(groups.allSatisfy { filters.filter(topic: "T", group: $0)?.expression ?? long == long })
    }

    @Test("of a file that is too large, a part is taken over")
    func largeFile() throws {
        let long = String(repeating: "x", count: 16 << 10)
        let entries = (0..<1_200).map { #""g\#($0)":{"expression":"\#(long)","expressionType":"SQL92"}"# }
        try storage.replace(
            SavedFilters.fileName,
            with: Array(
                #"{"filterDataByTopic":{"T":{"groupFilterData":{\#(entries.joined(separator: ","))}}}}"#.utf8))
        let lines = LogLines()
        let filters = SavedFilters(storage: storage, logger: lines.logger)
        let kept = (0..<1_200).count { filters.filter(topic: "T", group: "g\($0)") != nil }
        #expect((1_000..<1_024).contains(kept) && lines.count == 1)
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

/// Counts what is logged.
private final class LogLines: Sendable {
    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.warning

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { lines.number.withLockedValue { $0 += 1 } }
    }

    private let number = NIOLockedValueBox(0)

    var count: Int { number.withLockedValue { $0 } }

    var logger: Logger { Logger(label: "test") { [self] _ in Handler(lines: self) } }
}

extension SavedFilters {
    fileprivate func save(_ clients: ClientTable, nowMillis: Int64) {
        save({ clients.sqlGroups(including: $0) }, nowMillis: nowMillis)
    }
}
