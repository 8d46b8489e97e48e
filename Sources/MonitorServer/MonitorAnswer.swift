/// An answer to whoever watches a program.
package struct MonitorAnswer: Hashable, Sendable {
    /// The HTTP status.
    package var status: Int
    /// The media type of the body.
    package var contentType: String
    /// The body.
    package var body: String

    /// An answer.
    package init(status: Int, contentType: String, body: String) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// A sentence for people.
    package static func text(_ status: Int, _ sentence: String) -> MonitorAnswer {
        MonitorAnswer(status: status, contentType: "text/plain; charset=utf-8", body: sentence + "\n")
    }

    /// JSON text; 200 when all is well, else 503.
    package static func health(isWell: Bool, json: String) -> MonitorAnswer {
        MonitorAnswer(status: isWell ? 200 : 503, contentType: "application/json", body: json + "\n")
    }
}

/// What a program has to say of itself.
package struct MonitorPages: Sendable {
    /// The metrics. Made on a thread of the server's own, one at a time: it may wait for the disk.
    package var metrics: @Sendable () -> MonitorAnswer
    /// Whether the program serves. Made on an event loop: it must not wait.
    package var health: @Sendable () -> MonitorAnswer

    /// The pages.
    package init(
        metrics: @escaping @Sendable () -> MonitorAnswer, health: @escaping @Sendable () -> MonitorAnswer
    ) {
        self.metrics = metrics
        self.health = health
    }
}

/// What a request asks for. Pure.
enum MonitorRoute: Equatable {
    case metrics
    case health
    case refused(MonitorAnswer)

    static func of(method: String, target: String) -> MonitorRoute {
        guard method == "GET" else {
            return .refused(.text(405, "only GET is answered here"))
        }
        switch target.prefix(while: { $0 != "?" }) {
        case "/metrics": return .metrics
        case "/health": return .health
        default: return .refused(.text(404, "there are /metrics and /health here, nothing else"))
        }
    }
}
