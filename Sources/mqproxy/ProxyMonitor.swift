import BrokerServer
import Logging
import MessageModel
import MonitorServer
import NIOConcurrencyHelpers
import NIOCore
import ProxyServer
import ServerSupport

/// The port for metrics and health of a proxy. In local mode there is one for the proxy and its broker, where
/// `rmq-proxy.json` puts it, or `broker.conf` when that alone wants one.
final class ProxyMonitor: Sendable {
    private struct Parts {
        var broker: Broker?
        var front: ProxyFront?
        var server: MonitorServer?
    }

    private let configuration: ProxyConfiguration
    private let labels: [MetricLabel]
    private let group: any EventLoopGroup
    private let logger: Logger
    private let parts = NIOLockedValueBox(Parts())

    init(configuration: ProxyConfiguration, group: any EventLoopGroup, logger: Logger) {
        self.configuration = configuration
        self.group = group
        self.logger = logger
        labels = configuration.metricLabels(hostName: BrokerConfiguration.Surroundings.ofThisHost().hostName)
    }

    /// Opens the port, if there is to be one. A broker is watched from before it is open.
    func open(watching broker: Broker? = nil) async throws {
        parts.withLockedValue { $0.broker = broker }
        let own = configuration.monitor
        guard let settings = own.isEnabled ? own : broker?.configuration.monitor, settings.isEnabled else { return }
        let pages = MonitorPages(
            metrics: { [self] in metrics(settings) }, health: { [self] in health })
        let server = MonitorServer(group: group, pages: pages, logger: logger)
        let address = HostPort(host: settings.host ?? configuration.listenHost, port: settings.port)
        let port = try await ProgramStart.openPort(address) {
            try await server.bind(host: address.host, port: address.port)
        }
        parts.withLockedValue { $0.server = server }
        logger.info("metrics and health", metadata: ["address": "\(HostPort(host: address.host, port: port))"])
    }

    /// Watches the proxy's own ports from now on.
    func watch(_ front: ProxyFront) {
        parts.withLockedValue { $0.front = front }
    }

    /// Closes the port.
    func shutdown() async {
        await parts.withLockedValue { $0 }.server?.shutdown()
        parts.withLockedValue { $0 = Parts() }
    }

    private func metrics(_ settings: MonitorSettings) -> MonitorAnswer {
        let (broker, front) = parts.withLockedValue { ($0.broker, $0.front) }
        var text = ""
        if let broker {
            var page = MetricsPage(common: broker.metricLabels, rowsMax: settings.seriesMax)
            broker.addMetrics(to: &page)
            text += page.text
        }
        var page = MetricsPage(common: configuration.monitor.labels + labels, rowsMax: settings.seriesMax)
        let figures = front?.figures ?? ProxyFigures(isReady: false, grpcConnections: 0, remotingConnections: 0)
        figures.add(to: &page)
        return MonitorAnswer(status: 200, contentType: MetricsPage.contentType, body: text + page.text)
    }

    private var health: MonitorAnswer {
        let (broker, front) = parts.withLockedValue { ($0.broker, $0.front) }
        let brokerHealth = broker?.health
        if let health = brokerHealth, !health.isWell {
            return .health(isWell: false, json: health.json.serializedText)
        }
        guard let front else { return .health(isWell: false, json: #"{"status":"starting"}"#) }
        guard front.figures.isReady else {
            return .health(
                isWell: false,
                json: #"{"status":"not-ready","reason":"no name server or no broker answers, or the proxy stops"}"#)
        }
        return .health(isWell: true, json: brokerHealth?.json.serializedText ?? #"{"status":"ready"}"#)
    }
}
