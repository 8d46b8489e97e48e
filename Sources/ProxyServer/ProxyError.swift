import ProtoMessages

/// Why a call failed, as its client is told.
package struct ProxyError: Error, Hashable, Sendable {
    /// The code on the wire.
    package let code: ProtoCode
    /// The sentence for people.
    package let message: String

    /// An error of a kind, in words.
    package init(_ code: ProtoCode, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The same as a Status.
    package var status: ProtoStatus { ProtoStatus(code, message) }
}
