/// Response header of HEART_BEAT (34).
package struct HeartbeatResponseHeader: RemotingHeader, Hashable {
    /// Whether the broker keeps subscriptions for clients that send only a fingerprint.
    package var supportsHeartbeatV2: Bool
    /// Whether the client has to send its subscriptions in full.
    package var hasSubscriptionChanged: Bool

    /// A header to send.
    package init(supportsHeartbeatV2: Bool, hasSubscriptionChanged: Bool) {
        self.supportsHeartbeatV2 = supportsHeartbeatV2
        self.hasSubscriptionChanged = hasSubscriptionChanged
    }

    /// Reads the header of a frame.
    package init(fields: HeaderFields) throws(RemotingCodecError) {
        supportsHeartbeatV2 = fields.optionalBool("IS_SUPPORT_HEART_BEAT_V2") ?? false
        hasSubscriptionChanged = fields.optionalBool("IS_SUB_CHANGE") ?? false
    }

    /// Writes the fields.
    package func write(to writer: inout HeaderFieldWriter) {
        writer.write("IS_SUPPORT_HEART_BEAT_V2", supportsHeartbeatV2)
        writer.write("IS_SUB_CHANGE", hasSubscriptionChanged)
    }
}
