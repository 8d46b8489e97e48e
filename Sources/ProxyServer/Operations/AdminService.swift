import GRPCServer
import Logging
import NIOCore
import ProtoMessages

/// apache.rocketmq.v2.Admin, for the operator on the same machine: calls from elsewhere are refused.
package final class AdminService: GRPCSideService {
    private let setLogLevel: @Sendable (Logger.Level) -> Void

    /// A service that changes the level with `setLogLevel`.
    package init(setLogLevel: @escaping @Sendable (Logger.Level) -> Void) {
        self.setLogLevel = setLogLevel
    }

    /// ChangeLogLevel.
    package func methodTable() -> [GRPCMethod] {
        [GRPCMethod(path: "/apache.rocketmq.v2.Admin/ChangeLogLevel", kind: .unary)]
    }

    /// Changes the level.
    package func receive(_ message: UnsafeRawBufferPointer, on call: GRPCCall, method: Int) {
        guard Self.isLoopback(call.remoteAddress) else {
            return call.finish(
                .permissionDenied, message: "the Admin service answers to clients on its own machine only")
        }
        let levels: [Logger.Level] = [.trace, .debug, .info, .warning, .error]
        let number = AdminMessages.logLevel(message)
        guard levels.indices.contains(Int(clamping: number)) else {
            return call.finish(.invalidArgument, message: "no log level has number \(number)")
        }
        let level = levels[Int(number)]
        setLogLevel(level)
        call.send { AdminMessages.changeLogLevel(remark: "log level is \(level)", into: &$0) }
        call.finish(.ok)
    }

    private static func isLoopback(_ address: String) -> Bool {
        address.hasPrefix("127.") || address.hasPrefix("[::1]") || address.hasPrefix("[::ffff:127.")
    }

    /// Nothing streams here.
    package func halfClosed(_ call: GRPCCall) {}
    /// Nothing is kept of a call.
    package func cancelled(_ call: GRPCCall) {}
    /// Nothing waits here.
    package func drain() {}
}
