import GRPCServer
import NIOCore
import ProtoMessages

/// gRPC reflection, so that tools can call the proxy without its `.proto` files. Both versions of the protocol have the
/// same messages.
package final class ReflectionService: GRPCSideService {
    /// A service of one loop.
    package init() {}

    /// ServerReflectionInfo in both versions.
    package func methodTable() -> [GRPCMethod] {
        ["v1", "v1alpha"].map { version in
            GRPCMethod(path: "/grpc.reflection.\(version).ServerReflection/ServerReflectionInfo", kind: .bidi)
        }
    }

    /// Answers one question of the stream.
    package func receive(_ message: UnsafeRawBufferPointer, on call: GRPCCall, method: Int) {
        call.send { ReflectionMessages.answer(message, into: &$0) }
    }

    /// The client has no more questions.
    package func halfClosed(_ call: GRPCCall) { call.finish(.ok) }

    /// Nothing is kept of a stream.
    package func cancelled(_ call: GRPCCall) {}

    /// Streams end when their clients end them, or with the deadline of the drain.
    package func drain() {}
}
