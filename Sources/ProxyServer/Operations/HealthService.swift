import GRPCServer
import NIOCore
import ProtoMessages

/// grpc.health.v1 on one event loop, for load balancers and container platforms: Check answers once, Watch at once and on
/// every change. Known are the server as a whole (no name) and the messaging service.
package final class HealthService: GRPCSideService {
    private static let services = ["", "apache.rocketmq.v2.MessagingService"]
    /// More watches than this on one loop are refused.
    private static let watchCountMax = 1_024

    private let readiness: Readiness
    private var watches: [ObjectIdentifier: GRPCCall] = [:]

    /// A service of the loop.
    package init(readiness: Readiness, eventLoop: any EventLoop) {
        self.readiness = readiness
        let service = NIOLoopBound(WeakHealthService(self), eventLoop: eventLoop)
        readiness.observe { isReady in
            eventLoop.execute { service.value.service?.changed(isReady) }
        }
    }

    /// Check and Watch.
    package func methodTable() -> [GRPCMethod] {
        [
            GRPCMethod(path: "/grpc.health.v1.Health/Check", kind: .unary),
            GRPCMethod(path: "/grpc.health.v1.Health/Watch", kind: .serverStreaming),
        ]
    }

    private var status: HealthMessages.Status { readiness.isReady ? .serving : .notServing }

    /// Answers a check, or begins a watch.
    package func receive(_ message: UnsafeRawBufferPointer, on call: GRPCCall, method: Int) {
        let isKnown = Self.services.contains(HealthMessages.service(message))
        guard method == 1 else {
            guard isKnown else { return call.finish(.notFound, message: "unknown service") }
            call.send { HealthMessages.response(status, into: &$0) }
            return call.finish(.ok)
        }
        guard watches.count < Self.watchCountMax else {
            return call.finish(.resourceExhausted, message: "too many health watches")
        }
        // The watch of an unknown service stays open: the protocol lets services appear later. Here none does.
        call.send { HealthMessages.response(isKnown ? status : .serviceUnknown, into: &$0) }
        if isKnown { watches[ObjectIdentifier(call)] = call }
    }

    /// A watcher sends no more; it still listens.
    package func halfClosed(_ call: GRPCCall) {}

    /// A watcher left.
    package func cancelled(_ call: GRPCCall) {
        watches[ObjectIdentifier(call)] = nil
    }

    /// Ends the watches.
    package func drain() {
        let calls = watches.values
        watches = [:]
        for call in calls {
            call.send { HealthMessages.response(.notServing, into: &$0) }
            call.finish(.unavailable, message: "the proxy is shutting down")
        }
    }

    private func changed(_ isReady: Bool) {
        for call in watches.values {
            call.send { HealthMessages.response(isReady ? .serving : .notServing, into: &$0) }
        }
    }
}

private final class WeakHealthService {
    weak var service: HealthService?

    init(_ service: HealthService) { self.service = service }
}
