import MessageModel
import ProtoMessages

/// The address that clients are told to call.
///
/// By default the one they dialled, as they name it: that works behind balancers, port mappings and names that only the
/// client can resolve. A configured address wins; a client that names none is told the authority of its connection.
package struct AdvertisedEndpoint: Sendable {
    private let configured: ProtoEndpoints?
    /// A port to put in place of the client's; `nil` keeps it.
    private let port: Int32?

    /// A policy.
    package init(configured: HostPort? = nil, port: Int32? = nil) {
        self.configured = configured.map(Self.endpoints)
        self.port = port
    }

    /// The endpoints for an answer.
    package func endpoints(
        requested: ProtoEndpoints?, authority: @autoclosure () -> String, localAddress: @autoclosure () -> String
    ) -> ProtoEndpoints {
        if let configured { return configured }
        if let requested, !requested.addresses.isEmpty {
            var answer = requested
            if let port {
                for index in answer.addresses.indices { answer.addresses[index].port = port }
            }
            // Clients refuse a scheme of 0; and a name list with several addresses is refused too, but a list of
            // addresses is not.
            if answer.scheme == .unspecified { answer.scheme = Self.scheme(of: answer.addresses[0].host) }
            return answer
        }
        let named = HostPort(parsing: authority()) ?? HostPort(parsing: localAddress())
        return Self.endpoints(named ?? HostPort(host: "127.0.0.1", port: 8081))
    }

    private static func endpoints(_ address: HostPort) -> ProtoEndpoints {
        ProtoEndpoints(
            scheme: scheme(of: address.host), addresses: [.init(host: address.host, port: Int32(address.port))])
    }

    /// The scheme that fits a host's form.
    static func scheme(of host: String) -> AddressScheme {
        if host.utf8.contains(UInt8(ascii: ":")) { return .ipv6 }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        let isIPv4 = parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
        return isIPv4 ? .ipv4 : .domainName
    }
}
