import NIOCore

/// Permissions on the wire.
package enum ProtoPermission: Int32, Sendable {
    case none = 1
    case read = 2
    case write = 3
    case readWrite = 4
}

/// One queue of a route or assignment answer.
package struct ProtoMessageQueue: Hashable, Sendable {
    /// Queue number; -1 is the whole broker.
    package var id: Int32
    /// What may be done with it.
    package var permission: ProtoPermission
    /// Broker that holds it.
    package var brokerName: String
    /// Kinds of messages producers may send to it.
    package var acceptMessageTypes: [ProtoMessageType]

    /// A queue.
    package init(id: Int32, permission: ProtoPermission, brokerName: String, acceptMessageTypes: [ProtoMessageType]) {
        self.id = id
        self.permission = permission
        self.brokerName = brokerName
        self.acceptMessageTypes = acceptMessageTypes
    }

    func write(_ writer: inout ProtoWriter, topic: ResourceView, endpoints: ProtoEndpoints) {
        writer.resource(1, namespace: topic.namespace, name: topic.name)
        writer.integer(2, Int64(id))
        writer.integer(3, Int64(permission.rawValue))
        writer.message(4, sizeHint: 128) { broker in
            broker.text(1, brokerName)
            broker.endpoints(3, endpoints)
        }
        if !acceptMessageTypes.isEmpty {
            writer.message(5) { packed in
                for type in acceptMessageTypes { packed.element(UInt8(type.rawValue)) }
            }
        }
    }
}

extension ProtoWriter {
    /// One small number of a packed list.
    mutating func element(_ value: UInt8) {
        precondition(value < 0x80)
        rawByte(value)
    }
}

extension ResponseEncoder {
    /// Room for one queue beside names and endpoints.
    private static let queueOverheadBytes = 192

    private static func capacity(
        _ topic: ResourceView, _ endpoints: ProtoEndpoints, _ queues: [ProtoMessageQueue]
    ) -> Int {
        let perQueue = bytesPerQueue(topic, endpoints)
        return queues.reduce(128) { $0 + perQueue + $1.brokerName.utf8.count }
    }

    /// Room one queue takes at most, beside its broker's name: it repeats what the client says about itself.
    package static func bytesPerQueue(_ topic: ResourceView, _ endpoints: ProtoEndpoints) -> Int {
        topic.name.count + topic.namespace.count + endpoints.encodedBytesMax + queueOverheadBytes
    }

    /// QueryRouteResponse with its queues.
    package static func queryRoute(
        topic: ResourceView, endpoints: ProtoEndpoints, queues: [ProtoMessageQueue], into buffer: inout ByteBuffer
    ) {
        buffer.writeProto(capacity: capacity(topic, endpoints, queues)) { writer in
            writer.status(1, .ok)
            for queue in queues {
                writer.message(2, sizeHint: 128) { queue.write(&$0, topic: topic, endpoints: endpoints) }
            }
        }
    }

    /// QueryAssignmentResponse with its assignments.
    package static func queryAssignment(
        topic: ResourceView, endpoints: ProtoEndpoints, queues: [ProtoMessageQueue], into buffer: inout ByteBuffer
    ) {
        buffer.writeProto(capacity: capacity(topic, endpoints, queues)) { writer in
            writer.status(1, .ok)
            for queue in queues {
                writer.message(2, sizeHint: 128) { assignment in
                    assignment.message(1, sizeHint: 128) { queue.write(&$0, topic: topic, endpoints: endpoints) }
                }
            }
        }
    }
}
