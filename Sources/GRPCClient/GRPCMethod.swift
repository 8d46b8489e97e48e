import CNghttp2

/// A method to call: its header fields, laid out once in memory that does not move.
///
/// Every call of one method shares it, so a call allocates nothing for its fields. Unchecked, as the memory is written in
/// `init` and only read afterwards.
package final class GRPCMethod: @unchecked Sendable {
    private let bytes: UnsafeMutableBufferPointer<UInt8>
    private let values: UnsafeMutableBufferPointer<nghttp2_nv>

    /// A method by its path (`/package.Service/Method`), with the deadline of its calls and the metadata they carry.
    package init(
        path: String, authority: String, scheme: String = "http", timeoutMillis: Int,
        metadata: [(name: String, value: String)] = []
    ) {
        let fields =
            [
                (":method", "POST"), (":scheme", scheme), (":authority", authority), (":path", path),
                ("te", "trailers"), ("content-type", "application/grpc"), ("grpc-timeout", "\(timeoutMillis)m"),
            ] + metadata.map { ($0.name, $0.value) }
        let texts = fields.flatMap { [Array($0.0.utf8), Array($0.1.utf8)] }
        bytes = .allocate(capacity: texts.reduce(0) { $0 + $1.count })
        values = .allocate(capacity: fields.count)
        _ = bytes.initialize(from: texts.joined())
        var start = 0
        func take(_ count: Int) -> UnsafeMutablePointer<UInt8>? {
            defer { start += count }
            return bytes.baseAddress.map { $0 + start }
        }
        for index in fields.indices {
            let (name, value) = (texts[index * 2].count, texts[index * 2 + 1].count)
            values.initializeElement(
                at: index,
                to: nghttp2_nv(
                    name: take(name), value: take(value), namelen: name, valuelen: value,
                    flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
        }
    }

    deinit {
        bytes.deallocate()
        values.deallocate()
    }

    /// The fields, for the time of the call.
    func withFields<Result>(_ body: (UnsafeBufferPointer<nghttp2_nv>) -> Result) -> Result {
        withExtendedLifetime(self) { body(UnsafeBufferPointer(values)) }
    }
}
