import MessageModel

/// The body of GET_ALL_PRODUCER_INFO: all producers of a broker.
package struct ProducerTable: JSONBody, Hashable {
    /// A connected producer.
    package struct Producer: Sendable, Hashable {
        /// The client.
        package var connection: ClientConnection
        /// When it was heard of last, milliseconds since 1970.
        package var lastUpdateMillis: Int64

        /// A producer.
        package init(connection: ClientConnection, lastUpdateMillis: Int64) {
            self.connection = connection
            self.lastUpdateMillis = lastUpdateMillis
        }
    }

    /// Producers by group.
    package var groups: [String: [Producer]]

    /// A table.
    package init(groups: [String: [Producer]]) { self.groups = groups }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        groups = [:]
        for member in try JSONFields(json, of: "producers").object("data") ?? JSONObject() {
            var list: [Producer] = []
            for element in member.value.elements ?? [] {
                let fields = try JSONFields(element, of: "producer")
                var connection = try ClientConnection(json: element)
                let address = try fields.string("remoteIP", default: "")
                connection.address = address.hasPrefix("/") ? String(address.dropFirst()) : address
                list.append(
                    Producer(
                        connection: connection, lastUpdateMillis: try fields.int64("lastUpdateTimestamp", default: 0)))
            }
            groups[member.key.text] = list
        }
    }

    /// The JSON form. Apache writes the address as Java does, with a slash before it.
    package var json: JSONValue {
        let table = JSONObject(sorted: groups) { producers -> JSONValue in
            .array(
                producers.map { producer -> JSONValue in
                    [
                        "clientId": .string(producer.connection.clientId),
                        "language": .string(producer.connection.language.name),
                        "lastUpdateTimestamp": .integer(producer.lastUpdateMillis),
                        "remoteIP": .string("/" + producer.connection.address),
                        "version": .integer(Int64(producer.connection.version)),
                    ]
                })
        }
        return ["data": .object(table)]
    }
}
