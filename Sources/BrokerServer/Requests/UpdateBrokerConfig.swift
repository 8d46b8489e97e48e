import MessageModel
import RemotingCodec
import RemotingTransport
import ServerSupport

extension RequestRouter {
    /// UPDATE_BROKER_CONFIG (25): changes settings of the running broker, as property text; answered when the
    /// configuration file has them.
    func updateBrokerConfig(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        try onWorker(request, connection) { [self] in
            let outcome = try changeSettings(Array(request.body.readableBytesView))
            connection.respond(to: request, code: .success, remark: outcome.remark)
        }
    }

    /// Changes settings and lets the changes take effect.
    private func changeSettings(_ properties: [UInt8]) throws(ServiceError) -> LiveConfiguration.Outcome {
        let outcome = try broker.live.change(properties)
        for (key, value) in outcome.changed.sorted(by: { $0.key < $1.key }) {
            logger.notice("setting changed", metadata: ["key": "\(key)", "value": "\(value)"])
        }
        // What name servers tell of the topics depends on it.
        if outcome.changed["brokerPermission"] != nil { broker.topics.announceAll { _ in } }
        if let value = outcome.changed["dataReadAheadEnable"] {
            broker.store.setReadAhead(value.lowercased() == "true")
        }
        return outcome
    }

    /// SET_COMMITLOG_READ_MODE (2004): the same as a change of `dataReadAheadEnable`; 0 reads ahead, 1 does not.
    func setCommitLogReadMode(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let mode = try request.header(SetCommitLogReadModeRequestHeader.self).mode
        guard mode == 0 || mode == 1 else {
            throw ServiceError(code: .invalidParameter, message: "set commitlog readahead mode param value error")
        }
        try onWorker(request, connection) { [self] in
            _ = try changeSettings(PropertiesText.line("dataReadAheadEnable", mode == 0 ? "true" : "false"))
            connection.respond(
                to: request, code: .success, remark: "set commitlog readahead mode success, mode: \(mode)")
        }
    }
}
