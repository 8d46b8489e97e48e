import Logging
import MessageModel
import NIOConcurrencyHelpers
import NIOCore
import RemotingCodec
import RemotingTransport

/// A name server that writes down what it is told and answers as the test says.
final class FakeNameServer: RemotingService {
    private let told = NIOLockedValueBox<[String]>([])
    private let refusesNext = NIOLockedValueBox(false)
    private let sink: AsyncStream<String>.Continuation
    /// What was told, one line per request.
    let requests: AsyncStream<String>

    init() {
        (requests, sink) = AsyncStream.makeStream(of: String.self)
    }

    /// Answers the next registration with an error, as a name server does that does not know the broker.
    func refuseNext() { refusesNext.withLockedValue { $0 = true } }

    func handle(_ request: RemotingCommand, from connection: RemotingServerConnection) {
        do {
            switch request.requestCode {
            case .registerBroker:
                let header = try request.header(RegisterBrokerRequestHeader.self)
                let body = try RegisterBrokerBody(
                    decoding: request.body, header: header, senderVersion: request.version)
                let topics = body.topicTable.topics
                let what = topics.count > 3 ? "all \(topics["T"] != nil)" : "\(topics.keys.sorted())"
                let isRefused = refusesNext.withLockedValue { refuses in
                    defer { refuses = false }
                    return refuses
                }
                sink.yield("register \(header.brokerName)/\(header.brokerId) \(what)\(isRefused ? " refused" : "")")
                connection.respond(
                    to: request, code: isRefused ? .systemError : .success, header: RegisterBrokerResponseHeader())
            case .unregisterBroker:
                let header = try request.header(UnregisterBrokerRequestHeader.self)
                sink.yield("unregister \(header.brokerName)")
                connection.respond(to: request, code: .success)
            default:
                sink.yield("code \(request.code)")
                connection.respond(to: request, code: .requestCodeNotSupported)
            }
        } catch {
            sink.yield("error \(error)")
            connection.respond(to: request, code: .systemError)
        }
    }
}
