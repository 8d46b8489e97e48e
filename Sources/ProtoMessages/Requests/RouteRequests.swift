import CProtobufC
import CRocketMQProtos

/// QueryRoute.
package struct QueryRouteRequestView {
    /// The topic.
    package let topic: ResourceView
    /// What the client dialled.
    package let endpoints: ProtoEndpoints?

    /// Decodes the request into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        let pointer = try arena.decode(bytes, with: apache__rocketmq__v2__query_route_request__unpack)
        topic = try ResourceView(pointer.pointee.topic, "topic")
        endpoints = try ProtoEndpoints(pointer.pointee.endpoints)
    }
}

/// QueryAssignment.
package struct QueryAssignmentRequestView {
    /// The topic.
    package let topic: ResourceView
    /// The consumer group.
    package let group: ResourceView
    /// What the client dialled.
    package let endpoints: ProtoEndpoints?

    /// Decodes the request into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        let pointer = try arena.decode(bytes, with: apache__rocketmq__v2__query_assignment_request__unpack)
        topic = try ResourceView(pointer.pointee.topic, "topic")
        group = try ResourceView(pointer.pointee.group, "group")
        endpoints = try ProtoEndpoints(pointer.pointee.endpoints)
    }
}

/// Kinds of clients on the wire.
package enum ProtoClientType: Int32, Sendable {
    case unspecified = 0
    case producer = 1
    case pushConsumer = 2
    case simpleConsumer = 3
    case pullConsumer = 4
    case litePushConsumer = 5
    case liteSimpleConsumer = 6
}

/// Heartbeat.
package struct HeartbeatRequestView {
    /// The consumer group; `nil` when absent.
    package let group: ResourceView?
    /// The kind of client.
    package let clientType: ProtoClientType

    /// Decodes the request into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        let pointer = try arena.decode(bytes, with: apache__rocketmq__v2__heartbeat_request__unpack)
        group = pointer.pointee.group == nil ? nil : try ResourceView(pointer.pointee.group, "group")
        clientType = ProtoClientType(rawValue: Int32(bitPattern: pointer.pointee.client_type.rawValue)) ?? .unspecified
    }
}

/// NotifyClientTermination.
package struct NotifyClientTerminationRequestView {
    /// The consumer group; `nil` when absent.
    package let group: ResourceView?

    /// Decodes the request into the arena.
    package init(_ bytes: UnsafeRawBufferPointer, in arena: DecodeArena) throws(ProtoError) {
        let pointer = try arena.decode(bytes, with: apache__rocketmq__v2__notify_client_termination_request__unpack)
        group = pointer.pointee.group == nil ? nil : try ResourceView(pointer.pointee.group, "group")
    }
}
