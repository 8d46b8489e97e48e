import Foundation
import MessageModel
import NIOConcurrencyHelpers
import Testing

@testable import BrokerServer

@Suite("Topic registry")
struct TopicRegistryTests {
    @Test("the topics that Apache has at start are there, and no file is written for them")
    func systemTopics() throws {
        let world = RegistryWorld()
        let topics = try world.topics()
        #expect(topics.topic("TBW102")?.permission == [.readWrite, .inherit])
        #expect(topics.topic("TBW102")?.writeQueueCount == 8)
        #expect(topics.topic("SCHEDULE_TOPIC_XXXX")?.readQueueCount == 18)
        #expect(topics.topic("BenchmarkTest")?.writeQueueCount == 1_024)
        #expect(topics.topic("DefaultCluster_REPLY_TOPIC")?.writeQueueCount == 1)
        #expect(topics.topic("rmq_sys_REVIVE_LOG_DefaultCluster")?.writeQueueCount == 8)
        #expect(topics.topic("rmq_sys_SYNC_BROKER_MEMBER_broker-a")?.permission == .inherit)
        #expect(topics.topic("RMQ_SYS_TRACE_TOPIC") == nil)
        #expect(topics.isSystemTopic("broker-a") && topics.isSystemTopic("TBW102") && !topics.isSystemTopic("T"))
        #expect(world.storage.content("topics.json") == nil)
    }

    @Test("a send to an unknown topic copies the default topic, with the smaller queue count and without INHERIT")
    func autoCreation() async throws {
        let topics = try RegistryWorld().topics()
        let created = try await topics.create(.init(topic: "T", defaultTopicQueueCount: 4)).get()
        #expect(created == TopicConfig(name: "T", readQueueCount: 4, writeQueueCount: 4))
        let wide = try await topics.create(.init(topic: "W", defaultTopicQueueCount: 100)).get()
        #expect(wide.writeQueueCount == 8)
        let again = try await topics.create(.init(topic: "T", defaultTopicQueueCount: 1)).get()
        #expect(again.writeQueueCount == 4)
        let unit = try await topics.create(.init(topic: "U", isUnitMode: true)).get()
        #expect(unit.sysFlag == 1)
        #expect(topics.snapshot.dataVersion.counter == 3)
    }

    @Test("what sends look up follows each change")
    func sendTopics() async throws {
        let topics = try RegistryWorld().topics()
        #expect(topics.sendTopic("T") == nil)
        #expect(topics.sendTopic("SCHEDULE_TOPIC_XXXX")?.isClosed == true)
        _ = try await topics.create(.init(topic: "T", defaultTopicQueueCount: 4)).get()
        let created = try #require(topics.sendTopic("T"))
        #expect(created.queueCount == 4 && created.writeQueueCount == 4)
        #expect(!created.isClosed && !created.isLite && !created.isRetry && !created.isOrdered)
        var lite = TopicConfig(name: "T", readQueueCount: 3, writeQueueCount: 2, isOrdered: true)
        lite.messageType = .lite
        _ = try await topics.put(lite).get()
        let changed = try #require(topics.sendTopic("T"))
        #expect(changed.queueCount == 3 && changed.writeQueueCount == 2 && changed.isLite && changed.isOrdered)
        _ = try await topics.create(.init(topic: "%RETRY%G")).get()
        #expect(topics.sendTopic("%RETRY%G")?.isRetry == true)
        _ = try await topics.remove("T").get()
        #expect(topics.sendTopic("T") == nil)
    }

    @Test("a full broker refuses new topics and still changes the ones it has")
    func topicLimit() async throws {
        var settings = TopicRegistry.Settings(brokerName: "broker-a")
        settings.topicsMax = try RegistryWorld().topics(settings).snapshot.topics.count + 1
        let topics = try RegistryWorld().topics(settings)
        _ = try await topics.create(.init(topic: "last")).get()
        guard case .failure(let error) = await topics.create(.init(topic: "more")) else {
            Issue.record("a topic over the limit was created")
            return
        }
        #expect(error.code == .systemBusy)
        #expect(topics.topic("more") == nil)
        let again = try await topics.create(.init(topic: "last")).get()
        #expect(again.name == "last")
    }

    @Test("a retry topic has one queue, whatever the default topic")
    func retryTopic() async throws {
        let topics = try RegistryWorld().topics()
        let created = try await topics.create(.init(topic: "%RETRY%g", defaultTopic: "none")).get()
        #expect(created.writeQueueCount == 1 && created.permission == .readWrite)
    }

    @Test("no auto-creation: unknown or closed default topic answers TOPIC_NOT_EXIST")
    func refusedCreation() async throws {
        var settings = TopicRegistry.Settings(brokerName: "broker-a")
        settings.autoCreateTopicEnable = false
        let topics = try RegistryWorld().topics(settings)
        for defaultTopic in ["TBW102", "missing", "BenchmarkTest"] {
            guard case .failure(let error) = await topics.create(.init(topic: "T", defaultTopic: defaultTopic)) else {
                Issue.record("created from \(defaultTopic)")
                continue
            }
            #expect(error.code == .topicNotExist)
        }
        #expect(topics.topic("T") == nil)
        // A topic file of a run with auto-creation does not bring it back.
        let world = RegistryWorld()
        _ = try await world.topics().put(TopicConfig(name: "Other")).get()
        let closed = try world.topics(settings)
        #expect(closed.topic("TBW102") != nil)
        guard case .failure = await closed.create(.init(topic: "T")) else {
            Issue.record("created although auto-creation is off")
            return
        }
    }

    @Test("a change that cannot be saved is an error and leaves the topics as they were")
    func failedWrite() async throws {
        let world = RegistryWorld()
        let topics = try world.topics()
        let announced = NIOLockedValueBox(0)
        topics.setObserver { _ in announced.withLockedValue { $0 += 1 } }
        world.storage.failWrites()
        guard case .failure(let error) = await topics.create(.init(topic: "T")) else {
            Issue.record("acknowledged an unsaved topic")
            return
        }
        #expect(error.code == .systemError)
        #expect(topics.topic("T") == nil)
        world.storage.failWrites(false)
        _ = try await topics.create(.init(topic: "T")).get()
        #expect(announced.withLockedValue { $0 } == 1)
    }

    @Test("changes are announced after they are saved; the same config again is no change")
    func observer() async throws {
        let world = RegistryWorld()
        let topics = try world.topics()
        let seen = NIOLockedValueBox<[String]>([])
        topics.setObserver { change in
            let text =
                switch change {
                case .updated(let topics, let version): "\(topics.map(\.name)) \(version.counter)"
                case .deleted(let name, let version): "-\(name) \(version.counter)"
                }
            seen.withLockedValue { $0.append(text + (world.storage.content("topics.json") == nil ? " unsaved" : "")) }
        }
        _ = try await topics.put(TopicConfig(name: "A")).get()
        _ = try await topics.put(TopicConfig(name: "A")).get()
        _ = try await topics.remove("A").get()
        _ = try await topics.remove("A").get()
        #expect(seen.withLockedValue { $0 } == ["[\"A\"] 1", "-A 2"])
    }

    /// A closure that is the value of a generic box itself is wrapped once more each time it is looked at.
    @Test("an announcement takes no more of the stack after many others")
    func announcementsDoNotNest() async throws {
        let topics = try RegistryWorld().topics()
        let depths = NIOLockedValueBox<[UInt]>([])
        topics.setObserver { _ in
            var here = 0
            let address = withUnsafeMutablePointer(to: &here) { UInt(bitPattern: $0) }
            depths.withLockedValue { $0.append(address) }
        }
        for number in 0..<200 { _ = try await topics.create(.init(topic: "T\(number)")).get() }
        let addresses = depths.withLockedValue { $0 }
        #expect(addresses.count == 200)
        let first = try #require(addresses.min())
        let last = try #require(addresses.max())
        #expect(last - first < 2_048)
    }

    @Test("the file survives a restart; a damaged file falls back to its backup; two damaged ones stop the start")
    func restart() async throws {
        let world = RegistryWorld()
        let topics = try world.topics()
        _ = try await topics.put(TopicConfig(name: "A", attributes: ["message.type": "FIFO"])).get()
        _ = try await topics.put(TopicConfig(name: "B")).get()
        let files = try #require(world.storage.content("topics.json"))
        let backup = try #require(world.storage.content("topics.json.bak"))
        #expect(try world.topics().topic("A")?.messageType == .fifo)

        let torn = Array(files.prefix(files.count / 2))
        let damaged = RegistryWorld(MemoryRegistryStorage(["topics.json": torn, "topics.json.bak": backup]))
        let recovered = try damaged.topics()
        #expect(recovered.topic("A") != nil && recovered.topic("B") == nil)
        let lost = RegistryWorld(MemoryRegistryStorage(["topics.json": torn, "topics.json.bak": torn]))
        #expect(throws: BrokerError.self) { try lost.topics() }
    }

    @Test("topics.json is Apache's byte for byte, up to the order of the topics")
    func goldenFile() throws {
        let golden = try Golden.bytes("config/topics.json")
        // The recorded release did not yet make the timer topic.
        var settings = TopicRegistry.Settings(brokerName: "broker-a")
        settings.timerWheelEnable = false
        let topics = try RegistryWorld(MemoryRegistryStorage(["topics.json": golden])).topics(settings)
        let ours = TopicRegistry.encode(topics.snapshot).serialize(pretty: true, unquotedIntegerKeys: true)
        #expect(Golden.sortedMembers(ours, "topicConfigTable") == Golden.sortedMembers(golden, "topicConfigTable"))
    }
}

/// Recorded files.
enum Golden {
    static func bytes(_ path: String) throws -> [UInt8] {
        let url = try #require(Bundle.module.url(forResource: "Golden/\(path)", withExtension: nil))
        return Array(try Data(contentsOf: url))
    }

    /// The text blocks of a two-level table in a pretty file, in alphabetical order, and the rest of the file.
    static func sortedMembers(_ bytes: [UInt8], _ table: String) -> [String] {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let start = text.range(of: "\"\(table)\":{\n"), let end = text.range(of: "\n\t}", options: .backwards)
        else { return [text] }
        let members = text[start.upperBound..<end.lowerBound].components(separatedBy: ",\n\t\t\"")
            .map { $0.hasPrefix("\t\t\"") ? String($0.dropFirst(3)) : $0 }
        return members.sorted() + [String(text[..<start.upperBound]), String(text[end.lowerBound...])]
    }
}
