import CProtobufC
import CRocketMQProtos

typealias CSettings = Apache__Rocketmq__V2__Settings
typealias CTelemetryCommand = Apache__Rocketmq__V2__TelemetryCommand

/// One frame of a client on its telemetry stream.
package struct TelemetryCommandView {
    /// What the frame carries.
    package enum Command {
        case settings(SettingsView)
        /// The answer to a print-thread-stack command.
        case threadStackTrace(nonce: ProtoText, trace: ProtoText)
        /// The answer to a verify-message command; its outcome is the frame's status.
        case verifyMessageResult(nonce: ProtoText)
        /// Nothing that a server acts on.
        case other
    }

    /// What the frame carries.
    package let command: Command
    /// Code of the frame's status; `nil` when there is none.
    package let statusCode: ProtoCode?
    /// Text of the frame's status.
    package let statusMessage: ProtoText

    /// Decodes the frame into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        let pointer = try arena.decode(bytes, with: apache__rocketmq__v2__telemetry_command__unpack)
        if let status = pointer.pointee.status {
            statusCode = ProtoCode(rawValue: Int32(bitPattern: status.pointee.code.rawValue))
            try status.pointee.message.check("status.message")
            statusMessage = status.pointee.message.text
        } else {
            statusCode = nil
            statusMessage = .empty
        }
        switch pointer.pointee.command_case {
        case APACHE__ROCKETMQ__V2__TELEMETRY_COMMAND__COMMAND_SETTINGS:
            command = .settings(try SettingsView(pointer.pointee.settings))
        case APACHE__ROCKETMQ__V2__TELEMETRY_COMMAND__COMMAND_THREAD_STACK_TRACE:
            guard let trace = pointer.pointee.thread_stack_trace else { fallthrough }
            try trace.pointee.nonce.check("thread_stack_trace.nonce")
            let hasText = trace.pointee.thread_stack_trace_presence_case.rawValue != 0
            if hasText { try trace.pointee.thread_stack_trace.check("thread_stack_trace") }
            command = .threadStackTrace(
                nonce: trace.pointee.nonce.text, trace: hasText ? trace.pointee.thread_stack_trace.text : .empty)
        case APACHE__ROCKETMQ__V2__TELEMETRY_COMMAND__COMMAND_VERIFY_MESSAGE_RESULT:
            guard let result = pointer.pointee.verify_message_result else { fallthrough }
            try result.pointee.nonce.check("verify_message_result.nonce")
            command = .verifyMessageResult(nonce: result.pointee.nonce.text)
        default: command = .other
        }
    }
}

/// What a client says about itself.
package struct SettingsView {
    /// The part that names its role.
    package enum Role {
        case publishing(topics: [ResourceView])
        case subscription(group: ResourceView, entries: [SubscriptionEntryView])
        case none
    }

    /// One subscribed topic.
    package struct SubscriptionEntryView {
        /// The topic.
        package let topic: ResourceView
        /// Its filter.
        package let filter: FilterExpressionView
        /// Whether a filter was given at all.
        package let hasFilter: Bool
    }

    /// The part that names its role.
    package let role: Role
    /// Kind of client.
    package let clientType: ProtoClientType
    /// What the user configured.
    package let accessPoint: ProtoEndpoints?
    /// The client's own poll time, in milliseconds.
    package let longPollingMillis: Int64?
    private let pointer: UnsafePointer<CSettings>

    /// More topics than this in one settings message are refused.
    package static let topicCountMax = 4096

    init(_ raw: UnsafePointer<CSettings>?) throws(ProtoError) {
        guard let raw else { throw ProtoError(code: .malformed, message: "settings are missing") }
        pointer = raw
        clientType =
            raw.pointee.client_type_presence_case.rawValue == 0
            ? .unspecified
            : ProtoClientType(rawValue: Int32(bitPattern: raw.pointee.client_type.rawValue)) ?? .unspecified
        accessPoint = try ProtoEndpoints(raw.pointee.access_point)
        if let agent = raw.pointee.user_agent {
            try agent.pointee.version.check("user_agent.version")
            try agent.pointee.platform.check("user_agent.platform")
            try agent.pointee.hostname.check("user_agent.hostname")
        }
        for index in 0..<raw.pointee.n_client_properties {
            guard let pair = raw.pointee.client_properties[index] else { continue }
            try pair.pointee.key.check("client_properties.key")
            try pair.pointee.value.check("client_properties.value")
        }
        switch raw.pointee.pub_sub_case {
        case APACHE__ROCKETMQ__V2__SETTINGS__PUB_SUB_PUBLISHING:
            longPollingMillis = nil
            role = try Self.publishing(raw.pointee.publishing)
        case APACHE__ROCKETMQ__V2__SETTINGS__PUB_SUB_SUBSCRIPTION:
            longPollingMillis = ProtoTime.millis(UnsafePointer(raw.pointee.subscription?.pointee.long_polling_timeout))
            role = try Self.subscription(raw.pointee.subscription)
        default:
            longPollingMillis = nil
            role = .none
        }
    }

    private static func publishing(
        _ raw: UnsafeMutablePointer<Apache__Rocketmq__V2__Publishing>?
    ) throws(ProtoError) -> Role {
        guard let raw = raw?.pointee else { return .publishing(topics: []) }
        guard raw.n_topics <= topicCountMax else {
            throw ProtoError(code: .tooComplex, message: "settings name too many topics")
        }
        var topics: [ResourceView] = []
        for index in 0..<raw.n_topics { topics.append(try ResourceView(raw.topics[index], "publishing.topics")) }
        return .publishing(topics: topics)
    }

    private static func subscription(
        _ raw: UnsafeMutablePointer<Apache__Rocketmq__V2__Subscription>?
    ) throws(ProtoError) -> Role {
        let group = try ResourceView(raw?.pointee.group, "subscription.group")
        guard let raw = raw?.pointee else { return .subscription(group: group, entries: []) }
        guard raw.n_subscriptions <= topicCountMax else {
            throw ProtoError(code: .tooComplex, message: "settings name too many topics")
        }
        var entries: [SubscriptionEntryView] = []
        for index in 0..<raw.n_subscriptions {
            let entry = raw.subscriptions[index]
            entries.append(
                SubscriptionEntryView(
                    topic: try ResourceView(entry?.pointee.topic, "subscriptions.topic"),
                    filter: try FilterExpressionView(entry?.pointee.expression),
                    hasFilter: entry?.pointee.expression != nil))
        }
        return .subscription(group: group, entries: entries)
    }

    /// The client's labels, as sent.
    package var clientPropertyCount: Int { pointer.pointee.n_client_properties }

    /// One of the client's labels.
    package func clientProperty(_ index: Int) -> (key: ProtoText, value: ProtoText) {
        guard let pair = pointer.pointee.client_properties[index] else { return (.empty, .empty) }
        return (pair.pointee.key.text, pair.pointee.value.text)
    }

    // MARK: What the answer echoes

    func writeRequestTimeout(_ writer: inout ProtoWriter) {
        guard let timeout = pointer.pointee.request_timeout?.pointee else { return }
        writer.message(4) { inner in
            inner.integer(1, timeout.seconds)
            inner.integer(2, Int64(timeout.nanos))
        }
    }

    func writeUserAgent(_ writer: inout ProtoWriter) {
        guard let agent = pointer.pointee.user_agent?.pointee else { return }
        writer.message(7) { inner in
            inner.integer(1, Int64(agent.language.rawValue))
            inner.text(2, agent.version.text)
            inner.text(3, agent.platform.text)
            inner.text(4, agent.hostname.text)
        }
    }

    /// Room the echoed parts need at most.
    var encodedBytesMax: Int {
        var bytes = 512 + (accessPoint?.encodedBytesMax ?? 0)
        if let agent = pointer.pointee.user_agent?.pointee {
            bytes += agent.version.len + agent.platform.len + agent.hostname.len
        }
        switch role {
        case .publishing(let topics):
            for topic in topics { bytes += topic.namespace.count + topic.name.count + 96 }
        case .subscription(let group, let entries):
            bytes += group.namespace.count + group.name.count + 96
            for entry in entries {
                bytes += entry.topic.namespace.count + entry.topic.name.count + entry.filter.expression.count + 192
            }
        case .none: break
        }
        return bytes
    }
}
