import MessageModel
import ServerSupport
import Testing

@testable import BrokerServer

@Suite("Broker configuration")
struct BrokerConfigurationTests {
    private let surroundings = BrokerConfiguration.Surroundings(
        hostName: "host.example", localAddress: "10.0.0.7", home: "/home/u", coreCount: 2)

    private func read(_ text: String, nameServers: String? = nil) throws -> (BrokerConfiguration, ConfigurationReport) {
        try BrokerConfiguration.read(
            PropertiesFile.parse(Array(text.utf8), file: "broker.conf"), nameServers: nameServers,
            surroundings: surroundings)
    }

    private func fault(_ text: String) -> String {
        do {
            _ = try read(text)
            return "accepted"
        } catch {
            return "\(error)"
        }
    }

    @Test("defaults are Apache's")
    func defaults() throws {
        let (configuration, report) = try read("")
        #expect(configuration.clusterName == "DefaultCluster" && configuration.brokerName == "host.example")
        #expect(configuration.advertisedAddress == "10.0.0.7:10911" && configuration.haListenPort == 10_912)
        #expect(configuration.storePath == "/home/u/store")
        #expect(configuration.commitLogPath == "/home/u/store/commitlog")
        #expect(configuration.eventLoopCount == 2)
        #expect(report.warnings.isEmpty)
        #expect(configuration.listing.contains("defaultTopicQueueNums=8\n"))
    }

    @Test("Apache's sample file is accepted")
    func sample() throws {
        let text = """
            brokerClusterName=DefaultCluster
            brokerName=broker-a
            brokerId=0
            deleteWhen=04
            fileReservedTime=48
            brokerRole=ASYNC_MASTER
            flushDiskType=ASYNC_FLUSH
            sendMessageThreadPoolNums=16
            """
        let (configuration, report) = try read(text, nameServers: "a:9876;b:9876")
        #expect(configuration.topics.brokerName == "broker-a" && configuration.store.retentionHours == 48)
        #expect(configuration.nameServers == [HostPort(host: "a", port: 9876), HostPort(host: "b", port: 9876)])
        #expect(report.warnings == ["broker.conf:8: sendMessageThreadPoolNums has no effect here"])
    }

    @Test("what cannot be kept is refused with its place")
    func refused() {
        #expect(fault("\nautoCreateTopicEnabled=true").hasPrefix("broker.conf:2: autoCreateTopicEnabled: is not"))
        #expect(fault("autoCreateTopicEnabled=true").hasSuffix("did you mean autoCreateTopicEnable?"))
        #expect(fault("brokerRole=LEADER").contains("is none of ASYNC_MASTER, SYNC_MASTER, SLAVE"))
        #expect(fault("brokerRole=SLAVE").contains("brokerId: 0 is for masters, and for them only"))
        #expect(fault("brokerId=1").contains("brokerId: 0 is for masters, and for them only"))
        #expect(fault("brokerRole=SLAVE\nbrokerId=1").contains("namesrvAddr: a SLAVE finds its master by name servers"))
        #expect(fault("brokerRole=SLAVE\nbrokerId=1\nnamesrvAddr=a:9876") == "accepted")
        #expect(fault("aclEnable=true").contains("aclEnable: is not supported yet"))
        #expect(fault("aclEnable=false") == "accepted")
        #expect(fault("listenPort=70000").contains("out of range, 0 to 65535"))
        #expect(fault("namesrvAddr=nonsense").contains("\"nonsense\" is not host:port"))
        #expect(fault("brokerName=a b").contains("is not a name"))
        #expect(fault("flushDiskType=SOMETIMES").contains("is none of ASYNC_FLUSH, SYNC_FLUSH"))
    }

    @Test("TLS is possible unless told otherwise; files are used when they are named")
    func tls() throws {
        #expect(try read("").0.tls.mode == .permissive && read("").0.tls.settings.namesFiles == false)
        let (named, report) = try read(
            """
            tls.server.mode=enforcing
            tls.server.certPath=/c.pem
            tls.server.keyPath=/k.pem
            tls.server.keyPassword=secret
            tls.server.need.client.auth=require
            tls.server.authClient=true
            tls.server.trustCertPath=/ca.pem
            tls.enable=true
            """)
        #expect(named.tls.mode == .enforcing && named.tls.settings.certificatePath == "/c.pem")
        #expect(named.tls.settings.keyPassword == "secret" && !named.listing.contains("secret"))
        #expect(named.tls.settings.trustPath == "/ca.pem" && named.tls.settings.demandsClientCertificate)
        #expect(report.warnings == ["broker.conf:8: tls.enable has no effect here"])
        // Apache's switch for tests wins over files.
        #expect(
            try !read("tls.test.mode.enable=true\ntls.server.certPath=/c\ntls.server.keyPath=/k").0.tls.settings
                .namesFiles)
        #expect(fault("tls.server.mode=always").contains("is none of disabled, permissive, enforcing"))
        #expect(fault("tls.server.certPath=/c.pem").contains("both tls.server.certPath and tls.server.keyPath"))
        #expect(fault("tls.test.mode.enable=false").contains("both tls.server.certPath and tls.server.keyPath"))
        #expect(fault("tls.server.need.client.auth=require").contains("only asked for to be checked"))
        #expect(fault("tls.server.certpath=/c.pem").hasSuffix("did you mean tls.server.certPath?"))
    }

    @Test("the file of TLS wins over the broker's, and its mistakes name their place")
    func tlsFile() throws {
        func read(_ text: String) throws -> BrokerConfiguration {
            try BrokerConfiguration.read(
                PropertiesFile.parse(
                    Array("tls.server.certPath=/old\ntls.server.keyPath=/k".utf8), file: "broker.conf"),
                tlsFile: PropertiesFile.parse(Array(text.utf8), file: "tls.properties"), surroundings: surroundings
            ).0
        }
        let merged = try read("tls.server.certPath=/new\ntls.client.authServer=true")
        #expect(merged.tls.settings.certificatePath == "/new" && merged.tls.settings.keyPath == "/k")
        do {
            _ = try read("\ntls.server.authclient=true")
            Issue.record("accepted")
        } catch {
            #expect("\(error)".hasPrefix("tls.properties:2: tls.server.authclient: is not a key of TLS"))
        }
        do {
            _ = try read("tls.server.authClient=perhaps")
            Issue.record("accepted")
        } catch {
            #expect("\(error)".hasPrefix("tls.properties:1"))
        }
    }

    @Test("every key of Apache's broker is known")
    func allKeys() throws {
        let text = ApacheBrokerKeys.withoutEffect.sorted().map { "\($0)=1\n" }.joined()
        let (_, report) = try read(text)
        #expect(report.warnings.count == ApacheBrokerKeys.withoutEffect.count)
        #expect(ApacheBrokerKeys.withoutEffect.count > 250)
    }
}
