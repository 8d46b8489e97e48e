/// A consumer group on one broker.
package struct SubscriptionGroupConfig: Hashable, Sendable {
    package var name: String
    package var consumeEnable = true
    package var consumeFromMinEnable = true
    package var consumeBroadcastEnable = true
    /// Deliveries of a queue (or message group) follow each other.
    package var consumeMessageOrderly = false
    package var retryQueueCount: Int32 = 1
    /// Deliveries again after the first before a message is dead-lettered.
    package var retryMaxTimes: Int32 = 16
    package var retryPolicy: GroupRetryPolicy = .standard
    package var brokerId: Int64 = 0
    package var whichBrokerWhenConsumeSlowly: Int64 = 1
    package var notifyConsumerIdsChangedEnable = true
    package var groupSysFlag: Int32 = 0
    package var consumeTimeoutMinutes: Int32 = 15
    /// Attribute names without `+`.
    package var attributes: [String: String] = [:]
    /// Fixed subscriptions, kept as they came.
    package var subscriptionData: JSONValue?
    /// Members that this version does not know, kept for the one that wrote them into `subscriptionGroup.json`.
    package var unknownMembers = JSONObject()

    /// Makes a group with Apache's defaults.
    package init(name: String) { self.name = name }

    /// Deliveries of a message at most, the first one included.
    package var attemptCountMax: Int32 { max(0, min(retryMaxTimes, Int32.max - 1)) + 1 }
}

extension SubscriptionGroupConfig {
    /// The form in bodies and `subscriptionGroup.json`.
    package var json: JSONValue { .object(knownMembers.adding(unknownMembers)) }

    private static let knownNames = Set(SubscriptionGroupConfig(name: "").knownMembers.map(\.key.text))
        .union(["subscriptionDataSet"])

    private var knownMembers: JSONObject {
        var object: JSONObject = [
            "attributes": .object(JSONObject(sorted: attributes) { .string($0) }),
            "brokerId": .integer(brokerId),
            "consumeBroadcastEnable": .bool(consumeBroadcastEnable),
            "consumeEnable": .bool(consumeEnable),
            "consumeFromMinEnable": .bool(consumeFromMinEnable),
            "consumeMessageOrderly": .bool(consumeMessageOrderly),
            "consumeTimeoutMinute": .integer(Int64(consumeTimeoutMinutes)),
            "groupName": .string(name),
            "groupRetryPolicy": retryPolicy.json,
            "groupSysFlag": .integer(Int64(groupSysFlag)),
            "notifyConsumerIdsChangedEnable": .bool(notifyConsumerIdsChangedEnable),
            "retryMaxTimes": .integer(Int64(retryMaxTimes)),
            "retryQueueNums": .integer(Int64(retryQueueCount)),
        ]
        if let subscriptionData { object.append("subscriptionDataSet", subscriptionData) }
        object.append("whichBrokerWhenConsumeSlowly", .integer(whichBrokerWhenConsumeSlowly))
        return object
    }

    /// Reads the form in bodies and files; `name` is the key of the table it stands in.
    package init(json: JSONValue, name: String? = nil) throws(ModelError) {
        let isInTable = name != nil
        let fields = try JSONFields(json, of: name.map { "group \($0)" } ?? "group")
        guard let name = try fields.string("groupName") ?? name else {
            throw ModelError(.invalidField, "group: groupName is missing")
        }
        var group = SubscriptionGroupConfig(name: name)
        group.consumeEnable = try fields.bool("consumeEnable", default: true)
        group.consumeFromMinEnable = try fields.bool("consumeFromMinEnable", default: true)
        group.consumeBroadcastEnable = try fields.bool("consumeBroadcastEnable", default: true)
        group.consumeMessageOrderly = try fields.bool("consumeMessageOrderly", default: false)
        group.retryQueueCount = try fields.int32("retryQueueNums", default: 1)
        group.retryMaxTimes = try fields.int32("retryMaxTimes", default: 16)
        if let policy = fields.value("groupRetryPolicy") { group.retryPolicy = try GroupRetryPolicy(json: policy) }
        group.brokerId = try fields.int64("brokerId", default: 0)
        group.whichBrokerWhenConsumeSlowly = try fields.int64("whichBrokerWhenConsumeSlowly", default: 1)
        group.notifyConsumerIdsChangedEnable = try fields.bool("notifyConsumerIdsChangedEnable", default: true)
        group.groupSysFlag = try fields.int32("groupSysFlag", default: 0)
        group.consumeTimeoutMinutes = try fields.int32("consumeTimeoutMinute", default: 15)
        group.attributes = try fields.strings("attributes")
        group.subscriptionData = fields.value("subscriptionDataSet")
        if isInTable { group.unknownMembers = fields.members.members(besides: Self.knownNames) }
        self = group
    }
}
