import MessageModel
import Testing

@testable import BrokerServer

@Suite("Group registry")
struct GroupRegistryTests {
    @Test("the groups that Apache has at start are there")
    func systemGroups() throws {
        let groups = try RegistryWorld().groups()
        #expect(groups.group("TOOLS_CONSUMER") != nil && groups.group("CID_RMQ_SYS_TRANS") != nil)
    }

    @Test("first use creates a group when allowed and the name is valid")
    func autoCreation() throws {
        let groups = try RegistryWorld().groups()
        #expect(groups.groupOrCreate("g")?.retryMaxTimes == 16)
        #expect(groups.group("g") != nil)
        #expect(groups.groupOrCreate("bad name!") == nil)
        let closed = try RegistryWorld().groups(.init(autoCreateSubscriptionGroup: false))
        #expect(closed.groupOrCreate("g") == nil)
        #expect(closed.groupOrCreate("CID_RMQ_SYS_X") != nil)
        let full = try RegistryWorld().groups(.init(groupsMax: 9))
        #expect(full.groupOrCreate("ninth") != nil && full.groupOrCreate("tenth") == nil)
    }

    @Test("an update is acknowledged when the file holds it, and survives a restart")
    func update() async throws {
        let world = RegistryWorld()
        let groups = try world.groups()
        var group = SubscriptionGroupConfig(name: "orders")
        group.consumeMessageOrderly = true
        group.retryMaxTimes = 3
        _ = await groups.put(group)
        #expect(try world.groups().group("orders") == group)
        world.storage.failWrites()
        group.retryMaxTimes = 4
        guard case .failure = await groups.put(group) else {
            Issue.record("acknowledged an unsaved group")
            return
        }
        let invalid = await groups.put(SubscriptionGroupConfig(name: "a b"))
        guard case .failure(let error) = invalid else {
            Issue.record("accepted a bad name")
            return
        }
        #expect(error.code == .invalidParameter)
    }

    @Test("a group cannot ask for a retry topic with any number of queues", arguments: [-1, 1_025, Int32.max])
    func retryQueues(_ count: Int32) async throws {
        var group = SubscriptionGroupConfig(name: "orders")
        group.retryQueueCount = count
        guard case .failure(let error) = await (try RegistryWorld().groups()).put(group) else {
            Issue.record("accepted \(count) queues")
            return
        }
        #expect(error.code == .invalidParameter)
    }

    @Test("subscriptionGroup.json is Apache's byte for byte, up to the order of the groups")
    func goldenFile() throws {
        let golden = try Golden.bytes("config/subscriptionGroup.json")
        let groups = try RegistryWorld(MemoryRegistryStorage(["subscriptionGroup.json": golden])).groups()
        let ours = GroupRegistry.encode(groups.snapshot).serialize(pretty: true, unquotedIntegerKeys: true)
        let table = "subscriptionGroupTable"
        #expect(Golden.sortedMembers(ours, table) == Golden.sortedMembers(golden, table))
    }
}
