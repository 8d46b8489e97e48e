import Foundation
import MessageModel
import RemotingCodec

@testable import BrokerServer

/// A request that was sent to Apache's broker 5.1.4, and what it answered.
struct RecordedRequest: Decodable, CustomStringConvertible {
    var file: String
    var variant: Int
    var client: String
    var port: Int
    var requestCode: Int32
    var request: String
    /// The answer's code; -1 when there was no answer.
    var code: Int32
    var ext: [String: String]
    var remark: String
    /// The answer's body where it is text; where it is not, in hex if it was kept.
    var body: String
    /// Bytes of the answer's body where it is not kept.
    var binaryBody: Int?

    var description: String { "\(file)#\(variant) \(client)" }

    /// Everything recorded at the broker's two ports, in the order of the codes.
    static func all() throws -> [RecordedRequest] { try load("broker-requests", as: RecordedRequest.self) }

    /// The pairs of a file.
    static func load<Pair: Decodable>(_ name: String, as type: Pair.Type) throws -> [Pair] {
        try JSONDecoder().decode([Pair].self, from: Data(Golden.bytes("remoting/\(name).json")))
    }
}

/// Requests that are recorded and not answered as Apache does: what the README lists.
enum RecordedExceptions {
    /// Not supported, and meant to stay so: the answer is REQUEST_CODE_NOT_SUPPORTED with a sentence.
    static let unsupported: [Int32: String] = [
        50: "UPDATE_AND_CREATE_ACL_CONFIG", 51: "DELETE_ACL_CONFIG", 52: "GET_BROKER_CLUSTER_ACL_INFO",
        53: "UPDATE_GLOBAL_WHITE_ADDRS_CONFIG", 54: "GET_BROKER_CLUSTER_ACL_CONFIG",
        513: "UPDATE_AND_CREATE_STATIC_TOPIC",
        908: "RESET_MASTER_FLUSH_OFFSET", 1007: "GET_BROKER_EPOCH_CACHE", 2001: "UPDATE_COLD_DATA_FLOW_CTR_CONFIG",
        2002: "REMOVE_COLD_DATA_FLOW_CTR_CONFIG", 2003: "GET_COLD_DATA_FLOW_CTR_INFO",
        200_052: "PEEK_MESSAGE",
    ]

    /// Codes whose answer hangs on what had happened before: any answer that Apache gave to the code will do, and these
    /// besides.
    static let stateful: [Int32: Set<Int32>] = [
        14: [], 15: [], 29: [], 30: [], 31: [], 32: [], 35: [], 38: [], 202: [], 203: [], 204: [], 208: [], 223: [],
        307: [], 315: [], 351: [], 222: [],
        // Here the messages are not there, nor is the heartbeat that came before (24); GoldenPullTests replays pulls with
        // both. A queue that does not exist is 29 in newer releases.
        11: [21, 24, 29], 361: [21, 24], 36: [1], 323: [1],
        // The messages are those of another broker.
        12: [22], 33: [1], 37: [1], 325: [1],
        // The consumer is gone.
        309: [1],
        // The queue is empty here.
        321: [1],
        // The topic, the message or its delivery are those of another broker; SQL92 filters are off.
        200_050: [1], 200_051: [17], 200_053: [208],
        // Binary headers hold 16 bits of the code: we know what is meant, Apache's broker does not.
        3_442: [0, 210], 3_446: [0], 3_447: [0],
    ]

    /// Whether it sends a message whose kind is refused as long as it is not supported: timers and transactions.
    static func mayBeRefused(_ request: RemotingCommand) -> Bool {
        let properties = request.fields.optionalString("i") ?? request.fields.optionalString("properties") ?? ""
        return properties.contains("TIMER_") || properties.contains("TRAN_MSG\u{1}true")
    }

    /// Where we answer another code than release 5.1.4 on purpose; nil where there is no rule.
    static func code(_ recorded: RecordedRequest, _ request: RemotingCommand) -> Int32? {
        switch recorded.requestCode {
        case 10, 310:
            // Signatures are not checked.
            if recorded.client.contains("AclClientRPCHook") { return 0 }
            return recorded.remark.contains("queueId") ? 29 : nil
        case 17:
            // Newer releases answer INVALID_PARAMETER to bad topics.
            return recorded.remark.contains("conflict") || recorded.remark.contains("illegal char") ? 29 : nil
        case 215 where recorded.code == 1:
            // A binary header cannot carry an empty name: there it is missing.
            return request.fields.contains("topic") ? 29 : 1
        // Groups are made by themselves in newer releases.
        case 352: return 0
        default: return nil
        }
    }

    /// Header fields and members of bodies of the answer that are ours or Apache's alone.
    static func differingNames(_ recorded: RecordedRequest, _ request: RemotingCommand) -> Set<String> {
        let names = differingNames[recorded.requestCode] ?? []
        // A batch of the C++ client, which Apache takes for one message, has no key of its own.
        let isBatch = ["m", "batch"].contains { request.fields.value(named: $0) == "1" }
        return isBatch ? names.union(["transactionId"]) : names
    }

    private static let differingNames: [Int32: Set<String>] = [
        // A batch queue is not supported: such a batch is stored as messages.
        320: ["batchUniqId"],
        // Release 5.1.4 could not take messages back.
        310: ["recallHandle"],
        // Releases from 5.2 on tell the rate.
        202: ["topicPutTps"],
        // Of delay levels, which are named by number, and of the path of the log.
        28: ["table"],
    ]
}
