import Glibc
import NIOCore

/// One method a service answers.
package struct GRPCMethod: Sendable, Hashable {
    /// How many messages go each way.
    package enum Kind: Sendable {
        /// One in, one out.
        case unary
        /// One in, many out.
        case serverStreaming
        /// Many in, many out.
        case bidi
    }

    /// The path of the method, `/package.Service/Method`.
    package let path: String
    /// How many messages go each way.
    package let kind: Kind

    /// A method at `path`.
    package init(path: String, kind: Kind) {
        self.path = path
        self.kind = kind
    }
}

/// What the calls of one event loop are given to. Everything is called on that loop; nothing may block.
package protocol GRPCService: AnyObject {
    /// The methods served; `GRPCCall.methodIndex` counts in this list. Asked once.
    func methodTable() -> [GRPCMethod]
    /// A whole, decompressed message. Its memory is valid during the call only. For unary and server-streaming methods it
    /// comes exactly once, when the client has ended its side.
    func receive(_ message: UnsafeRawBufferPointer, on call: GRPCCall)
    /// The client ended its side.
    func halfClosed(_ call: GRPCCall)
    /// The call is over without the service having finished it: reset, deadline, connection closed. Its metadata and
    /// `userState` can still be read; sending does nothing any more. Not called for calls the service has never seen.
    func cancelled(_ call: GRPCCall)
    /// The server begins to drain: finish parked calls and streams soon.
    func drain()
}

extension GRPCService {
    /// Nothing to hurry up.
    package func drain() {}
}

/// Finds a method by the bytes of its path.
struct GRPCMethodTable {
    private struct Entry {
        let path: [UInt8]
        let index: Int
    }

    let methods: [GRPCMethod]
    /// Entries by path length: few methods share one, and a comparison decides.
    private let byLength: [[Entry]]

    init(_ methods: [GRPCMethod]) {
        self.methods = methods
        let longest = methods.map { $0.path.utf8.count }.max() ?? 0
        var byLength = [[Entry]](repeating: [], count: longest + 1)
        for (index, method) in methods.enumerated() {
            let path = Array(method.path.utf8)
            byLength[path.count].append(Entry(path: path, index: index))
        }
        self.byLength = byLength
    }

    func index(of path: UnsafeRawBufferPointer) -> Int? {
        guard path.count < byLength.count, let start = path.baseAddress else { return nil }
        for entry in byLength[path.count] where memcmp(start, entry.path, path.count) == 0 { return entry.index }
        return nil
    }
}
