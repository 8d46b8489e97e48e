import AdminClient
import MessageModel

extension Command {
    static let updateSubGroup = Command(
        name: "updateSubGroup", summary: "Update or create subscription group.",
        options: targetOptions + [
            CommandOption("g", "groupName", "consumer group name", isRequired: true),
            CommandOption("s", "consumeEnable", "consume enable (true|false)"),
            CommandOption("m", "consumeFromMinEnable", "from min offset (true|false), false by default"),
            CommandOption("d", "consumeBroadcastEnable", "broadcast (true|false), false by default"),
            CommandOption("o", "consumeMessageOrderly", "consume message orderly (true|false)"),
            CommandOption("q", "retryQueueNums", "retry queue nums"),
            CommandOption("r", "retryMaxTimes", "retry max times"),
            CommandOption("p", "groupRetryPolicy", "the json string of retry policy"),
            CommandOption("i", "brokerId", "consumer from which broker id"),
            CommandOption("w", "whichBrokerWhenConsumeSlowly", "which broker id when consume slowly"),
            CommandOption(
                "a", "notifyConsumerIdsChanged", "notify consumerId changed (true|false), or attributes(+a=b,-c)"),
            CommandOption(nil, "attributes", "attribute(+a=b,+c=d,-e)"),
        ],
        worksWithoutNameServer: { $0.isGiven("brokerAddr") },
        run: { options, admin in
            let group = try group(options)
            let brokers = try await admin.updateSubscriptionGroup(group, on: try target(options))
            return CommandOutput(
                lines: brokers.map { "create subscription group to \($0) success." } + [text(group)],
                json: ["brokers": .array(brokers.map { .string($0) }), "group": group.json])
        })

    private static func group(_ options: GivenOptions) throws -> SubscriptionGroupConfig {
        var group = SubscriptionGroupConfig(name: try options.required("groupName"))
        // Apache's command, unlike its broker, leaves these two off unless told.
        group.consumeFromMinEnable = try options.bool("consumeFromMinEnable", default: false)
        group.consumeBroadcastEnable = try options.bool("consumeBroadcastEnable", default: false)
        group.consumeEnable = try options.bool("consumeEnable", default: true)
        group.consumeMessageOrderly = try options.bool("consumeMessageOrderly", default: false)
        group.retryQueueCount = try options.int32("retryQueueNums", default: 1, in: 0...1_024)
        group.retryMaxTimes = try options.int32("retryMaxTimes", default: 16, in: -1...Int32.max)
        group.brokerId = Int64(try options.int32("brokerId", default: 0, in: 0...Int32.max))
        group.whichBrokerWhenConsumeSlowly = Int64(
            try options.int32("whichBrokerWhenConsumeSlowly", default: 1, in: 0...Int32.max))
        // Topics take attributes by this letter: what looks like them is meant as such here too.
        var attributes = options.string("attributes")
        if let text = options.string("notifyConsumerIdsChanged"), text.hasPrefix("+") || text.hasPrefix("-") {
            attributes = text
        } else {
            group.notifyConsumerIdsChangedEnable = try options.bool("notifyConsumerIdsChanged", default: true)
        }
        do {
            if let policy = options.string("groupRetryPolicy") {
                group.retryPolicy = try GroupRetryPolicy(json: JSONValue(parsing: policy.utf8))
            }
            let changes = try AttributeChanges(parsing: attributes ?? "")
            // The broker takes changes, which travel as attributes whose names keep their sign.
            for (key, value) in changes.set { group.attributes["+\(key)"] = value }
            for key in changes.removed { group.attributes["-\(key)"] = "" }
        } catch {
            throw UsageError(description: "\(error)")
        }
        return group
    }

    private static func text(_ group: SubscriptionGroupConfig) -> String {
        let attributes = group.attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return "SubscriptionGroupConfig{groupName=\(group.name), consumeEnable=\(group.consumeEnable), "
            + "consumeFromMinEnable=\(group.consumeFromMinEnable), "
            + "consumeBroadcastEnable=\(group.consumeBroadcastEnable), "
            + "consumeMessageOrderly=\(group.consumeMessageOrderly), retryQueueNums=\(group.retryQueueCount), "
            + "retryMaxTimes=\(group.retryMaxTimes), groupRetryPolicy=\(group.retryPolicy.json.serializedText), "
            + "brokerId=\(group.brokerId), whichBrokerWhenConsumeSlowly=\(group.whichBrokerWhenConsumeSlowly), "
            + "notifyConsumerIdsChangedEnable=\(group.notifyConsumerIdsChangedEnable), "
            + "groupSysFlag=\(group.groupSysFlag), consumeTimeoutMinute=\(group.consumeTimeoutMinutes), "
            + "attributes={\(attributes.joined(separator: ", "))}}"
    }
}
