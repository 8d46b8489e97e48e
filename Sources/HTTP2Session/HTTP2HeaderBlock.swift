import CNghttp2

/// An immutable list of header fields in the shape nghttp2 wants, made once and sent many times.
///
/// @unchecked Sendable: the memory behind `fields` is written in init only and freed in deinit only.
package final class HTTP2HeaderBlock: @unchecked Sendable {
    let fields: UnsafeMutableBufferPointer<nghttp2_nv>
    let count: Int
    private let text: UnsafeMutableBufferPointer<UInt8>

    /// A block of these fields, in this order; pseudo-header fields must come first and names be lower case.
    ///
    /// A `permanent` block must live as long as every session that sends it: nghttp2 then takes no copy.
    package init(_ pairs: [(name: String, value: String)], permanent: Bool = false) {
        let bytes = pairs.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
        count = pairs.count
        text = .allocate(capacity: max(bytes, 1))
        text.initialize(repeating: 0)
        fields = .allocate(capacity: max(pairs.count, 1))
        let flags = permanent ? NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue : 0
        var end = 0
        var index = 0
        func append(_ part: String) -> UnsafeMutablePointer<UInt8>? {
            let start = end
            for byte in part.utf8 {
                text[end] = byte
                end += 1
            }
            return text.baseAddress.map { $0 + start }
        }
        for pair in pairs {
            let name = append(pair.name)
            let value = append(pair.value)
            fields.initializeElement(
                at: index,
                to: nghttp2_nv(
                    name: name, value: value, namelen: pair.name.utf8.count, valuelen: pair.value.utf8.count,
                    flags: UInt8(flags)))
            index += 1
        }
    }

    deinit {
        fields.deallocate()
        text.deallocate()
    }
}
