import MessageModel

/// The keys and values of one configuration file, with their lines, before anything is known about their meaning.
package struct ConfigurationSource: Sendable {
    /// One key as written.
    package struct Entry: Sendable {
        /// The key.
        package let key: String
        /// The value as text (scalars) or JSON text (arrays and objects).
        package let text: String
        /// The JSON value, where the file is JSON.
        package let json: JSONValue?
        /// One-based line of the key.
        package let line: Int

        /// Creates an entry.
        package init(key: String, text: String, json: JSONValue? = nil, line: Int) {
            self.key = key
            self.text = text
            self.json = json
            self.line = line
        }
    }

    /// Name of the file for messages.
    package let file: String
    /// Entries in file order; a key occurs once.
    package private(set) var entries: [Entry] = []
    /// One line per oddity that does not stop start-up, such as a repeated key.
    package private(set) var warnings: [String] = []
    private var positions: [String: Int] = [:]

    /// An empty source, for a program started without a configuration file.
    package init(file: String = "command line") {
        self.file = file
    }

    /// The entry of a key.
    package func entry(_ key: String) -> Entry? {
        positions[key].map { entries[$0] }
    }

    /// Adds an entry; a repeated key replaces the earlier one, as in Apache, and leaves a warning.
    package mutating func add(_ entry: Entry) {
        if let position = positions[entry.key] {
            warnings.append(
                "\(file):\(entry.line): \(entry.key) is given again (first at line \(entries[position].line)); "
                    + "the last value counts")
            entries[position] = entry
            return
        }
        positions[entry.key] = entries.count
        entries.append(entry)
    }
}
