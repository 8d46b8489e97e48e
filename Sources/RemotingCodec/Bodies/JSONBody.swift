import MessageModel
import NIOCore

/// How JSON bodies write keys that are not strings.
package enum JSONBodyStyle: Sendable {
    /// As fastjson does: bare integers, objects as keys. What every known client reads, and most demand.
    case fastjson
    /// Standard JSON: such keys as strings, and nothing outside ASCII.
    case standard
}

/// A request's or response's body in JSON.
package protocol JSONBody: Sendable {
    /// Reads the body's value.
    init(json: JSONValue) throws(ModelError)
    /// The body's value.
    var json: JSONValue { get }
}

extension JSONBody {
    /// Reads a body's bytes.
    package init(decoding body: ByteBuffer) throws(RemotingCodecError) {
        do throws(ModelError) {
            try self.init(json: try JSONValue(parsing: body.readableBytesView))
        } catch {
            throw RemotingCodecError(.malformedBody, error.message)
        }
    }

    /// The body's bytes.
    package func encode(_ style: JSONBodyStyle = .fastjson) -> ByteBuffer {
        switch style {
        case .fastjson: ByteBuffer(bytes: json.serialize(unquotedIntegerKeys: true))
        case .standard: ByteBuffer(bytes: json.serialize(escapesNonASCII: true))
        }
    }
}

extension TopicRoute: JSONBody {
    /// The body of GET_ROUTEINFO_BY_TOPIC for a requester of this version: standard JSON, or the older form.
    package func encode(requesterVersion: Int32, acceptsStandardOnly: Bool) -> ByteBuffer {
        encode(acceptsStandardOnly || requesterVersion >= ProtocolVersion.v4_9_4 ? .standard : .fastjson)
    }
}

extension DataVersion: JSONBody {}

extension TopicConfig: JSONBody {
    /// Reads the body of GET_TOPIC_CONFIG.
    package init(json: JSONValue) throws(ModelError) { try self.init(json: json, name: nil) }
}

extension SubscriptionGroupConfig: JSONBody {
    /// Reads the body of GET_SUBSCRIPTIONGROUP_CONFIG and UPDATE_AND_CREATE_SUBSCRIPTIONGROUP.
    package init(json: JSONValue) throws(ModelError) { try self.init(json: json, name: nil) }
}

extension JSONFields {
    /// A list of texts, empty when absent.
    func texts(_ key: String) throws(ModelError) -> [String] {
        (try array(key) ?? []).compactMap(\.text)
    }
}

extension JSONValue {
    /// A list of texts.
    static func texts(_ list: [String]) -> JSONValue { .array(list.map { .string($0) }) }
}
