import DeliveryEngine
import MessageModel

/// How far delayed messages are delivered, as kept in Apache's `delayOffset.json` and, for timers, in fields of our own
/// there, which Apache drops.
struct DelayProgress: Sendable, Equatable {
    /// The file.
    static let fileName = "delayOffset.json"

    /// The next message of each level.
    var offsets: [Int32: Int64] = [:]
    /// Copies of messages that are not counted as delivered lie behind this offset of the commit log.
    var logOffset: Int64?
    /// How far the timer topic is delivered; nil when another program wrote the file.
    var timers: TimerIndex.Progress?
    /// Changes with every save.
    var dataVersion = DataVersion()

    /// What Apache's brokers write into the file, and send to each other.
    var sharedJSON: JSONValue { ["dataVersion": dataVersion.json, "offsetTable": offsetTable] }

    private var offsetTable: JSONValue {
        var table = JSONObject()
        for (level, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            table.append(.integer(Int64(level)), .integer(offset))
        }
        return .object(table)
    }

    /// The content of the file.
    var json: JSONValue {
        guard let logOffset, let timers else { return sharedJSON }
        return [
            "dataVersion": dataVersion.json, "deliveredFromLogOffset": .integer(logOffset),
            "offsetTable": offsetTable,
            "timers": [
                "deliveredThroughMillis": .integer(timers.deliveredThroughMillis),
                "floorOffset": .integer(timers.floorOffset), "queueOffset": .integer(timers.queueOffset),
            ],
        ]
    }

    /// Nothing is delivered.
    init() {}

    /// Reads the content of the file.
    init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: Self.fileName)
        if let version = fields.value("dataVersion") { dataVersion = try DataVersion(json: version) }
        let offset = try fields.int64("deliveredFromLogOffset", default: -1)
        if offset >= 0 { logOffset = offset }
        if let value = fields.value("timers") {
            let timers = try JSONFields(value, of: "\(Self.fileName): timers")
            self.timers = TimerIndex.Progress(
                queueOffset: try timers.int64("queueOffset", default: 0),
                deliveredThroughMillis: try timers.int64("deliveredThroughMillis", default: 0),
                floorOffset: try timers.int64("floorOffset", default: 0))
        }
        for member in try fields.object("offsetTable") ?? JSONObject() {
            guard let level = member.key.int64.flatMap({ Int32(exactly: $0) }), let offset = member.value.int64 else {
                throw ModelError(.invalidField, "\(Self.fileName): bad level or offset")
            }
            offsets[level] = offset
        }
    }
}
