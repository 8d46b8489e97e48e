import NIOSSL
import Testing

@testable import ServerSupport

@Suite("TLS configuration")
struct TLSConfigurationLoaderTests {
    @Test("without paths a self-signed certificate is made")
    func selfSigned() throws {
        _ = try TLSConfigurationLoader.serverContext(TLSSettings(applicationProtocols: ["h2"]))
        let made = try SelfSignedCertificate.make(hostNames: ["broker.example"])
        #expect(made.certificatePEM.hasPrefix("-----BEGIN CERTIFICATE-----"))
        _ = try made.sslObjects()
    }

    @Test("half a configuration and missing files are errors that say so")
    func errors() {
        #expect(throws: ServerSupportError.self) {
            try TLSConfigurationLoader.serverContext(TLSSettings(certificatePath: "/a.pem"))
        }
        do {
            _ = try TLSConfigurationLoader.serverContext(
                TLSSettings(certificatePath: "/nonexistent/a.pem", keyPath: "/nonexistent/k.pem"))
            Issue.record("loaded a missing file")
        } catch {
            #expect("\(error)".hasPrefix("no certificate in /nonexistent/a.pem"))
        }
    }
}
