import RemotingTransport
import ServerSupport

/// How the broker's ports use TLS. The keys are Apache's: properties of the Java process there, or lines of the file
/// `tls.properties`; here they stand in `broker.conf` or in that file, which wins.
package struct BrokerTLS: Sendable {
    /// `tls.server.mode`: whether TLS is refused, possible or demanded.
    package var mode = RemotingTLSMode.permissive
    /// The server's certificate, and whether clients must have one.
    package var settings = TLSSettings()

    /// The defaults: TLS is possible, with a certificate made at start.
    package init() {}

    private enum ClientCertificate: String, CaseIterable {
        case none
        case optional
        case require
    }

    /// Decodes the keys.
    init(_ reader: inout ConfigurationReader) throws(ConfigurationError) {
        mode = try reader.choice("tls.server.mode", default: .permissive)
        let certificatePath = try reader.optionalString("tls.server.certPath")
        let keyPath = try reader.optionalString("tls.server.keyPath")
        let keyPassword = try reader.secret("tls.server.keyPassword")
        // Apache's default is true even when files are given, which then mean nothing.
        let isTest = try reader.bool("tls.test.mode.enable", default: certificatePath == nil && keyPath == nil)
        let clients = try reader.choice("tls.server.need.client.auth", default: ClientCertificate.none)
        let isChecking = try reader.bool("tls.server.authClient", default: false)
        let trustPath = try reader.optionalString("tls.server.trustCertPath")
        _ = try reader.string("tls.config.file", default: Self.defaultFile)
        if !isTest {
            guard certificatePath != nil, keyPath != nil else {
                throw reader.invalid(
                    certificatePath == nil ? "tls.server.certPath" : "tls.server.keyPath",
                    "without tls.test.mode.enable both tls.server.certPath and tls.server.keyPath are needed")
            }
            settings.certificatePath = certificatePath
            settings.keyPath = keyPath
            settings.keyPassword = keyPassword
        }
        guard clients != .none else { return }
        // Apache asks for a certificate and takes any, which keeps nobody out.
        guard isChecking, let trustPath else {
            throw reader.invalid(
                "tls.server.need.client.auth",
                "certificates of clients are only asked for to be checked: tls.server.authClient=true and "
                    + "tls.server.trustCertPath are needed")
        }
        settings.trustPath = trustPath
        settings.demandsClientCertificate = clients == .require
    }

    // MARK: The file

    /// Where Apache looks for the file.
    package static let defaultFile = "/etc/rocketmq/tls.properties"

    /// Keys that mean nothing to a server which connects to nobody over TLS.
    static let keysWithoutEffect: Set<String> = [
        "tls.enable", "tls.client.keyPath", "tls.client.keyPassword", "tls.client.certPath", "tls.client.authServer",
        "tls.client.trustCertPath",
    ]

    private static let fileKeys: Set<String> = [
        "tls.test.mode.enable", "tls.server.need.client.auth", "tls.server.keyPath", "tls.server.keyPassword",
        "tls.server.certPath", "tls.server.authClient", "tls.server.trustCertPath",
    ]

    /// The file that `tls.config.file` of `broker.conf` names, or Apache's own if it is there.
    package static func loadFile(
        namedIn source: ConfigurationSource
    ) throws(ConfigurationError) -> ConfigurationSource? {
        if let path = source.entry("tls.config.file")?.text { return try PropertiesFile.load(path: path) }
        do throws(ConfigurationError) {
            return try PropertiesFile.load(path: defaultFile)
        } catch {
            guard error.code == .unreadableFile else { throw error }
            return nil
        }
    }

    /// Lets the values of the file win.
    static func override(
        _ reader: inout ConfigurationReader, with file: ConfigurationSource
    ) throws(ConfigurationError) {
        for entry in file.entries {
            if keysWithoutEffect.contains(entry.key) { continue }
            guard fileKeys.contains(entry.key) else {
                throw ConfigurationError(
                    .unknownKey, file: file.file, line: entry.line, key: entry.key,
                    nearestKey: NearestKey.find(entry.key, among: fileKeys, orIfNoneNear: keysWithoutEffect),
                    message: "is not a key of TLS")
            }
            reader.override(entry.key, with: entry.text, origin: "\(file.file):\(entry.line)")
        }
    }
}

extension RemotingServerConfiguration {
    /// Has servers use TLS as a broker is told to, with certificates from `certificate`.
    package mutating func use(_ tls: BrokerTLS, _ certificate: LazyTLSContext) {
        tlsMode = tls.mode
        tlsContext = { certificate.context }
    }
}
