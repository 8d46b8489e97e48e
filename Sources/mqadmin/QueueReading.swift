import AdminClient
import MessageModel
import RemotingCodec

/// Reads queues and shows what it finds: at once as text, at the end as JSON.
struct QueueReading {
    let admin: AdminClient
    let isJSON: Bool
    let showsBody: Bool
    var group = AdminClient.toolsGroup
    var expression = "*"
    /// Shown before each batch of messages.
    var foundLine: String?
    var showsMessages = true
    /// Whether lines tell where the reading is.
    var showsStatus = true
    var countsTags = false
    /// How many messages have which tag, if they are to be counted; those without one are not.
    private(set) var tagCounts: [String: Int] = [:]
    private var found: [JSONValue] = []

    init(admin: AdminClient, isJSON: Bool, showsBody: Bool) {
        self.admin = admin
        self.isJSON = isJSON
        self.showsBody = showsBody
    }

    /// Messages asked for at once.
    private static let batchCount: Int32 = 32

    func show(_ line: String) {
        if !isJSON { Console.print(line) }
    }

    mutating func read(_ queue: ReadableQueue, from start: Int64, to end: Int64) async throws {
        var offset = start
        while offset < end {
            let pulled = try await admin.pull(
                queue, from: offset, count: min(Self.batchCount, Int32(clamping: end - offset)), group: group,
                expression: expression)
            let place = MessageText.queue(queue.queue)
            if let foundLine, pulled.status == .found { show(foundLine) }
            for record in pulled.records {
                if countsTags, let tag = record.property("TAGS"), !tag.isEmpty { tagCounts[tag, default: 0] += 1 }
                guard showsMessages else { continue }
                if isJSON {
                    found.append(MessageText.json(record, showsBody: showsBody))
                } else {
                    show(MessageText.line(record, brokerName: queue.queue.brokerName, showsBody: showsBody))
                }
            }
            if pulled.status == .noMatchedMessage, showsStatus {
                show("\(place) no matched msg. status=\(pulled.status.rawValue), offset=\(pulled.nextOffset)")
            }
            guard let next = try pulled.offset(after: offset) else {
                guard showsStatus else { return }
                return show(
                    "\(place) print msg finished. status=\(pulled.status.rawValue), offset=\(pulled.nextOffset)")
            }
            offset = next
        }
    }

    var output: CommandOutput { CommandOutput(lines: [], json: .array(found)) }
}
