/// The layout of the package: which module may import which.
enum Layers {
    /// From the bottom up. A module may import anything strictly below it; never sideways, never up.
    static let rows: [Set<String>] = [
        ["CNghttp2", "CProtobufC", "CRocketMQProtos", "CStorageSupport", "CZlib"],
        ["MessageModel"],
        ["HTTP2Session", "RemotingCodec", "ProtoMessages", "StorageEngine", "DeliveryEngine"],
        ["GRPCServer", "GRPCClient", "RemotingTransport", "AccessControl", "MonitorServer", "ServerSupport"],
        ["ProxyServer", "BrokerServer", "NameServer", "AdminClient"],
        ["LocalBackend", "ClusterBackend", "BenchmarkLoad"],
        ["mqproxy", "mqbroker", "mqnamesrv", "mqadmin", "mqbench", "mqdemo", "simulate"],
    ]

    /// A C library has few users, because each owns its handles.
    static let usersOfC: [String: Set<String>] = [
        // HTTP2Session is a server's side, GRPCClient a client's.
        "CNghttp2": ["HTTP2Session", "GRPCClient"],
        "CProtobufC": ["ProtoMessages", "CRocketMQProtos"],
        "CRocketMQProtos": ["ProtoMessages"],
        "CZlib": ["RemotingCodec", "GRPCServer", "StorageEngine", "ProxyServer"],
    ]

    /// Modules from outside that only some of ours may import; those not named here are free.
    static let usersOfExternal: [String: Set<String>] = [
        "NIOPosix": edges.union(programs),
        // Certificates are made and loaded in ServerSupport, and used at the two edges.
        "NIOSSL": edges.union(programs).union(["ServerSupport", "BenchmarkLoad"]),
        "NIOHTTP1": ["MonitorServer"],
        "NIOTLS": edges.union(programs),
        "X509": ["ServerSupport"],
        "Crypto": ["ServerSupport"],
        "ArgumentParser": programs,
    ]

    static let edges: Set<String> = ["RemotingTransport", "GRPCServer", "GRPCClient", "MonitorServer"]
    static var programs: Set<String> { rows[rows.count - 1] }

    /// Pure modules: no network, no Foundation.
    static let pure: Set<String> = ["MessageModel", "DeliveryEngine"]

    /// Why `module` must not import `imported`, or nil when it may.
    static func objection(to imported: String, from module: String) -> String? {
        if let users = usersOfC[imported] {
            return users.contains(module) ? nil : "only \(users.sorted()) may import \(imported)"
        }
        if let users = usersOfExternal[imported], !users.contains(module) {
            return "only \(users.sorted()) may import \(imported)"
        }
        if pure.contains(module), imported.hasPrefix("NIO") || imported.hasPrefix("Foundation") {
            return "\(module) is pure: no NIO, no Foundation"
        }
        if module == "StorageEngine", imported.hasPrefix("NIO"),
            imported != "NIOCore", imported != "NIOConcurrencyHelpers"
        {
            return "StorageEngine takes ByteBuffer and locks from NIO, nothing else"
        }
        guard let lower = row(of: imported) else { return nil }
        guard let upper = row(of: module) else { return "\(module) has no place in the layers" }
        return lower < upper ? nil : "\(imported) is not below \(module)"
    }

    static func row(of module: String) -> Int? {
        rows.firstIndex { $0.contains(module) }
    }
}
