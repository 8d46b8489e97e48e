import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import StorageEngine

/// Which messages a consumer wants.
package enum MessageFilter: Sendable {
    case all
    case tags(TagFilter)
    case properties(PropertyFilter)

    /// Reads type and expression as remoting requests carry them.
    init(type: String?, expression: String?) throws(ServiceError) {
        guard let expression, !expression.isEmpty, expression != "*" else {
            self = .all
            return
        }
        switch type {
        case nil, "", "TAG":
            let filter = TagFilter(expression: expression)
            guard !filter.isEmpty else {
                throw ServiceError(
                    code: .subscriptionParseFailed,
                    message: "the consumer's tag expression names no tag: \(expression)")
            }
            self = filter.matchesAll ? .all : .tags(filter)
        case "SQL92":
            do throws(ModelError) {
                self = .properties(try PropertyFilter(expression))
            } catch {
                throw ServiceError(
                    code: .subscriptionParseFailed,
                    message: "parse the consumer's subscription failed: \(error.message)")
            }
        case .some(let other):
            throw ServiceError(
                code: .subscriptionParseFailed,
                message: "the expression type \(other) is unknown, only TAG and SQL92 are there")
        }
    }

    /// Whether a message with this hash of its tag can pass; whoever cannot tell by it says yes.
    func mayMatch(tagsCode: Int64) -> Bool {
        switch self {
        case .all, .properties: true
        case .tags(let filter): filter.mayMatch(tagsCode: tagsCode)
        }
    }

    /// Whether a stored record passes, as far as its tag's hash does not decide that.
    func accepts(record: UnsafeRawBufferPointer) -> Bool {
        guard case .properties(let filter) = self else { return true }
        guard let properties = StoredRecordFields.properties(of: record) else { return false }
        return filter.matches(properties: UnsafeRawBufferPointer(rebasing: record[properties]))
    }

    /// What the store asks of each entry of a queue before it reads the record; nil when everything passes.
    var tagTest: ((Int64) -> Bool)? {
        guard case .tags(let filter) = self else { return nil }
        return { filter.mayMatch(tagsCode: $0) }
    }

    /// What the store asks of each record; nil when everything passes.
    var recordTest: ((UnsafeRawBufferPointer) -> Bool)? {
        guard case .properties = self else { return nil }
        return { accepts(record: $0) }
    }
}

/// Compiled filters by type and expression: compiled once, used by every request that carries the text.
///
/// Bounded by two generations: when the younger is full, the older is dropped, so expressions in use stay.
package final class FilterCache: Sendable {
    private struct Key: Hashable {
        var type: String
        var expression: String
    }

    private struct State {
        var young: [Key: MessageFilter] = [:]
        var old: [Key: MessageFilter] = [:]
    }

    private let generationCountMax: Int
    private let state = NIOLockedValueBox(State())

    /// A cache that keeps at most twice `generationCountMax` filters.
    package init(generationCountMax: Int = 2_048) {
        self.generationCountMax = generationCountMax
    }

    /// The filter of an expression.
    func filter(type: String?, expression: String?) throws(ServiceError) -> MessageFilter {
        guard let expression, !expression.isEmpty, expression != "*" else { return .all }
        let key = Key(type: type ?? "", expression: expression)
        let known = state.withLockedValue { state -> MessageFilter? in
            if let filter = state.young[key] { return filter }
            guard let filter = state.old[key] else { return nil }
            insert(filter, key, &state)
            return filter
        }
        if let known { return known }
        let made = try MessageFilter(type: type, expression: expression)
        state.withLockedValue { insert(made, key, &$0) }
        return made
    }

    private func insert(_ filter: MessageFilter, _ key: Key, _ state: inout State) {
        if state.young.count >= generationCountMax {
            state.old = state.young
            state.young = [:]
        }
        state.young[key] = filter
    }
}
