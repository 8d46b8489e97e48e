import NIOCore
import Testing

@testable import ProtoMessages

@Suite struct ServiceCallsTests {
    private func question(_ write: (inout ProtoWriter) -> Void) -> ReflectionMessages.Question {
        var buffer = ByteBuffer()
        buffer.writeProto(capacity: 1_024, write)
        return buffer.withUnsafeReadableBytes { ReflectionMessages.question($0) }
    }

    private func answer(_ write: (inout ProtoWriter) -> Void) -> ByteBuffer {
        var request = ByteBuffer()
        request.writeProto(capacity: 1_024, write)
        var answer = ByteBuffer()
        request.withUnsafeReadableBytes { ReflectionMessages.answer($0, into: &answer) }
        return answer
    }

    @Test func readsReflectionQuestions() {
        #expect(question { $0.text(7, "*") } == .services)
        #expect(question { $0.text(3, "a.proto") } == .file(name: "a.proto"))
        #expect(question { $0.text(4, "a.B") } == .symbol("a.B"))
        #expect(question { $0.message(5) { $0.text(1, "a.B") } } == .extensions)
        #expect(question { $0.text(1, "host") } == .unknown)
    }

    @Test func knowsEveryServiceAndSymbol() {
        let descriptors = ServiceDescriptors.shared
        #expect(
            descriptors.services.sorted() == [
                "apache.rocketmq.v2.Admin", "apache.rocketmq.v2.MessagingService", "grpc.health.v1.Health",
                "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
            ])
        let service = "apache/rocketmq/v2/service.proto"
        #expect(descriptors.file(ofSymbol: "apache.rocketmq.v2.MessagingService.SendMessage") == service)
        #expect(descriptors.file(ofSymbol: "apache.rocketmq.v2.PullMessageRequest") == service)
        #expect(descriptors.file(ofSymbol: "apache.rocketmq.v2.Code") == "apache/rocketmq/v2/definition.proto")
        #expect(descriptors.file(ofSymbol: "no.such.Thing") == nil)
        #expect(descriptors.withDependencies(ofFile: service)?.count == 4)
        #expect(descriptors.withDependencies(ofFile: "no.proto") == nil)
    }

    @Test func answersWithFilesOrAnError() {
        let found = answer { $0.text(4, "grpc.health.v1.Health") }
        found.withUnsafeReadableBytes { bytes in
            #expect(ProtoFieldReader.bytes(4, in: bytes) != nil)
            #expect(ProtoFieldReader.bytes(2, in: bytes) != nil, "the request comes back")
        }
        let absent = answer { $0.text(3, "no.proto") }
        absent.withUnsafeReadableBytes { bytes in
            let error = ProtoFieldReader.bytes(7, in: bytes)
            #expect(error.map { ProtoFieldReader.integer(1, in: $0) } == 5)
        }
    }

    @Test func damagedDescriptorsAndRequestsAreNoTrap() {
        var bytes: [UInt8] = Array(repeating: 0x0A, count: 64)
        bytes.withUnsafeBytes { #expect(ServiceDescriptors($0).services.isEmpty) }
        bytes = [0x22, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 1]
        bytes.withUnsafeBytes { #expect(ReflectionMessages.question($0) == .unknown) }
    }
}
