import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport

extension RequestRouter {
    /// GET_ALL_TOPIC_CONFIG (21): the whole table, or a page of it when the request names a page.
    func getAllTopicConfig(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        // All fields are absent in a request for the whole table, as clients before 5.3 send it.
        let page =
            request.fields.contains("topicSeq") ? try request.header(GetAllTopicConfigRequestHeader.self) : nil
        try onWorker(request, connection) { [broker] in
            let snapshot = broker.topics.snapshot
            let range = PageOfNames(snapshot.topics.keys, from: page?.topicSeq, countMax: page?.maxTopicCount)
            let topics = snapshot.topics.filter { range.names.contains($0.key) }
            let mappings: JSONObject = [
                "mappingDataVersion": DataVersion(timestampMillis: broker.bootMillis).json,
                "topicQueueMappingDetailMap": [:], "topicQueueMappingInfoMap": [:],
            ]
            let body = TopicConfigTable(dataVersion: snapshot.dataVersion, topics: topics, mappings: mappings).encode()
            try Self.checkSize(body)
            guard page != nil else { return connection.respond(to: request, code: .success, body: body) }
            connection.respond(
                to: request, code: .success,
                header: GetAllTopicConfigResponseHeader(totalTopicCount: Int32(clamping: snapshot.topics.count)),
                body: body)
        }
    }

    /// An answer must fit into a frame, else the client would close the connection.
    static func checkSize(_ body: ByteBuffer) throws(ServiceError) {
        guard body.readableBytes <= RemotingFrameEncoder.frameBytesMax - 65_536 else {
            throw ServiceError(
                code: .systemError,
                message: "the table has \(body.readableBytes) bytes, too many for one answer; ask for pages")
        }
    }
}

/// The names of one page of a table, in alphabetical order so that pages of an unchanged table fit together.
struct PageOfNames {
    let names: Set<String>

    init(_ all: some Collection<String>, from start: Int32?, countMax: Int32?) {
        guard let start else {
            names = Set(all)
            return
        }
        let count = max(1, Int(countMax ?? 2_000))
        names = Set(all.sorted().dropFirst(max(0, Int(start))).prefix(count))
    }
}
