import NIOCore

/// Messages of grpc.health.v1.
package enum HealthMessages {
    /// Whether a service can be called.
    package enum Status: Int64, Sendable {
        /// It can.
        case serving = 1
        /// Not now.
        case notServing = 2
        /// There is no such service; only a watch says so.
        case serviceUnknown = 3
    }

    /// The service that a check or watch asks for; empty is the server as a whole.
    package static func service(_ request: UnsafeRawBufferPointer) -> String { ProtoFieldReader.text(1, in: request) }

    /// HealthCheckResponse.
    package static func response(_ status: Status, into buffer: inout ByteBuffer) {
        buffer.writeProto(capacity: 32) { $0.integer(1, status.rawValue) }
    }
}

/// Messages of apache.rocketmq.v2.Admin.
package enum AdminMessages {
    /// The level that a ChangeLogLevelRequest asks for: TRACE 0, DEBUG 1, INFO 2, WARN 3, ERROR 4.
    package static func logLevel(_ request: UnsafeRawBufferPointer) -> Int64 {
        ProtoFieldReader.integer(1, in: request)
    }

    /// ChangeLogLevelResponse.
    package static func changeLogLevel(remark: String, into buffer: inout ByteBuffer) {
        buffer.writeProto(capacity: remark.utf8.count + 64) { $0.text(1, remark) }
    }
}

/// Messages of grpc.reflection.v1 and v1alpha, which are the same.
package enum ReflectionMessages {
    /// What is asked.
    package enum Question: Sendable, Hashable {
        /// The file of that name.
        case file(name: String)
        /// The file that defines that symbol.
        case symbol(String)
        /// The names of all services.
        case services
        /// Extensions, of which proto3 has none.
        case extensions
        /// Nothing that this version knows.
        case unknown
    }

    /// Reads a ServerReflectionRequest.
    package static func question(_ request: UnsafeRawBufferPointer) -> Question {
        var reader = ProtoFieldReader(request)
        var question = Question.unknown
        while let (field, value) = reader.next() {
            guard case .bytes(let bytes) = value else { continue }
            let text = String(decoding: bytes, as: UTF8.self)
            switch field {
            case 3: question = .file(name: text)
            case 4: question = .symbol(text)
            case 5, 6: question = .extensions
            case 7: question = .services
            default: break
            }
        }
        return question
    }

    /// Answers one request; what is not found is an answer with the gRPC code NOT_FOUND, as the protocol has it.
    package static func answer(_ request: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) {
        let descriptors = ServiceDescriptors.shared
        let original = request
        func reply(capacity: Int, _ write: (inout ProtoWriter) -> Void) {
            buffer.writeProto(capacity: capacity + original.count + 256) { writer in
                writer.bytes(2, original)
                write(&writer)
            }
        }
        func files(_ files: [UnsafeRawBufferPointer]) {
            reply(capacity: files.reduce(0) { $0 + $1.count + 32 }) { writer in
                writer.message(4) { inner in
                    for file in files { inner.bytes(1, file) }
                }
            }
        }
        func failure(_ code: Int64, _ message: String) {
            reply(capacity: message.utf8.count) { writer in
                writer.message(7) { inner in
                    inner.integer(1, code)
                    inner.text(2, message)
                }
            }
        }
        switch question(request) {
        case .services:
            reply(capacity: descriptors.services.reduce(0) { $0 + $1.utf8.count + 48 }) { writer in
                writer.message(6) { inner in
                    for service in descriptors.services { inner.message(1) { $0.text(1, service) } }
                }
            }
        case .file(let name):
            guard let found = descriptors.withDependencies(ofFile: name) else {
                return failure(notFound, "no file is called that way")
            }
            files(found)
        case .symbol(let symbol):
            guard let name = descriptors.file(ofSymbol: symbol),
                let found = descriptors.withDependencies(ofFile: name)
            else { return failure(notFound, "no symbol is called that way") }
            files(found)
        case .extensions: failure(notFound, "there are no extensions")
        case .unknown: failure(invalidArgument, "the request asks nothing")
        }
    }

    private static let invalidArgument: Int64 = 3
    private static let notFound: Int64 = 5
}
