import MessageModel

/// The body of QUERY_SUBSCRIPTION_BY_CONSUMER.
package struct GroupSubscription: JSONBody, Hashable {
    /// The group.
    package var group: String
    /// The topic.
    package var topic: String
    /// What the group subscribes to; nil when it does not.
    package var subscription: SubscriptionData?

    /// A group's subscription to a topic.
    package init(group: String, topic: String, subscription: SubscriptionData?) {
        self.group = group
        self.topic = topic
        self.subscription = subscription
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "subscription")
        self.init(
            group: try fields.string("group", default: ""), topic: try fields.string("topic", default: ""),
            subscription: nil)
        if let value = fields.value("subscriptionData") { subscription = try SubscriptionData(json: value) }
    }

    /// The JSON form.
    package var json: JSONValue {
        var object: JSONObject = ["group": .string(group)]
        if let subscription { object.append("subscriptionData", subscription.json) }
        object.append("topic", .string(topic))
        return .object(object)
    }
}

/// The body of UPDATE_AND_GET_GROUP_FORBIDDEN.
package struct GroupForbidden: JSONBody, Hashable {
    /// The group.
    package var group: String
    /// The topic.
    package var topic: String
    /// Whether the group may read the topic.
    package var isReadable: Bool

    /// What a group may do with a topic.
    package init(group: String, topic: String, isReadable: Bool) {
        self.group = group
        self.topic = topic
        self.isReadable = isReadable
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "group forbidden")
        self.init(
            group: try fields.string("group", default: ""), topic: try fields.string("topic", default: ""),
            isReadable: try fields.bool("readable", default: true))
    }

    /// The JSON form.
    package var json: JSONValue {
        ["group": .string(group), "readable": .bool(isReadable), "topic": .string(topic)]
    }
}
