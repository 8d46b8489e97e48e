import Logging
import MessageModel
import NIOConcurrencyHelpers

/// One JSON file of the `config` directory in Apache's format, with its `.bak`.
package struct RegistryFile: Sendable {
    private let storage: any RegistryStorage
    private let name: String
    private let logger: Logger
    private let known: Set<String>?
    private let unknownMembers = NIOLockedValueBox(JSONObject())

    /// Names a file of a storage. With `members`, the names of its top-level members, others that the file has are
    /// written back as they came: another version's.
    package init(
        _ name: String, in storage: any RegistryStorage, members: Set<String>? = nil, logger: Logger
    ) {
        self.storage = storage
        self.name = name
        self.logger = logger
        known = members
    }

    /// Reads the file; when it is missing, empty or damaged, its `.bak`; nil when there is neither.
    ///
    /// `decode` turns the JSON into the table. When both exist and neither decodes, that is an error: starting empty
    /// would forget every topic or group.
    package func load<Table>(
        _ decode: (JSONValue) throws(ModelError) -> Table
    ) throws(BrokerError) -> Table? {
        var faults: [String] = []
        for candidate in [name, name + ".bak"] {
            guard let bytes = try storage.read(candidate), !bytes.isEmpty else { continue }
            do {
                let json = try JSONValue(parsing: bytes)
                let table = try decode(json)
                if let known, case .object(let members) = json {
                    unknownMembers.withLockedValue { $0 = members.members(besides: known) }
                }
                if !faults.isEmpty {
                    logger.error(
                        "registry file is damaged, its backup is used", metadata: ["fault": "\(faults[0])"])
                }
                return table
            } catch {
                faults.append("\(candidate): \(error)")
            }
        }
        if faults.isEmpty { return nil }
        throw BrokerError(.registryFile, "damaged and without a good backup: \(faults.joined(separator: "; "))")
    }

    /// Replaces the file, keeping the content before as `.bak`.
    package func save(_ json: JSONValue) throws(BrokerError) {
        var json = json
        if case .object(let members) = json {
            json = .object(members.adding(unknownMembers.withLockedValue { $0 }))
        }
        try storage.replace(name, with: json.serialize(pretty: true, unquotedIntegerKeys: true))
    }
}
