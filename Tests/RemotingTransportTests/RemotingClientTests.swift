import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import RemotingTransport
import Testing

@Suite("Calls between client and server over loopback")
struct RemotingClientTests {
    @Test("An answer carries fields, remark and body")
    func answer() async throws {
        let service = TestService { request, connection in
            connection.respond(
                to: request, code: .topicNotExist, remark: "no \"\(request.fields.optionalString("topic") ?? "")\"",
                body: request.body)
        }
        try await withServer(service: service) { client, address, _ in
            let answer = try await client.callAsync(
                address, code: .getRouteinfoByTopic, header: TopicHeader(topic: "Tö\u{1}pic"),
                body: ByteBuffer(string: "body"), timeoutMillis: 5_000)
            #expect(answer.responseCode == .topicNotExist)
            #expect(answer.remark == "no \"Tö\u{1}pic\"")
            #expect(String(buffer: answer.body) == "body")
        }
    }
}

struct TopicHeader: RemotingHeader {
    var topic: String

    init(topic: String) { self.topic = topic }
    init(fields: HeaderFields) throws(RemotingCodecError) { topic = try fields.string("topic") }
    func write(to writer: inout HeaderFieldWriter) { writer.write("topic", topic) }
}
