import MessageModel

/// Which messages a consumer wants.
enum MessageFilter: Sendable {
    case all
    case tags(TagFilter)

    /// Reads type and expression as remoting requests carry them.
    init(type: String?, expression: String?) throws(ServiceError) {
        guard let expression, !expression.isEmpty, expression != "*" else {
            self = .all
            return
        }
        guard type == nil || type == "" || type == "TAG" else {
            throw ServiceError(
                code: .systemError,
                message: "The broker does not support consumer to filter message by \(type ?? "")")
        }
        let filter = TagFilter(expression: expression)
        guard !filter.isEmpty else {
            throw ServiceError(
                code: .subscriptionParseFailed, message: "the consumer's tag expression names no tag: \(expression)")
        }
        self = filter.matchesAll ? .all : .tags(filter)
    }

    func mayMatch(tagsCode: Int64) -> Bool {
        switch self {
        case .all: true
        case .tags(let filter): filter.mayMatch(tagsCode: tagsCode)
        }
    }
}
