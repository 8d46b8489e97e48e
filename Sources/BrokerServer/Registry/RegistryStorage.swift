/// Where the small files of the `config` directory live: a directory, or memory in tests.
package protocol RegistryStorage: Sendable {
    /// The content of a file; nil when there is none.
    func read(_ name: String) throws(BrokerError) -> [UInt8]?
    /// Puts new content in the place of a file, durably; the content before stays as `NAME.bak`.
    func replace(_ name: String, with bytes: [UInt8]) throws(BrokerError)
}
