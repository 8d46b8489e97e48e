import MessageModel

/// The answer to GET_CONSUMER_RUNNING_INFO (307): what a consumer is and does. Of a v5 client it holds what its proxy knows;
/// the tables of queues and figures, which 4.x clients keep, are empty.
package struct ConsumerRunningInfo: JSONBody, Hashable {
    /// Facts by Apache's names, such as `PROP_CONSUME_TYPE`.
    package var properties: [String: String]
    /// What it subscribes to.
    package var subscriptions: [SubscriptionData]
    /// Its threads, when they were asked for.
    package var stackTrace: String?

    /// What a consumer says of itself.
    package init(properties: [String: String], subscriptions: [SubscriptionData], stackTrace: String? = nil) {
        self.properties = properties
        self.subscriptions = subscriptions
        self.stackTrace = stackTrace
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "consumer running info")
        self.init(properties: [:], subscriptions: [], stackTrace: try fields.string("jstack"))
        for member in try fields.object("properties") ?? JSONObject() {
            properties[member.key.text] = member.value.text
        }
        for element in try fields.array("subscriptionSet") ?? [] {
            subscriptions.append(try SubscriptionData(json: element))
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        var object = JSONObject()
        if let stackTrace { object.append("jstack", .string(stackTrace)) }
        object.append("mqPopTable", .object(JSONObject()))
        object.append("mqTable", .object(JSONObject()))
        object.append("properties", .object(JSONObject(sorted: properties) { .string($0) }))
        object.append("statusTable", .object(JSONObject()))
        object.append("subscriptionSet", .array(subscriptions.map(\.json)))
        object.append("userConsumerInfo", .object(JSONObject()))
        return .object(object)
    }
}

/// The answer to CONSUME_MESSAGE_DIRECTLY (309): how a consumer fared with one message.
package struct ConsumeDirectlyResult: JSONBody, Hashable {
    /// How it went.
    package enum Outcome: String, Sendable, CaseIterable {
        case success = "CR_SUCCESS"
        case later = "CR_LATER"
        case rollback = "CR_ROLLBACK"
        case commit = "CR_COMMIT"
        case exception = "CR_THROW_EXCEPTION"
        case nothing = "CR_RETURN_NULL"
    }

    /// How it went.
    package var outcome: Outcome
    /// More about it.
    package var remark: String?
    /// How long it took.
    package var spentMillis: Int64
    /// Whether the consumer works in order.
    package var isOrdered: Bool

    /// A result.
    package init(outcome: Outcome, remark: String? = nil, spentMillis: Int64, isOrdered: Bool = false) {
        self.outcome = outcome
        self.remark = remark
        self.spentMillis = spentMillis
        self.isOrdered = isOrdered
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "consume result")
        let name = try fields.requiredString("consumeResult")
        guard let outcome = Outcome(rawValue: name) else {
            throw ModelError(.invalidField, "consume result: \(name) is no outcome")
        }
        self.init(
            outcome: outcome, remark: try fields.string("remark"),
            spentMillis: try fields.int64("spentTimeMills", default: 0),
            isOrdered: try fields.bool("order", default: false))
    }

    /// The JSON form.
    package var json: JSONValue {
        var object = JSONObject()
        object.append("autoCommit", .bool(true))
        object.append("consumeResult", .string(outcome.rawValue))
        object.append("order", .bool(isOrdered))
        if let remark { object.append("remark", .string(remark)) }
        object.append("spentTimeMills", .integer(spentMillis))
        return .object(object)
    }
}
