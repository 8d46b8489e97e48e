import Foundation
import Logging
import MessageModel
import NIOCore
import NameServer
import RemotingCodec
import ServerSupport
import Testing

/// A request and its answer as recorded from Apache's name server.
struct Recording {
    let request: RemotingCommand
    let answerCode: Int32?
    let answerFields: [String: String]
    let answerRemark: String?
    let answerBody: String
    let client: String

    static func load(_ name: String) throws -> [Recording] {
        let url = Bundle.module.bundleURL.appendingPathComponent("Golden").appendingPathComponent(name + ".json")
        let json = try JSONValue(parsing: [UInt8](try Data(contentsOf: url)))
        return try (json["variants"]?.elements ?? []).compactMap { variant in
            guard let hex = variant["request"]?["hex"]?.text else { return nil }
            let header = variant["response"]?["header"]
            var fields: [String: String] = [:]
            for member in header?["extFields"]?.members ?? JSONObject() { fields[member.key.text] = member.value.text }
            return Recording(
                request: try command(hex: hex), answerCode: header?["code"]?.int32, answerFields: fields,
                answerRemark: header?["remark"]?.text, answerBody: variant["response"]?["body"]?.text ?? "",
                client: variant["client"]?.text ?? "")
        }
    }

    static func command(hex: String) throws -> RemotingCommand {
        var decoder = RemotingFrameDecoder()
        decoder.append(ByteBuffer(bytes: try #require(HexText.bytes(hex))))
        return try #require(try decoder.next())
    }
}

/// A name server without a socket, its clock in the test's hands.
struct TestNameServer {
    let server: NameServer
    let directory: String

    init(_ properties: String = "") throws {
        directory = NSTemporaryDirectory() + "names-" + UUID().uuidString
        let text = properties + "\nkvConfigPath=\(directory)/kvConfig.json\n"
        let source = try PropertiesFile.parse(Array(text.utf8), file: "test.conf")
        let (configuration, report) = try NameServerConfiguration.load(
            source, home: directory, configPath: directory + "/namesrv.conf")
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        server = try NameServer(
            configuration: configuration, report: report, source: source, nowMillis: { 1_000_000 },
            blockingQueue: { work in
                work()
                return true
            }, logger: logger)
    }

    func removeFiles() { try? FileManager.default.removeItem(atPath: directory) }

    /// The answer; every request is answered before `answer` returns, since this server has no threads.
    func answer(_ request: RemotingCommand, connection: UInt64 = 1) throws -> NameServerAnswer {
        let box = AnswerBox()
        server.answer(request, connection: connection) { box.answer = $0 }
        return try #require(box.answer)
    }

    func answer(
        _ code: RequestCode, _ fields: [(name: String, value: String)] = [], body: String = "",
        version: Int32 = ProtocolVersion.current
    ) throws -> NameServerAnswer {
        try answer(
            RemotingCommand(
                code: code.rawValue, version: version, fields: HeaderFields(fields), body: ByteBuffer(string: body)))
    }

    // Used on one thread only: the closures of a server without threads.
    private final class AnswerBox: @unchecked Sendable {
        var answer: NameServerAnswer?
    }
}

extension NameServerAnswer {
    /// The body as text.
    var bodyText: String { body.map { String(buffer: $0) } ?? "" }

    /// The header fields as they would be sent.
    func fields() throws -> [String: String] {
        var buffer = ByteBuffer()
        let head = RemotingFrameHead.response(to: RequestTicket(opaque: 1, code: 0), code: code)
        try RemotingFrameEncoder.encode(head, header: header, into: &buffer)
        var decoder = RemotingFrameDecoder()
        decoder.append(buffer)
        let frame = try #require(try decoder.next())
        return Dictionary(frame.fields.pairs().map { ($0.name, $0.value) }) { $1 }
    }
}
