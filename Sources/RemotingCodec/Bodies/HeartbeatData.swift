import MessageModel

/// How a consumer group gets its messages, in the order of Apache's numbers.
package enum ConsumeType: String, Sendable, CaseIterable {
    case actively = "CONSUME_ACTIVELY"
    case passively = "CONSUME_PASSIVELY"
    case pop = "CONSUME_POP"
}

/// Whether each member of a group gets all messages or a share of them, in the order of Apache's numbers.
package enum GroupMessageModel: String, Sendable, CaseIterable {
    case broadcasting = "BROADCASTING"
    case clustering = "CLUSTERING"
}

/// Where a new group starts, in the order of Apache's numbers.
package enum ConsumeFromWhere: String, Sendable, CaseIterable {
    case lastOffset = "CONSUME_FROM_LAST_OFFSET"
    case lastOffsetAndFromMinWhenBootFirst = "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST"
    case minOffset = "CONSUME_FROM_MIN_OFFSET"
    case maxOffset = "CONSUME_FROM_MAX_OFFSET"
    case firstOffset = "CONSUME_FROM_FIRST_OFFSET"
    case timestamp = "CONSUME_FROM_TIMESTAMP"
}

/// A group's subscription to one topic.
package struct SubscriptionData: JSONBody, Hashable {
    /// The topic.
    package var topic: String
    /// The filter expression.
    package var expression: String
    /// TAG or SQL92.
    package var expressionType: String
    /// The tags of a tag expression; empty for all messages.
    package var tags: [String]
    /// Hash codes of the tags.
    package var codes: [Int32]
    /// The client's time when the subscription was made; the newest wins.
    package var version: Int64
    /// Legacy, always false.
    package var isClassFilter: Bool

    /// A subscription, its tags already taken apart.
    package init(
        topic: String, expression: String = "*", expressionType: String = "TAG", tags: [String] = [],
        codes: [Int32] = [], version: Int64 = 0, isClassFilter: Bool = false
    ) {
        self.topic = topic
        self.expression = expression
        self.expressionType = expressionType
        self.tags = tags
        self.codes = codes
        self.version = version
        self.isClassFilter = isClassFilter
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "subscription")
        self.init(
            topic: try fields.requiredString("topic"), expression: try fields.string("subString", default: "*"),
            expressionType: try fields.string("expressionType", default: "TAG"), tags: try fields.texts("tagsSet"),
            codes: (try fields.array("codeSet") ?? []).compactMap(\.int32),
            version: try fields.int64("subVersion", default: 0),
            isClassFilter: try fields.bool("classFilterMode", default: false))
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "classFilterMode": .bool(isClassFilter), "codeSet": .array(codes.map { .integer(Int64($0)) }),
            "expressionType": .string(expressionType), "subString": .string(expression),
            "subVersion": .integer(version), "tagsSet": .texts(tags), "topic": .string(topic),
        ]
    }
}

/// What a client says about one of its consumer groups.
package struct ConsumerData: JSONBody, Hashable {
    /// The group.
    package var groupName: String
    /// How it gets messages.
    package var consumeType: ConsumeType
    /// Whether members share the messages.
    package var messageModel: GroupMessageModel
    /// Where it starts when it is new.
    package var consumeFromWhere: ConsumeFromWhere
    /// What it subscribes to.
    package var subscriptions: [SubscriptionData]
    /// Whether it works in units.
    package var unitMode: Bool

    /// A group's data.
    package init(
        groupName: String, consumeType: ConsumeType = .passively, messageModel: GroupMessageModel = .clustering,
        consumeFromWhere: ConsumeFromWhere = .lastOffset, subscriptions: [SubscriptionData] = [],
        unitMode: Bool = false
    ) {
        self.groupName = groupName
        self.consumeType = consumeType
        self.messageModel = messageModel
        self.consumeFromWhere = consumeFromWhere
        self.subscriptions = subscriptions
        self.unitMode = unitMode
    }

    /// Reads the JSON form; enumerations by name or, as the C++ client writes them, by number.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "consumer data")
        var subscriptions: [SubscriptionData] = []
        for element in try fields.array("subscriptionDataSet") ?? [] {
            subscriptions.append(try SubscriptionData(json: element))
        }
        self.init(
            groupName: try fields.requiredString("groupName"),
            consumeType: Self.choice(fields.value("consumeType")) ?? .passively,
            messageModel: Self.choice(fields.value("messageModel")) ?? .clustering,
            consumeFromWhere: Self.choice(fields.value("consumeFromWhere")) ?? .lastOffset,
            subscriptions: subscriptions, unitMode: try fields.bool("unitMode", default: false))
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "consumeFromWhere": .string(consumeFromWhere.rawValue), "consumeType": .string(consumeType.rawValue),
            "groupName": .string(groupName), "messageModel": .string(messageModel.rawValue),
            "subscriptionDataSet": .array(subscriptions.map(\.json)), "unitMode": .bool(unitMode),
        ]
    }

    private static func choice<Choice: CaseIterable & RawRepresentable<String>>(_ value: JSONValue?) -> Choice? {
        switch value {
        case .string(let name):
            return Choice(rawValue: name)
        case .integer(let number):
            guard number >= 0, number < Choice.allCases.count else { return nil }
            return Choice.allCases[Choice.allCases.index(Choice.allCases.startIndex, offsetBy: Int(number))]
        default:
            return nil
        }
    }
}

/// The body of HEART_BEAT: the groups of one client.
package struct HeartbeatData: JSONBody, Hashable {
    /// Id of the client.
    package var clientId: String
    /// Its producer groups.
    package var producerGroups: [String]
    /// Its consumer groups.
    package var consumers: [ConsumerData]
    /// Hash of the full heartbeat; 0 when the client does not use fingerprints.
    package var fingerprint: Int32
    /// Whether subscriptions are left out, as the broker knows them by the fingerprint.
    package var isWithoutSubscriptions: Bool

    /// A heartbeat.
    package init(
        clientId: String, producerGroups: [String] = [], consumers: [ConsumerData] = [], fingerprint: Int32 = 0,
        isWithoutSubscriptions: Bool = false
    ) {
        self.clientId = clientId
        self.producerGroups = producerGroups
        self.consumers = consumers
        self.fingerprint = fingerprint
        self.isWithoutSubscriptions = isWithoutSubscriptions
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "heartbeat")
        clientId = try fields.requiredString("clientID")
        producerGroups = []
        for element in try fields.array("producerDataSet") ?? [] {
            producerGroups.append(try JSONFields(element, of: "producer data").requiredString("groupName"))
        }
        consumers = []
        for element in try fields.array("consumerDataSet") ?? [] {
            consumers.append(try ConsumerData(json: element))
        }
        fingerprint = try fields.int32("heartbeatFingerprint", default: 0)
        isWithoutSubscriptions = try fields.bool("withoutSub", default: false)
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "clientID": .string(clientId), "consumerDataSet": .array(consumers.map(\.json)),
            "heartbeatFingerprint": .integer(Int64(fingerprint)),
            "producerDataSet": .array(producerGroups.map { ["groupName": .string($0)] }),
            "withoutSub": .bool(isWithoutSubscriptions),
        ]
    }
}
