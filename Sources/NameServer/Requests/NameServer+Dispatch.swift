import MessageModel
import RemotingCodec

extension NameServer {
    /// Answers a request; at once, except for changes of settings, which are answered when they are on disk.
    ///
    /// - Parameter connection: the connection it came on; nil for a caller in this process.
    package func answer(
        _ request: RemotingCommand, connection: UInt64?, completion: @escaping @Sendable (NameServerAnswer) -> Void
    ) {
        do {
            switch request.requestCode {
            case .putKvConfig: try putKVConfig(request, completion)
            case .deleteKvConfig: try deleteKVConfig(request, completion)
            case .updateNamesrvConfig: updateConfig(request, completion)
            default: completion(try answerAtOnce(request, connection: connection))
            }
        } catch {
            completion(NameServerAnswer(Self.refusal(error)))
        }
    }

    private func answerAtOnce(_ request: RemotingCommand, connection: UInt64?) throws -> NameServerAnswer {
        switch request.requestCode {
        case .getRouteinfoByTopic: try getRouteInfo(request)
        case .registerBroker: try registerBroker(request, connection: connection)
        case .unregisterBroker: try unregisterBroker(request)
        case .brokerHeartbeat: try brokerHeartbeat(request)
        case .queryDataVersion: try queryDataVersion(request)
        case .getBrokerClusterInfo: getBrokerClusterInfo()
        case .getBrokerMemberGroup: try getBrokerMemberGroup(request)
        case .getAllTopicListFromNameserver: try getAllTopicList()
        case .getTopicsByCluster: try getTopicsByCluster(request)
        case .getSystemTopicListFromNs: getSystemTopicList()
        case .getUnitTopicList: try getUnitTopicList { $0 & RouteTable.UnitFlag.unit != 0 }
        case .getHasUnitSubTopicList: try getUnitTopicList { $0 & RouteTable.UnitFlag.unitSubscription != 0 }
        case .getHasUnitSubUnunitTopicList:
            try getUnitTopicList { flag in
                flag & RouteTable.UnitFlag.unit == 0 && flag & RouteTable.UnitFlag.unitSubscription != 0
            }
        case .registerTopicInNamesrv: try registerTopic(request)
        case .deleteTopicInNamesrv: try deleteTopic(request)
        case .wipeWritePermOfBroker: try wipeWritePermission(request)
        case .addWritePermOfBroker: try addWritePermission(request)
        case .getKvConfig: try getKVConfig(request)
        case .getKvlistByNamespace: try getKVList(request)
        case .getNamesrvConfig: getConfig()
        default:
            throw ServiceError(
                code: .requestCodeNotSupported, message: " request type \(request.code) not supported")
        }
    }

    /// What the peer is told: brokers and clients know no finer code for a bad request to a name server.
    private static func refusal(_ error: any Error) -> ServiceError {
        switch error {
        case let error as ServiceError: error
        case let error as RemotingCodecError: ServiceError(code: .systemError, message: error.message)
        case let error as ModelError: ServiceError(code: .systemError, message: error.message)
        default: ServiceError(code: .systemError, message: "request failed")
        }
    }
}
