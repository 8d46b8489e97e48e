import MessageModel
import NIOCore
import StorageEngine

extension SocketHost {
    /// Stands for a client whose address is not known.
    static let unknown = SocketHost(bytes: [0, 0, 0, 0], port: 0)

    /// An address from its text; nil when it is no IP address.
    package init?(ipAddress: String, port: Int32) {
        guard let address = try? SocketAddress(ipAddress: ipAddress, port: 0) else { return nil }
        switch address {
        case .v4(let v4):
            var raw = v4.address.sin_addr
            self.init(bytes: withUnsafeBytes(of: &raw) { Array($0) }, port: port)
        case .v6(let v6):
            var raw = v6.address.sin6_addr
            self.init(bytes: withUnsafeBytes(of: &raw) { Array($0) }, port: port)
        case .unixDomainSocket: return nil
        }
    }

    /// An address from `host:port` or `[v6]:port`.
    package init?(hostAndPort text: String) {
        guard let parsed = HostPort(parsing: text) else { return nil }
        self.init(ipAddress: parsed.host, port: Int32(parsed.port))
    }
}
