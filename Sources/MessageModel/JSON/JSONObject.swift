/// The key of an object member: fastjson also writes bare integers and whole values there.
package enum JSONKey: Hashable, Sendable {
    case text(String)
    case integer(Int64)
    case value(JSONValue)

    /// The key as text: digits of an integer, JSON of a value.
    package var text: String {
        switch self {
        case .text(let text): text
        case .integer(let number): String(number)
        case .value(let value): value.serializedText
        }
    }

    /// The key as a number, bare or quoted.
    package var int64: Int64? {
        switch self {
        case .text(let text): Int64(text)
        case .integer(let number): number
        case .value: nil
        }
    }
}

/// The members of a JSON object in their order.
package struct JSONObject: Hashable, Sendable, RandomAccessCollection, ExpressibleByDictionaryLiteral {
    /// A key with its value.
    package struct Member: Hashable, Sendable {
        package var key: JSONKey
        package var value: JSONValue
    }

    private var list: [Member] = []

    /// Makes an empty object.
    package init() {}

    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        for (key, value) in elements { append(key, value) }
    }

    /// Makes an object of a dictionary, keys in alphabetical order.
    package init<Value>(sorted table: [String: Value], _ transform: (Value) -> JSONValue) {
        list.reserveCapacity(table.count)
        for (key, value) in table.sorted(by: { $0.key < $1.key }) { append(key, transform(value)) }
    }

    /// Makes an object with integer keys in ascending order.
    package init(sortedIntegers table: [Int64: String]) {
        for (key, value) in table.sorted(by: { $0.key < $1.key }) { append(.integer(key), .string(value)) }
    }

    /// Makes an object with integer keys in ascending order.
    package init(sortedIntegers table: [Int64: Int64]) {
        for (key, value) in table.sorted(by: { $0.key < $1.key }) { append(.integer(key), .integer(value)) }
    }

    /// Adds a member without looking for an equal key.
    package mutating func append(_ key: String, _ value: JSONValue) {
        list.append(Member(key: .text(key), value: value))
    }

    /// Adds a member without looking for an equal key.
    package mutating func append(_ key: JSONKey, _ value: JSONValue) { list.append(Member(key: key, value: value)) }

    /// The value of a text or integer key: of the last one when it occurs more than once. Linear; iterate over large tables.
    package subscript(_ key: String) -> JSONValue? {
        get {
            list.last { member in
                switch member.key {
                case .text(let text): text == key
                case .integer(let number): String(number) == key
                case .value: false
                }
            }?.value
        }
        set {
            list.removeAll { $0.key == .text(key) }
            if let newValue { append(key, newValue) }
        }
    }

    package var startIndex: Int { 0 }
    package var endIndex: Int { list.count }
    package subscript(position: Int) -> Member { list[position] }
}

extension JSONObject {
    /// The members with other keys than these, such as a newer program may have written.
    package func members(besides known: Set<String>) -> JSONObject {
        var others = JSONObject()
        for member in list where !known.contains(member.key.text) { others.list.append(member) }
        return others
    }

    /// With further members, all in alphabetical order of their keys.
    package func adding(_ others: JSONObject) -> JSONObject {
        if others.isEmpty { return self }
        var sum = self
        sum.list = (list + others.list).sorted { $0.key.text < $1.key.text }
        return sum
    }
}
