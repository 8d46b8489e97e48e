import MessageModel

/// The body of ANNOUNCE_PROXIED_CONSUMERS, our own request: consumers that are connected to a proxy, so that what asks a
/// broker for one of them can be sent on. Apache's brokers answer that they do not know the request.
package struct ProxiedConsumersBody: JSONBody, Hashable {
    /// One consumer.
    package struct Consumer: JSONBody, Hashable {
        /// The client.
        package var client: ClientConnection
        /// Its group, how it gets messages and what it subscribes to.
        package var data: ConsumerData

        /// A consumer.
        package init(client: ClientConnection, data: ConsumerData) {
            self.client = client
            self.data = data
        }

        /// Reads the JSON form.
        package init(json: JSONValue) throws(ModelError) {
            let fields = try JSONFields(json, of: "proxied consumer")
            self.init(
                client: try ClientConnection(json: fields.value("client") ?? .null),
                data: try ConsumerData(json: fields.value("data") ?? .null))
        }

        /// The JSON form.
        package var json: JSONValue { ["client": client.json, "data": data.json] }
    }

    /// Those that are there.
    package var present: [Consumer]
    /// Groups and client ids of those that left.
    package var left: [Member]

    /// A client in a group.
    package struct Member: Hashable, Sendable {
        /// The consumer group.
        package var group: String
        /// Id of the client.
        package var clientID: String

        /// A member.
        package init(group: String, clientID: String) {
            self.group = group
            self.clientID = clientID
        }
    }

    /// News of a proxy's consumers.
    package init(present: [Consumer], left: [Member] = []) {
        self.present = present
        self.left = left
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "proxied consumers")
        self.init(present: [])
        for element in try fields.array("present") ?? [] { present.append(try Consumer(json: element)) }
        for element in try fields.array("left") ?? [] {
            let member = try JSONFields(element, of: "proxied consumers")
            left.append(
                Member(
                    group: try member.requiredString("group"), clientID: try member.requiredString("clientId")))
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "left": .array(left.map { ["clientId": .string($0.clientID), "group": .string($0.group)] }),
            "present": .array(present.map(\.json)),
        ]
    }
}
