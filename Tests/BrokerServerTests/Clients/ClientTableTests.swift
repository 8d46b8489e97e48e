import MessageModel
import RemotingCodec
import Testing

@testable import BrokerServer

@Suite("Client table")
struct ClientTableTests {
    private let a = ClientConnectionID(rawValue: 1)
    private let b = ClientConnectionID(rawValue: 2)

    private func client(_ name: String) -> ClientIdentity {
        ClientIdentity(clientID: name, address: "127.0.0.1:1", language: .java, version: 441)
    }

    private func beat(
        _ group: String, topics: [String] = ["T"], model: GroupMessageModel = .clustering, version: Int64 = 1
    ) -> ConsumerBeat {
        ConsumerBeat(
            group: group, consumeType: .passively, messageModel: model, consumeFromWhere: .lastOffset,
            subscriptions: topics.map { SubscriptionData(topic: $0, version: version) })
    }

    private func changed(_ groups: String...) -> ClientTable.Effect {
        ClientTable.Effect(changedGroups: groups, hasSubscriptionChanged: true)
    }

    @Test("heartbeats: a new member and a new or lost topic are changes, a new expression is not")
    func membership() {
        var table = ClientTable()
        func hear(_ name: String, _ id: ClientConnectionID, _ beat: ConsumerBeat, at now: Int64) -> ClientTable.Effect {
            table.heartbeat(client(name), on: id, producerGroups: [], consumers: [beat], nowMillis: now)
        }
        #expect(hear("c1", a, beat("g"), at: 0) == changed("g"))
        #expect(hear("c1", a, beat("g"), at: 10) == changed())
        #expect(hear("c2", b, beat("g"), at: 20) == changed("g"))
        #expect(hear("c1", a, beat("g", version: 2), at: 30) == changed())
        #expect(hear("c1", a, beat("g", topics: ["T", "U"]), at: 40).changedGroups == ["g"])
        #expect(hear("c1", a, beat("g", topics: ["U"]), at: 50).changedGroups == ["g"])
        #expect(table.clientIDs(group: "g") == ["c1", "c2"])
        #expect(table.groups(subscribedTo: "U") == ["g"])
        #expect(table.groups(subscribedTo: "T").isEmpty)
    }

    @Test("members that do not fit together are told once")
    func faults() {
        var table = ClientTable()
        func hear(_ name: String, _ id: ClientConnectionID, _ beat: ConsumerBeat) -> [GroupFault.Kind] {
            table.heartbeat(client(name), on: id, producerGroups: [], consumers: [beat], nowMillis: 0).newFaults
                .map(\.kind)
        }
        #expect(hear("c1", a, beat("g")) == [])
        #expect(hear("c2", b, beat("g", topics: ["U"])) == [.differentSubscriptions])
        #expect(hear("c1", a, beat("g")) == [])
        #expect(table.consumers["g"]?.faults == [.differentSubscriptions])
        #expect(hear("c2", b, beat("g", version: 9)) == [])
        #expect(table.consumers["g"]?.faults == [])
        #expect(hear("c2", b, beat("g", topics: ["U"])) == [.differentSubscriptions])
        #expect(hear("c2", b, beat("g", model: .broadcasting)) == [.differentModes])
        #expect(hear("c1", b, beat("g")) == [.duplicateClientID])
        // Two clients of one name take one share.
        #expect(table.clientIDs(group: "g") == ["c1"])
    }

    @Test("unregistering and closing remove a member once")
    func leaving() {
        var table = ClientTable()
        _ = table.heartbeat(
            client("c1"), on: a, producerGroups: ["p"], consumers: [beat("g"), beat("h")], nowMillis: 0)
        _ = table.heartbeat(client("c2"), on: b, producerGroups: ["p"], consumers: [beat("g")], nowMillis: 0)
        let gone = ClientTable.Effect(changedGroups: ["g"])
        #expect(
            table.unregister(clientID: "c1", producerGroup: nil, consumerGroup: "g", on: a, nowMillis: 1) == gone)
        #expect(
            table.unregister(clientID: "c1", producerGroup: nil, consumerGroup: "g", on: a, nowMillis: 2)
                == ClientTable.Effect())
        #expect(table.closed(a, nowMillis: 3) == ClientTable.Effect(changedGroups: ["h"]))
        #expect(table.closed(a, nowMillis: 4) == ClientTable.Effect())
        #expect(table.producers["p"]?.count == 1)
        #expect(table.clientIDs(group: "g") == ["c2"])
        #expect(table.clientIDs(group: "h").isEmpty)
    }

    @Test("silence of 120 s ends membership; an empty group keeps its subscriptions for 10 minutes")
    func expiry() {
        var table = ClientTable()
        _ = table.heartbeat(client("c1"), on: a, producerGroups: ["p"], consumers: [beat("g")], nowMillis: 0)
        #expect(table.expire(nowMillis: 120_000) == ClientTable.Effect())
        #expect(table.expire(nowMillis: 120_001) == ClientTable.Effect(changedGroups: ["g"]))
        #expect(table.producers.isEmpty)
        #expect(table.groups(subscribedTo: "T") == ["g"])
        _ = table.expire(nowMillis: 720_000)
        #expect(table.groups(subscribedTo: "T") == ["g"])
        _ = table.expire(nowMillis: 720_001)
        #expect(table.groups(subscribedTo: "T").isEmpty)
    }

    @Test("version 2: a short heartbeat leaves subscriptions, a differing fingerprint is told")
    func fingerprints() {
        var table = ClientTable()
        func hear(_ fingerprint: Int32, short: Bool) -> Bool {
            table.heartbeat(
                client("c1"), on: a, producerGroups: [], consumers: [beat("g", topics: short ? [] : ["T"])],
                fingerprint: fingerprint, withoutSubscriptions: short, nowMillis: 0
            ).hasSubscriptionChanged
        }
        #expect(hear(7, short: false))
        #expect(!hear(7, short: true))
        #expect(table.groups(subscribedTo: "T") == ["g"])
        #expect(hear(8, short: true))
        #expect(hear(8, short: false))
        #expect(!hear(8, short: true))
    }

    @Test("the table is bounded")
    func bounds() {
        var limits = ClientTable.Limits()
        limits.membershipsMax = 2
        var table = ClientTable(limits: limits)
        let first = table.heartbeat(
            client("c1"), on: a, producerGroups: ["p"], consumers: [beat("g"), beat("h")], nowMillis: 0)
        #expect(first.isFull && first.changedGroups == ["g"])
        _ = table.closed(a, nowMillis: 1)
        #expect(!table.heartbeat(client("c2"), on: b, producerGroups: [], consumers: [beat("h")], nowMillis: 2).isFull)
    }

    @Test("broadcasting groups are marked")
    func broadcasting() {
        var table = ClientTable()
        _ = table.heartbeat(
            client("c1"), on: a, producerGroups: [], consumers: [beat("g", model: .broadcasting)], nowMillis: 0)
        #expect(table.isBroadcasting(group: "g") && !table.isBroadcasting(group: "none"))
    }
}
