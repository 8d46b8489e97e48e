import ProtoMessages

/// Why a call failed, as its client is told.
package struct ProxyError: Error, Hashable, Sendable {
    /// The code on the wire.
    package let code: ProtoCode
    /// The sentence for people.
    package let message: String

    /// What it says about the broker that was asked.
    package let brokerTrouble: BrokerTrouble

    /// What a failure says about the broker that was asked.
    package enum BrokerTrouble: Sendable, Hashable {
        /// Nothing.
        case none
        /// It does not answer in time.
        case silent
        /// It cannot be reached, or its connection broke.
        case gone
    }

    /// An error of a kind, in words.
    package init(_ code: ProtoCode, _ message: String, brokerTrouble: BrokerTrouble = .none) {
        self.code = code
        self.message = message
        self.brokerTrouble = brokerTrouble
    }

    /// The same as a Status.
    package var status: ProtoStatus { ProtoStatus(code, message) }
}
