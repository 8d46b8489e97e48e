import MessageModel
import RemotingCodec

extension AdminClient {
    /// Creates a consumer group or replaces its configuration; the brokers that have it now.
    package func updateSubscriptionGroup(
        _ group: SubscriptionGroupConfig, on target: BrokerTarget
    ) async throws(AdminError) -> [String] {
        do throws(ModelError) {
            try NameRules.checkGroup(group.name)
        } catch {
            throw AdminError(.invalidArgument, error.message)
        }
        let brokers = try await targets(target)
        for address in brokers {
            _ = try await callBroker(address, .updateAndCreateSubscriptiongroup, EmptyHeader(), body: group.encode())
        }
        return brokers
    }
}
