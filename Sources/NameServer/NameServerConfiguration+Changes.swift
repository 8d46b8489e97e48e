import MessageModel
import ServerSupport

/// The properties of a running name server: the text of its file, as GET_NAMESRV_CONFIG shows and UPDATE_NAMESRV_CONFIG
/// changes it.
struct LiveProperties: Sendable {
    /// Key to value, of every key in force and every ignored key of the file.
    private(set) var values: [String: String]

    init(report: ConfigurationReport, source: ConfigurationSource) {
        values = [:]
        for entry in source.entries { values[entry.key] = entry.text }
        for (key, value) in report.effective { values[key] = value }
    }

    /// `key=value` lines in alphabetical order.
    var text: String {
        values.sorted { $0.key < $1.key }.map { String(decoding: PropertiesText.line($0.key, $0.value), as: UTF8.self) }
            .joined()
    }

    /// Takes changes: unknown keys are dropped as in Apache, a fixed or bad one refuses all of them.
    ///
    /// - Returns: the configuration after the changes.
    mutating func apply(
        _ body: [UInt8], to configuration: NameServerConfiguration
    ) throws(ServiceError) -> NameServerConfiguration {
        let changes: ConfigurationSource
        do {
            changes = try PropertiesFile.parse(body, file: "request")
        } catch {
            throw ServiceError(code: .systemError, message: error.description)
        }
        var updated = values
        for entry in changes.entries {
            let isFixed = NameServerConfiguration.fixedKeys.contains(entry.key)
            guard !isFixed, !configuration.configBlackList.contains(entry.key) else {
                throw ServiceError(code: .noPermission, message: "Can not update config in black list: \(entry.key)")
            }
            let isKnown = updated[entry.key] != nil || NameServerConfiguration.ignoredKeys.contains(entry.key)
            if isKnown { updated[entry.key] = entry.text }
        }
        var source = ConfigurationSource(file: "request")
        for (index, entry) in updated.sorted(by: { $0.key < $1.key }).enumerated() {
            source.add(.init(key: entry.key, text: entry.value, line: index + 1))
        }
        do {
            let loaded = try NameServerConfiguration.load(source, home: "", configPath: configuration.configStorePath)
            values = updated
            return loaded.configuration
        } catch {
            throw ServiceError(code: .invalidParameter, message: error.description)
        }
    }
}
