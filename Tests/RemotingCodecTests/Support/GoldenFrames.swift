import Foundation
import MessageModel
import NIOCore
import RemotingCodec
import Testing

/// A frame recorded between Apache's programs.
struct GoldenFrame: Sendable, CustomTestStringConvertible {
    var code: Int32
    var name: String
    var client: String
    var isResponse: Bool
    var isHandMade: Bool
    var isBodyCut: Bool
    var header: JSONFields
    var bytes: ByteBuffer

    var testDescription: String { "\(name) \(isResponse ? "answer" : "request") of \(client)" }

    /// The recorded extension fields as text, as every value reaches us.
    var fields: [String: String] {
        var table: [String: String] = [:]
        for member in header.members["extFields"]?.members ?? JSONObject() {
            table[member.key.text] = member.value.text ?? member.value.serializedText
        }
        return table
    }

    static let all: [GoldenFrame] = load()

    /// The frames of one request code.
    static func of(_ code: RequestCode, answers: Bool) -> [GoldenFrame] {
        all.filter { $0.code == code.rawValue && $0.isResponse == answers }
    }

    /// The only command of a recorded frame.
    func decoded() throws -> RemotingCommand {
        var decoder = RemotingFrameDecoder()
        decoder.append(bytes)
        return try #require(try decoder.next())
    }

    private static func load() -> [GoldenFrame] {
        goldenLines("frames").compactMap { line in
            guard let fields = try? JSONFields(line, of: "frame"), let header = fields.value("header"),
                let headerFields = try? JSONFields(header, of: "header"), let code = line["code"]?.int32,
                let bytes = HexText.bytes(line["hex"]?.text ?? "")
            else { return nil }
            return GoldenFrame(
                code: code, name: line["name"]?.text ?? "", client: line["client"]?.text ?? "",
                isResponse: line["side"]?.text == "response", isHandMade: line["handMade"]?.flag == true,
                isBodyCut: line["bodyCut"]?.flag == true, header: headerFields, bytes: ByteBuffer(bytes: bytes))
        }
    }
}

/// The values of a golden file that has one per line.
func goldenLines(_ name: String) -> [JSONValue] {
    guard let url = Bundle.module.url(forResource: name, withExtension: "jsonl", subdirectory: "Golden"),
        let data = try? Data(contentsOf: url)
    else { return [] }
    return data.split(separator: 0x0A).compactMap { try? JSONValue(parsing: $0) }
}

extension JSONValue {
    /// The value with the members of every object in the order of their keys.
    var sorted: JSONValue {
        switch self {
        case .object(let members):
            var object = JSONObject()
            for member in members.sorted(by: { $0.key.sorted.text < $1.key.sorted.text }) {
                object.append(member.key.sorted, member.value.sorted)
            }
            return .object(object)
        case .array(let elements):
            return .array(elements.map(\.sorted).sorted { $0.serializedText < $1.serializedText })
        default:
            return self
        }
    }
}

extension JSONKey {
    fileprivate var sorted: JSONKey {
        switch self {
        case .value(let value): .value(value.sorted)
        case .text(let text): Int64(text).map { .integer($0) } ?? .text(text)
        case .integer: self
        }
    }
}
