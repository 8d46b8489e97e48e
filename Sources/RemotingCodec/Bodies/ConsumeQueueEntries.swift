import MessageModel

/// The body of QUERY_CONSUME_QUEUE: entries of a consume queue, and what a group filters by.
package struct ConsumeQueueEntries: JSONBody, Hashable {
    /// One entry.
    package struct Entry: Sendable, Hashable {
        /// Where the record is in the commit log.
        package var logOffset: Int64
        /// Bytes of the record.
        package var size: Int32
        /// Hash of the tag.
        package var tagsCode: Int64
        /// Why the message cannot be shown; nil for a good one.
        package var message: String?
        /// Whether the group's filter passes it; false without a group.
        package var isMatched: Bool

        /// An entry.
        package init(logOffset: Int64, size: Int32, tagsCode: Int64, message: String? = nil, isMatched: Bool = false) {
            self.logOffset = logOffset
            self.size = size
            self.tagsCode = tagsCode
            self.message = message
            self.isMatched = isMatched
        }
    }

    /// First offset of the queue.
    package var minOffset: Int64
    /// End of the queue.
    package var maxOffset: Int64
    /// The entries asked for.
    package var entries: [Entry]
    /// The group's subscription to the topic.
    package var subscription: SubscriptionData?
    /// The group's filter in words.
    package var filter: String?

    /// Entries of a queue.
    package init(
        minOffset: Int64, maxOffset: Int64, entries: [Entry], subscription: SubscriptionData? = nil,
        filter: String? = nil
    ) {
        self.minOffset = minOffset
        self.maxOffset = maxOffset
        self.entries = entries
        self.subscription = subscription
        self.filter = filter
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "consume queue")
        self.init(
            minOffset: try fields.int64("minQueueIndex", default: 0),
            maxOffset: try fields.int64("maxQueueIndex", default: 0), entries: [],
            filter: try fields.string("filterData"))
        if let value = fields.value("subscriptionData") { subscription = try SubscriptionData(json: value) }
        for element in try fields.array("queueData") ?? [] {
            let entry = try JSONFields(element, of: "consume queue")
            entries.append(
                Entry(
                    logOffset: try entry.int64("physicOffset", default: 0),
                    size: try entry.int32("physicSize", default: 0), tagsCode: try entry.int64("tagsCode", default: 0),
                    message: try entry.string("msg"), isMatched: try entry.bool("eval", default: false)))
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        var object = JSONObject()
        if let filter { object.append("filterData", .string(filter)) }
        object.append("maxQueueIndex", .integer(maxOffset))
        object.append("minQueueIndex", .integer(minOffset))
        object.append(
            "queueData",
            .array(
                entries.map { entry -> JSONValue in
                    var member: JSONObject = ["eval": .bool(entry.isMatched)]
                    if let message = entry.message { member.append("msg", .string(message)) }
                    member.append("physicOffset", .integer(entry.logOffset))
                    member.append("physicSize", .integer(Int64(entry.size)))
                    member.append("tagsCode", .integer(entry.tagsCode))
                    return .object(member)
                }))
        if let subscription { object.append("subscriptionData", subscription.json) }
        return .object(object)
    }
}
