/// A lite topic: a light queue of its own below a parent topic of type LITE. It has no configuration and no route; the
/// store and the consumer offsets know it as `%LMQ%$parent$lite`, queue 0.
package struct LiteTopicName: Hashable, Sendable {
    /// The topic that it belongs to.
    package let parent: String
    /// Its own name.
    package let lite: String

    /// Most bytes of a lite topic's own name (Apache's maxLiteTopicSize).
    package static let bytesMax = 64
    /// The queue that every light queue is.
    package static let queueID: Int32 = 0
    private static let separator: Character = "$"

    /// A lite topic by its two names, which must have passed ``isValid(_:)`` and the rules of topic names.
    package init(parent: String, lite: String) {
        self.parent = parent
        self.lite = lite
    }

    /// Reads `%LMQ%$parent$lite`; nil for anything else.
    package init?(queueName: String) {
        guard queueName.hasPrefix(NameRules.lmqPrefix) else { return nil }
        let parts = queueName.dropFirst(NameRules.lmqPrefix.count)
            .split(separator: Self.separator, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].isEmpty, !parts[1].isEmpty, Self.isValid(String(parts[2])) else { return nil }
        self.init(parent: String(parts[1]), lite: String(parts[2]))
    }

    /// The name of its queue.
    package var queueName: String { "\(NameRules.lmqPrefix)$\(parent)$\(lite)" }

    /// What the names of all queues of a parent begin with.
    package static func queuePrefix(parent: String) -> String { "\(NameRules.lmqPrefix)$\(parent)$" }

    /// Whether a lite topic can have the name: 1 to 64 bytes of letters, digits, `_` and `-`.
    package static func isValid(_ lite: String) -> Bool {
        var lite = lite
        return lite.withUTF8 { isValid(UnsafeRawBufferPointer($0)) }
    }

    /// The same for bytes.
    package static func isValid(_ lite: UnsafeRawBufferPointer) -> Bool {
        !lite.isEmpty && lite.count <= bytesMax
            && lite.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
