#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// An IP address and a port, as records of the commit log and message ids hold them. Without an allocation: each message
/// carries two.
package struct SocketHost: Hashable, Sendable {
    /// The bytes of the address in network order, of which IPv4 has the first four.
    private let high: UInt64
    private let low: UInt64
    /// Whether it is an IPv6 address.
    package let isIPv6: Bool
    /// The port.
    package var port: Int32

    /// Stands for a client whose address is not known.
    package static let unknown = SocketHost(bytes: [], port: 0)

    /// An address of 4 bytes (IPv4) or 16 (IPv6); any other number counts as 0.0.0.0.
    package init(bytes: some Collection<UInt8>, port: Int32) {
        isIPv6 = bytes.count == 16
        let known = isIPv6 || bytes.count == 4 ? Array(bytes) : []
        func word(_ from: Int) -> UInt64 {
            (from..<from + 8).reduce(0) { $0 << 8 | UInt64($1 < known.count ? known[$1] : 0) }
        }
        (high, low) = (word(0), word(8))
        self.port = port
    }

    /// An address from its text; nil when it is no IP address.
    package init?(ipAddress: String, port: Int32) {
        var v4 = in_addr()
        var v6 = in6_addr()
        if inet_pton(AF_INET, ipAddress, &v4) == 1 {
            self.init(bytes: withUnsafeBytes(of: &v4) { Array($0) }, port: port)
        } else if inet_pton(AF_INET6, ipAddress, &v6) == 1 {
            self.init(bytes: withUnsafeBytes(of: &v6) { Array($0) }, port: port)
        } else {
            return nil
        }
    }

    /// An address from `host:port` or `[v6]:port`.
    package init?(hostAndPort text: String) {
        guard let parsed = HostPort(parsing: text) else { return nil }
        self.init(ipAddress: parsed.host, port: Int32(parsed.port))
    }

    /// Number of bytes of the address: 4 or 16.
    package var byteCount: Int { isIPv6 ? 16 : 4 }

    /// The bytes of the address, in network order.
    package var bytes: [UInt8] { withBytes { Array($0) } }

    /// Hands out the bytes of the address, in network order.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) {
            body(UnsafeRawBufferPointer(rebasing: $0[..<byteCount]))
        }
    }
}
