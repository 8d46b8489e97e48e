import MessageModel
import NIOCore
import RemotingCodec

extension NameServer {
    /// GET_NAMESRV_CONFIG 319.
    func getConfig() -> NameServerAnswer {
        NameServerAnswer(body: ByteBuffer(string: state.withLockedValue { $0.properties.text }))
    }

    /// UPDATE_NAMESRV_CONFIG 318: kept in the configuration file; what is read at each use takes effect at once.
    func updateConfig(_ request: RemotingCommand, _ completion: @escaping @Sendable (NameServerAnswer) -> Void) {
        let body = Array(request.body.readableBytesView)
        let isQueued = blockingQueue { [self] in
            var (properties, configuration) = state.withLockedValue { ($0.properties, $0.configuration) }
            do throws(ServiceError) {
                configuration = try properties.apply(body, to: configuration)
                let path = configuration.configStorePath
                if !path.isEmpty { try SettingsFile(path: path).save(Array(properties.text.utf8)) }
                state.withLockedValue { [properties, configuration] state in
                    state.properties = properties
                    state.configuration = configuration
                    state.routes.options = configuration.routeTableOptions
                }
                completion(NameServerAnswer())
            } catch {
                completion(NameServerAnswer(error))
            }
        }
        if !isQueued { completion(NameServerAnswer(Self.busy)) }
    }
}
