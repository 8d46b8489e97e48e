import NIOSSL

/// Where a server's certificate comes from.
package struct TLSSettings: Sendable, Hashable {
    /// PEM file with the certificate chain, leaf first; nil for a self-signed one.
    package var certificatePath: String?
    /// PEM file with the private key.
    package var keyPath: String?
    /// Password of an encrypted key.
    package var keyPassword: String?
    /// PEM file with the authorities whose clients are known; nil when clients show no certificate.
    package var trustPath: String?
    /// Whether a client without a certificate is refused; one with a wrong certificate is in any case.
    package var demandsClientCertificate = false
    /// Protocols offered in ALPN, best first; empty for none.
    package var applicationProtocols: [String]

    /// Whether files are named that may be wrong, so that a start should try them.
    package var namesFiles: Bool { certificatePath != nil || keyPath != nil || trustPath != nil }

    /// Creates settings; without paths the certificate is made at start.
    package init(
        certificatePath: String? = nil, keyPath: String? = nil, keyPassword: String? = nil,
        applicationProtocols: [String] = []
    ) {
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.keyPassword = keyPassword
        self.applicationProtocols = applicationProtocols
    }
}

/// Makes swift-nio-ssl contexts. Call again on SIGHUP and hand the new context to the server: connections that are open
/// keep theirs.
package enum TLSConfigurationLoader {
    /// A server context for the settings.
    package static func serverContext(_ settings: TLSSettings) throws(ServerSupportError) -> NIOSSLContext {
        let (chain, key) = try identity(settings)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = settings.applicationProtocols
        if let trustPath = settings.trustPath {
            do {
                configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(trustPath))
            } catch {
                throw ServerSupportError(.certificate, "no certificate in \(trustPath)", cause: error)
            }
            configuration.certificateVerification =
                settings.demandsClientCertificate ? .noHostnameVerification : .optionalVerification
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw ServerSupportError(.certificate, "certificate and key do not make a TLS context", cause: error)
        }
    }

    private static func identity(
        _ settings: TLSSettings
    ) throws(ServerSupportError) -> ([NIOSSLCertificate], NIOSSLPrivateKey) {
        guard let certificatePath = settings.certificatePath, let keyPath = settings.keyPath else {
            guard settings.certificatePath == nil, settings.keyPath == nil else {
                throw ServerSupportError(.certificate, "a certificate path needs a key path and the other way round")
            }
            let (certificate, key) = try SelfSignedCertificate.make().sslObjects()
            return ([certificate], key)
        }
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMFile(certificatePath)
        } catch {
            throw ServerSupportError(.certificate, "no certificate in \(certificatePath)", cause: error)
        }
        if chain.isEmpty { throw ServerSupportError(.certificate, "no certificate in \(certificatePath)") }
        do {
            if let password = settings.keyPassword, !password.isEmpty {
                let bytes = Array(password.utf8)
                return (chain, try NIOSSLPrivateKey(file: keyPath, format: .pem) { $0(bytes) })
            }
            return (chain, try NIOSSLPrivateKey(file: keyPath, format: .pem))
        } catch {
            throw ServerSupportError(.certificate, "no usable private key in \(keyPath)", cause: error)
        }
    }
}
