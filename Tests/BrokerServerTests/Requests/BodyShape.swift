import MessageModel

/// What an answer's JSON is made of, apart from its values: members by name, all the way down.
///
/// Tables, whose keys are data (queues, topics, groups, numbers), count as one member that stands for all.
indirect enum BodyShape: Hashable, CustomStringConvertible {
    case value(String)
    case list(BodyShape?)
    case table(BodyShape?)
    case object([String: BodyShape])

    /// Members whose own members are named by data.
    private static let tables: Set<String> = [
        "offsetTable", "topicConfigTable", "subscriptionGroupTable", "forbiddenTable", "data", "consumerTable",
        "messageQueueTable", "subscriptionTable", "groupTopicMap", "correctionOffsets", "mqTable", "mqPopTable",
        "statusTable", "properties", "userConsumerInfo", "attributes", "topicQueueMappingDetailMap",
        "topicQueueMappingInfoMap", "consumeStatsList", "timingCount",
    ]

    private static func isKeyedByData(_ members: JSONObject) -> Bool {
        !members.isEmpty
            && members.allSatisfy { member in
                if case .text = member.key { false } else { true }
            }
    }

    init(_ json: JSONValue, isTable: Bool = false) {
        switch json {
        case .null: self = .value("null")
        case .bool: self = .value("flag")
        case .integer, .double: self = .value("number")
        case .string: self = .value("text")
        case .array(let elements):
            self = .list(elements.map { BodyShape($0, isTable: isTable) }.reduce(nil, Self.merged))
        case .object(let members) where isTable || Self.isKeyedByData(members):
            self = .table(members.map { BodyShape($0.value) }.reduce(nil, Self.merged))
        case .object(let members):
            var shapes: [String: BodyShape] = [:]
            for member in members {
                shapes[member.key.text] = BodyShape(
                    member.value, isTable: Self.tables.contains(member.key.text))
            }
            self = .object(shapes)
        }
    }

    /// The shape that has the members of both.
    private static func merged(_ left: BodyShape?, _ right: BodyShape) -> BodyShape? {
        guard let left else { return right }
        switch (left, right) {
        case (.object(let first), .object(let second)):
            return .object(first.merging(second) { merged($0, $1) ?? $1 })
        case (.list(let first), .list(let second)): return .list(second.map { merged(first, $0) } ?? first)
        case (.table(let first), .table(let second)): return .table(second.map { merged(first, $0) } ?? first)
        default: return right
        }
    }

    /// Where two shapes differ, as paths; empty lists and tables are like any other.
    func differences(to other: BodyShape, ignoring names: Set<String>, path: String = "") -> [String] {
        switch (self, other) {
        case (.value(let left), .value(let right)): return left == right ? [] : ["\(path): \(left) for \(right)"]
        case (.list(let left), .list(let right)), (.table(let left), .table(let right)):
            guard let left, let right else { return [] }
            return left.differences(to: right, ignoring: names, path: path + "[]")
        case (.object(let left), .object(let right)):
            var found: [String] = []
            for name in Set(left.keys).union(right.keys).subtracting(names).sorted() {
                switch (left[name], right[name]) {
                case (let mine?, let theirs?):
                    found += mine.differences(to: theirs, ignoring: names, path: "\(path).\(name)")
                case (nil, _): found.append("\(path).\(name) is missing")
                default: found.append("\(path).\(name) is ours alone")
                }
            }
            return found
        default: return ["\(path): \(self) for \(other)"]
        }
    }

    var description: String {
        switch self {
        case .value(let kind): kind
        case .list: "a list"
        case .table: "a table"
        case .object: "an object"
        }
    }
}
