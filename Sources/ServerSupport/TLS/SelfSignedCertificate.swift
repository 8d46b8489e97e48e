import Crypto
import FoundationEssentials
import NIOSSL
import X509

/// A certificate made at start for servers without a configured one, as Apache's `tls.test.mode.enable` does.
/// It encrypts but proves nothing: clients must not verify it.
package struct SelfSignedCertificate: Sendable {
    /// The certificate in PEM form.
    package let certificatePEM: String
    /// Its P-256 key in PEM form.
    package let keyPEM: String

    /// Makes a certificate for `localhost`, the loopback addresses and the given host names, valid for ten years.
    package static func make(hostNames: [String] = []) throws(ServerSupportError) -> SelfSignedCertificate {
        do {
            let key = P256.Signing.PrivateKey()
            let issuerKey = Certificate.PrivateKey(key)
            let name = try DistinguishedName { CommonName("localhost") }
            var alternatives: [GeneralName] = [
                .dnsName("localhost"),
                .ipAddress(.init(contentBytes: [127, 0, 0, 1])),
                .ipAddress(.init(contentBytes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
            ]
            alternatives += hostNames.map { .dnsName($0) }
            let certificate = try Certificate(
                version: .v3,
                serialNumber: Certificate.SerialNumber(),
                publicKey: issuerKey.publicKey,
                notValidBefore: Date.now.addingTimeInterval(-86_400),
                notValidAfter: Date.now.addingTimeInterval(3_650 * 86_400),
                issuer: name,
                subject: name,
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                    Critical(KeyUsage(digitalSignature: true, keyCertSign: true))
                    try ExtendedKeyUsage([.serverAuth])
                    SubjectAlternativeNames(alternatives)
                },
                issuerPrivateKey: issuerKey)
            return SelfSignedCertificate(
                certificatePEM: try certificate.serializeAsPEM().pemString, keyPEM: key.pemRepresentation)
        } catch {
            throw ServerSupportError(.certificate, "a self-signed certificate cannot be made", cause: error)
        }
    }

    /// The certificate and key as swift-nio-ssl wants them.
    package func sslObjects() throws(ServerSupportError) -> (NIOSSLCertificate, NIOSSLPrivateKey) {
        do {
            return (
                try NIOSSLCertificate(bytes: Array(certificatePEM.utf8), format: .pem),
                try NIOSSLPrivateKey(bytes: Array(keyPEM.utf8), format: .pem)
            )
        } catch {
            throw ServerSupportError(.certificate, "a self-signed certificate cannot be loaded", cause: error)
        }
    }
}
