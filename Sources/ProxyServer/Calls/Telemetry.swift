import GRPCServer
import MessageModel
import NIOCore
import ProtoMessages

extension ProxyService {
    func telemetry(_ message: UnsafeRawBufferPointer, _ call: GRPCCall) throws {
        let frame = try TelemetryCommandView(message, in: arena)
        guard !isDraining else {
            telemetryEnded(call)
            return call.finish(.unavailable, message: "the proxy is shutting down")
        }
        switch frame.command {
        case .settings(let settings): try takeSettings(settings, message, call)
        case .threadStackTrace(let nonce, let trace): answered(frame, nonce: nonce, trace: trace, call)
        case .verifyMessageResult(let nonce): answered(frame, nonce: nonce, trace: nil, call)
        case .other: return
        }
    }

    private func takeSettings(
        _ settings: SettingsView, _ message: UnsafeRawBufferPointer, _ call: GRPCCall
    ) throws {
        do throws(ProxyError) {
            guard let answer = try answer(to: settings, message, call) else { return }
            call.send { ResponseEncoder.settings(settings, answer, into: &$0) }
            switch settings.role {
            case .publishing(let topics): producerAppeared(topics, call)
            case .subscription(let group, let entries):
                consumerAppeared(settings, group: group, entries, isOrdered: answer.isFIFO, call)
                if Self.isLite(settings), let topic = entries.first?.topic {
                    liteConsumerAppeared(group: group.name.string, topic: topic.name.string, call)
                }
            case .none: break
            }
            if telemetryStarted(call), Self.mayMissFirstAnswer(call) { repeatAnswer(settings, answer, call) }
        } catch {
            // Clients learn what is wrong with their settings from the stream's own status.
            telemetryEnded(call)
            call.finish(
                .invalidArgument, message: "process client telemetryCommand failed. \(error.message)")
        }
    }

    /// Node's clients (they call themselves HTTP) begin to listen only when all their routes are there; with more than
    /// one topic they miss the answer to their first settings and hang. Each further answer frees them.
    private static func mayMissFirstAnswer(_ call: GRPCCall) -> Bool {
        let language = call.metadata("x-mq-language")
        return language == "HTTP" || language == "NODE_JS"
    }

    private func repeatAnswer(_ settings: SettingsView, _ answer: SettingsAnswer, _ call: GRPCCall) {
        var bytes = ByteBuffer()
        ResponseEncoder.settings(settings, answer, into: &bytes)
        let loop = eventLoop.assumeIsolated()
        for millis in [300, 1_000, 3_000] as [Int64] {
            loop.scheduleTask(in: .milliseconds(millis)) {
                call.send { $0.writeImmutableBuffer(bytes) }
            }
        }
    }

    private func answer(
        to settings: SettingsView, _ message: UnsafeRawBufferPointer, _ call: GRPCCall
    ) throws(ProxyError) -> SettingsAnswer? {
        try checkClientProperties(settings)
        switch settings.role {
        case .none: throw ProxyError(.badRequest, "there is no publishing or subscription data in settings")
        case .publishing(let topics):
            for topic in topics { try MessageValidation.checkTopic(topic.name) }
            return SettingsMerge.producer(configuration)
        case .subscription(let group, let entries):
            switch settings.clientType {
            case .pushConsumer, .simpleConsumer, .unspecified, .litePushConsumer, .liteSimpleConsumer: break
            case .producer, .pullConsumer:
                throw ProxyError(.unrecognizedClientType, "clients of this type are not served")
            }
            try MessageValidation.checkGroup(group.name)
            for entry in entries { try MessageValidation.checkTopic(entry.topic.name) }
            guard let config = try self.group(group.name, for: message, call) else { return nil }
            try checkKind(settings, config, entries)
            return SettingsMerge.consumer(configuration, config)
        }
    }

    private static func isLite(_ settings: SettingsView) -> Bool {
        settings.clientType == .litePushConsumer || settings.clientType == .liteSimpleConsumer
    }

    /// Lite consumers go with lite groups and their one topic, others with others.
    private func checkKind(
        _ settings: SettingsView, _ group: SubscriptionGroupConfig, _ entries: [SettingsView.SubscriptionEntryView]
    ) throws(ProxyError) {
        if Self.isLite(settings) {
            try checkLite(group, topic: entries.first?.topic.name ?? .empty)
        } else if let bound = group.liteBindTopic, settings.clientType != .unspecified {
            throw ProxyError(
                .illegalConsumerGroup,
                "group \(group.name) consumes lite topics of \(bound): only lite consumers can join it")
        }
    }

    /// The bounds that the API gives to client labels.
    private func checkClientProperties(_ settings: SettingsView) throws(ProxyError) {
        let count = settings.clientPropertyCount
        guard count > 0 else { return }
        let refusal = ProxyError(.invalidClientProperties, "client properties are too many, too long or ill-named")
        guard count <= 32 else { throw refusal }
        var bytes = 0
        for index in 0..<count {
            let (key, value) = settings.clientProperty(index)
            bytes += key.count + value.count
            guard (1...64).contains(key.count), value.string.count <= 256, Self.isLabelName(key) else { throw refusal }
        }
        guard bytes <= 4_096 else { throw refusal }
    }

    private static func isLabelName(_ key: ProtoText) -> Bool {
        for (index, byte) in key.bytes.enumerated() {
            switch byte {
            case 0x61...0x7A, 0x41...0x5A: continue
            case 0x30...0x39, 0x5F, 0x2E, 0x2D: if index == 0 { return false }
            default: return false
            }
        }
        return !key.string.hasPrefix("rocketmq.")
    }
}

/// What the server decides in a Settings answer.
enum SettingsMerge {
    static func producer(_ configuration: ProxyConfiguration) -> SettingsAnswer {
        SettingsAnswer(
            attemptCountMax: configuration.producerAttemptCountMax,
            backoff: .exponential(
                initialMillis: configuration.producerBackoffInitialMillis,
                maxMillis: configuration.producerBackoffMaxMillis,
                multiplier: Float(configuration.producerBackoffMultiplier)),
            // 0 would keep most clients from sending anything.
            bodyBytesMax: configuration.messages.bodyBytesMax > 0
                ? Int32(clamping: configuration.messages.bodyBytesMax) : Int32.max,
            isMessageTypeValidated: configuration.isMessageTypeChecked)
    }

    static func consumer(_ configuration: ProxyConfiguration, _ group: SubscriptionGroupConfig) -> SettingsAnswer {
        let backoff: ProtoBackoff =
            switch group.retryPolicy {
            case .customized(let delays): .customized(delays.isEmpty ? GroupRetryPolicy.defaultDelaysMillis : delays)
            case .exponential(let initial, let limit, let multiplier):
                .exponential(initialMillis: initial, maxMillis: limit, multiplier: Float(multiplier))
            }
        var answer = SettingsAnswer(
            attemptCountMax: group.attemptCountMax, backoff: backoff, isFIFO: group.consumeMessageOrderly,
            receiveBatchSize: configuration.receiving.batchCountMax,
            longPollingMillis: configuration.receiving.pollMillisMax)
        // Clients take a negative quota for one that is used up.
        answer.liteSubscriptionQuota = group.liteClientQuota < 0 ? Int32.max : group.liteClientQuota
        answer.liteTopicBytesMax = Int32(LiteTopicName.bytesMax)
        return answer
    }
}
