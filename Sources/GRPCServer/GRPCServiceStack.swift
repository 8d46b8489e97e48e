/// A small service that shares a server with the main one. As `GRPCService`, but told which of its own methods a call is
/// of, counted in its own table.
package protocol GRPCSideService: AnyObject {
    /// The methods served. Asked once.
    func methodTable() -> [GRPCMethod]
    /// A whole message; see ``GRPCService``.
    func receive(_ message: UnsafeRawBufferPointer, on call: GRPCCall, method: Int)
    /// The client ended its side.
    func halfClosed(_ call: GRPCCall)
    /// The call is over without the service having finished it.
    func cancelled(_ call: GRPCCall)
    /// The server begins to drain.
    func drain()
}

/// Several services behind one port: the main one, whose methods come first, and small ones beside it.
package final class GRPCServiceStack: GRPCService {
    private let main: any GRPCService
    private let mainCount: Int
    private let side: [(service: any GRPCSideService, methods: Range<Int>)]
    private let methods: [GRPCMethod]

    /// A stack of services of the same event loop.
    package init(main: any GRPCService, side services: [any GRPCSideService]) {
        self.main = main
        var methods = main.methodTable()
        mainCount = methods.count
        side = services.map { service in
            let table = service.methodTable()
            methods += table
            return (service, methods.count - table.count..<methods.count)
        }
        self.methods = methods
    }

    /// All methods.
    package func methodTable() -> [GRPCMethod] { methods }

    /// Hands the message to the service of the method.
    package func receive(_ message: UnsafeRawBufferPointer, on call: GRPCCall) {
        guard call.methodIndex >= mainCount else { return main.receive(message, on: call) }
        for (service, methods) in side where methods.contains(call.methodIndex) {
            service.receive(message, on: call, method: call.methodIndex - methods.lowerBound)
        }
    }

    /// Tells the service of the method.
    package func halfClosed(_ call: GRPCCall) {
        guard call.methodIndex >= mainCount else { return main.halfClosed(call) }
        for (service, methods) in side where methods.contains(call.methodIndex) { service.halfClosed(call) }
    }

    /// Tells the service of the method.
    package func cancelled(_ call: GRPCCall) {
        guard call.methodIndex >= mainCount else { return main.cancelled(call) }
        for (service, methods) in side where methods.contains(call.methodIndex) { service.cancelled(call) }
    }

    /// Tells all services.
    package func drain() {
        for (service, _) in side { service.drain() }
        main.drain()
    }
}
