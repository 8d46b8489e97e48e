import MessageModel
import ServerSupport
import Testing

@testable import BrokerServer

@Suite("Settings that change at run time")
struct LiveConfigurationTests {
    private static let text = "# my broker\nbrokerName=broker-a\nbrokerPermission = 6\n"

    private func live(
        _ storage: MemoryRegistryStorage? = nil
    ) throws -> LiveConfiguration {
        let source = try PropertiesFile.parse(Array(Self.text.utf8), file: "broker.conf")
        let configuration = try BrokerConfiguration.read(
            source, surroundings: .init(hostName: "h", localAddress: "127.0.0.1", home: "/home/u", coreCount: 2)
        ).0
        return LiveConfiguration(
            configuration, file: storage.map { ConfigurationFileTarget(directory: $0, name: "broker.conf") },
            nowMillis: { 7 })
    }

    private func refusal(_ live: LiveConfiguration, _ text: String) -> ServiceError? {
        do throws(ServiceError) {
            _ = try live.change(Array(text.utf8))
            return nil
        } catch {
            return error
        }
    }

    @Test("a change takes effect and is kept in the file, the rest of which stays")
    func change() throws {
        let storage = MemoryRegistryStorage(["broker.conf": Array(Self.text.utf8)])
        let live = try live(storage)
        #expect(live.permission == .readWrite && live.listing.version.counter == 0)
        let outcome = try live.change(Array("brokerPermission=4\nautoCreateTopicEnable=false\n".utf8))
        #expect(
            outcome.changed == ["brokerPermission": "4", "autoCreateTopicEnable": "false"] && outcome.remark == nil)
        #expect(live.permission == .read && !live.autoCreateTopicEnable)
        #expect(live.listing.text.contains("brokerPermission=4\n") && live.listing.version.counter == 1)
        let kept = String(decoding: storage.content("broker.conf") ?? [], as: UTF8.self)
        #expect(kept == "# my broker\nbrokerName=broker-a\nbrokerPermission=4\nautoCreateTopicEnable=false\n")
        #expect(storage.content("broker.conf.bak") == Array(Self.text.utf8))
    }

    @Test("what cannot change, a bad value and fixed keys are refused, and nothing of the request holds")
    func refusals() throws {
        let storage = MemoryRegistryStorage(["broker.conf": Array(Self.text.utf8)])
        let live = try live(storage)
        let fixed = refusal(live, "brokerPermission=2\nlistenPort=1234\n")
        #expect(fixed?.code == .invalidParameter && fixed?.message.contains("listenPort cannot change") == true)
        #expect(refusal(live, "brokerPermission=9")?.code == .invalidParameter)
        #expect(refusal(live, "autoCreateTopicEnable=maybe")?.message.contains("autoCreateTopicEnable") == true)
        #expect(refusal(live, "brokerConfigPath=/x")?.code == .noPermission)
        #expect(live.permission == .readWrite && live.listing.version.counter == 0)
        #expect(storage.content("broker.conf") == Array(Self.text.utf8))
        storage.failWrites()
        #expect(refusal(live, "brokerPermission=4")?.code == .systemError)
        #expect(live.permission == .readWrite)
    }

    @Test("keys without a meaning are kept, unknown ones passed over, equal values are no change")
    func others() throws {
        let storage = MemoryRegistryStorage(["broker.conf": Array(Self.text.utf8)])
        let live = try live(storage)
        let inert = try live.change(Array("sendMessageThreadPoolNums=8\n".utf8))
        #expect(inert.withoutEffect == ["sendMessageThreadPoolNums"] && inert.remark?.contains("no effect") == true)
        #expect(String(decoding: storage.content("broker.conf") ?? [], as: UTF8.self).hasSuffix("ThreadPoolNums=8\n"))
        let before = storage.content("broker.conf")
        _ = try live.change(Array("noSuchKey=1\nlistenPort=10911\n".utf8))
        #expect(storage.content("broker.conf") == before)
        let homeless = try self.live()
        #expect(try homeless.change(Array("brokerPermission=4".utf8)).remark?.contains("no configuration file") == true)
    }
}
