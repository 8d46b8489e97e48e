import MessageModel

/// The body of GET_BROKER_CLUSTER_INFO: who is where.
package struct ClusterInfo: JSONBody, Hashable {
    /// Broker groups by name.
    package var brokers: [String: BrokerRoute]
    /// Names of the broker groups of each cluster.
    package var clusters: [String: [String]]

    /// A cluster's brokers.
    package init(brokers: [String: BrokerRoute] = [:], clusters: [String: [String]] = [:]) {
        self.brokers = brokers
        self.clusters = clusters
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let fields = try JSONFields(json, of: "cluster info")
        self.init()
        for member in try fields.object("brokerAddrTable") ?? JSONObject() {
            brokers[member.key.text] = try BrokerRoute(json: member.value)
        }
        for member in try fields.object("clusterAddrTable") ?? JSONObject() {
            clusters[member.key.text] = (member.value.elements ?? []).compactMap(\.text)
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "brokerAddrTable": .object(JSONObject(sorted: brokers) { $0.json }),
            "clusterAddrTable": .object(JSONObject(sorted: clusters) { .texts($0.sorted()) }),
        ]
    }
}

/// The body of GET_BROKER_MEMBER_GROUP: the members of one broker group.
package struct BrokerMemberGroup: JSONBody, Hashable {
    /// The cluster.
    package var cluster: String
    /// The broker group.
    package var brokerName: String
    /// Addresses by broker id.
    package var addresses: [Int64: String]

    /// A broker group.
    package init(cluster: String, brokerName: String, addresses: [Int64: String]) {
        self.cluster = cluster
        self.brokerName = brokerName
        self.addresses = addresses
    }

    /// Reads the JSON form.
    package init(json: JSONValue) throws(ModelError) {
        let outer = try JSONFields(json, of: "broker member group")
        let fields = try JSONFields(.object(try outer.object("brokerMemberGroup") ?? [:]), of: "broker member group")
        self.init(
            cluster: try fields.string("cluster", default: ""),
            brokerName: try fields.string("brokerName", default: ""), addresses: [:])
        for member in try fields.object("brokerAddrs") ?? JSONObject() {
            guard let id = member.key.int64, let address = member.value.text else { continue }
            addresses[id] = address
        }
    }

    /// The JSON form.
    package var json: JSONValue {
        [
            "brokerMemberGroup": [
                "brokerAddrs": .object(JSONObject(sortedIntegers: addresses)), "brokerName": .string(brokerName),
                "cluster": .string(cluster),
            ]
        ]
    }
}
