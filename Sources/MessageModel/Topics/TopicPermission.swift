/// What a topic allows on a broker.
package struct TopicPermission: OptionSet, Hashable, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }

    /// Other topics may be created from this one.
    package static let inherit = TopicPermission(rawValue: 1)
    package static let write = TopicPermission(rawValue: 2)
    package static let read = TopicPermission(rawValue: 4)
    package static let priority = TopicPermission(rawValue: 8)
    package static let readWrite: TopicPermission = [.read, .write]

    /// Whether a topic may be configured with it.
    package var isValidForTopic: Bool { rawValue >= 0 && rawValue < 8 }

    /// Apache's short form: `RW-`, `R--`, `-WX`.
    package var text: String {
        (contains(.read) ? "R" : "-") + (contains(.write) ? "W" : "-") + (contains(.inherit) ? "X" : "-")
    }
}
