import Logging
import NIOCore
import ProxyServer
import ServerSupport

/// A broker and a name server in this process.
struct LocalSide: BrokerSide {
    let metadata: any MetadataSource

    init(configuration: ProxyConfiguration, group: any EventLoopGroup, logger: Logger) async throws {
        throw ConfigurationError(
            .invalidValue, file: "command line", key: "proxyMode", message: "local mode is not built in yet")
    }

    func makeBackend(on eventLoop: any EventLoop) -> any Backend { preconditionFailure("not constructible") }

    func describe() -> [String] { [] }

    func shutdown() async {}
}
