import NIOCore

/// Retry plan of the Settings answer.
package enum ProtoBackoff: Hashable, Sendable {
    case exponential(initialMillis: Int64, maxMillis: Int64, multiplier: Float)
    case customized([Int64])
}

/// What the server decides in a Settings answer; all else is echoed.
package struct SettingsAnswer: Hashable, Sendable {
    /// Tries in all.
    package var attemptCountMax: Int32
    /// Waits between them.
    package var backoff: ProtoBackoff
    /// Largest body a producer may send.
    package var bodyBytesMax: Int32
    /// Whether producers check the message type against the topic's.
    package var isMessageTypeValidated: Bool
    /// Whether a consumer works in order.
    package var isFIFO: Bool
    /// Messages a consumer asks for at once.
    package var receiveBatchSize: Int32
    /// How long a consumer's poll may wait.
    package var longPollingMillis: Int64
    /// Where clients send their own metrics; `nil` is off.
    package var metricEndpoints: ProtoEndpoints?
    /// Lite topics that a consumer may subscribe to. Java's clients take none before they are told.
    package var liteSubscriptionQuota: Int32 = 0
    /// Most bytes of a lite topic.
    package var liteTopicBytesMax: Int32 = 0

    /// An answer.
    package init(
        attemptCountMax: Int32, backoff: ProtoBackoff, bodyBytesMax: Int32 = 0, isMessageTypeValidated: Bool = false,
        isFIFO: Bool = false, receiveBatchSize: Int32 = 0, longPollingMillis: Int64 = 0,
        metricEndpoints: ProtoEndpoints? = nil
    ) {
        self.attemptCountMax = attemptCountMax
        self.backoff = backoff
        self.bodyBytesMax = bodyBytesMax
        self.isMessageTypeValidated = isMessageTypeValidated
        self.isFIFO = isFIFO
        self.receiveBatchSize = receiveBatchSize
        self.longPollingMillis = longPollingMillis
        self.metricEndpoints = metricEndpoints
    }
}

extension ResponseEncoder {
    /// TelemetryCommand {status OK, settings}: the client's own settings with the server's decisions in place.
    package static func settings(_ view: SettingsView, _ answer: SettingsAnswer, into buffer: inout ByteBuffer) {
        var capacity = view.encodedBytesMax + (answer.metricEndpoints?.encodedBytesMax ?? 0)
        if case .customized(let delays) = answer.backoff { capacity += delays.count * 32 }
        buffer.writeProto(capacity: capacity) { writer in
            writer.status(1, .ok)
            writer.message(2, sizeHint: 256) { settings in
                if view.clientType != .unspecified { settings.integer(1, Int64(view.clientType.rawValue)) }
                if let accessPoint = view.accessPoint { settings.endpoints(2, accessPoint) }
                writeBackoff(&settings, answer)
                view.writeRequestTimeout(&settings)
                writeRole(&settings, view, answer)
                view.writeUserAgent(&settings)
                settings.message(8) { metric in
                    guard let endpoints = answer.metricEndpoints else { return }
                    metric.integer(1, 1)
                    metric.endpoints(2, endpoints)
                }
            }
        }
    }

    /// TelemetryCommand {reconnect_endpoints_command = 8}.
    package static func reconnectEndpoints(nonce: String, into buffer: inout ByteBuffer) {
        buffer.writeProto(capacity: nonce.utf8.count + 64) { writer in
            writer.message(8) { $0.text(1, nonce) }
        }
    }

    /// TelemetryCommand {status OK, print_thread_stack_trace_command = 6}.
    package static func printThreadStackTrace(nonce: String, into buffer: inout ByteBuffer) {
        buffer.writeProto(capacity: nonce.utf8.count + 64) { writer in
            writer.status(1, .ok)
            writer.message(6) { $0.text(1, nonce) }
        }
    }

    /// TelemetryCommand {notify_unsubscribe_lite_command = 9}.
    package static func notifyUnsubscribeLite(liteTopic: String, into buffer: inout ByteBuffer) {
        buffer.writeProto(capacity: liteTopic.utf8.count + 64) { writer in
            writer.message(9) { $0.text(1, liteTopic) }
        }
    }

    private static func writeBackoff(_ writer: inout ProtoWriter, _ answer: SettingsAnswer) {
        writer.message(3) { policy in
            policy.integer(1, Int64(answer.attemptCountMax))
            switch answer.backoff {
            case .exponential(let initialMillis, let maxMillis, let multiplier):
                policy.message(2) { inner in
                    inner.duration(1, millis: initialMillis)
                    inner.duration(2, millis: maxMillis)
                    inner.float(3, multiplier)
                }
            case .customized(let delays):
                policy.message(3, sizeHint: 160) { inner in
                    for millis in delays { inner.duration(1, millis: millis) }
                }
            }
        }
    }

    private static func writeRole(_ writer: inout ProtoWriter, _ view: SettingsView, _ answer: SettingsAnswer) {
        switch view.role {
        case .publishing(let topics):
            writer.message(5) { publishing in
                for topic in topics { publishing.resource(1, namespace: topic.namespace, name: topic.name) }
                publishing.integer(2, Int64(answer.bodyBytesMax))
                publishing.integer(3, answer.isMessageTypeValidated ? 1 : 0)
            }
        case .subscription(let group, let entries):
            writer.message(6) { subscription in
                subscription.resource(1, namespace: group.namespace, name: group.name)
                for entry in entries { writeSubscription(&subscription, entry) }
                subscription.explicitInteger(3, answer.isFIFO ? 1 : 0)
                subscription.explicitInteger(4, Int64(answer.receiveBatchSize))
                subscription.duration(5, millis: answer.longPollingMillis)
                if answer.liteTopicBytesMax > 0 {
                    subscription.explicitInteger(6, Int64(answer.liteSubscriptionQuota))
                    subscription.explicitInteger(7, Int64(answer.liteTopicBytesMax))
                }
            }
        case .none: break
        }
    }

    private static func writeSubscription(_ writer: inout ProtoWriter, _ entry: SettingsView.SubscriptionEntryView) {
        writer.message(2) { inner in
            inner.resource(1, namespace: entry.topic.namespace, name: entry.topic.name)
            guard entry.hasFilter else { return }
            inner.message(2) { filter in
                filter.integer(1, Int64(entry.filter.type.rawValue))
                filter.text(2, entry.filter.expression)
            }
        }
    }
}
