import MessageModel

/// One pass over a header in the ROCKETMQ binary format.
struct BinaryHeaderScanner {
    /// Codes above this cannot be carried; the format keeps only their lower 16 bits.
    private static let cutCodes: [ClosedRange<Int32>] = [3442...3448, 3543...3543]
    /// What the cut took away from those codes.
    private static let cutAmount: Int32 = 3 << 16

    private let bytes: UnsafeRawBufferPointer
    private var index = 0

    private init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Scans a whole header.
    static func scan(_ bytes: UnsafeRawBufferPointer) throws(RemotingCodecError) -> ScannedHeader {
        var scanner = BinaryHeaderScanner(bytes: bytes)
        return try scanner.scanHeader()
    }

    private mutating func scanHeader() throws(RemotingCodecError) -> ScannedHeader {
        var header = ScannedHeader()
        header.code = Int32(try take(Int16.self))
        header.language = LanguageCode(rawValue: try take(UInt8.self))
        header.version = Int32(try take(Int16.self))
        header.opaque = try take(Int32.self)
        header.flag = try take(Int32.self)
        let isRequest = header.flag & RemotingCommand.responseFlag == 0
        if isRequest && Self.cutCodes.contains(where: { $0.contains(header.code) }) {
            header.code += Self.cutAmount
        }
        let remark = try takeText(byteCount: Int(try take(Int32.self)), limit: bytes.count)
        if !remark.isEmpty {
            header.remark = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[remark]), as: UTF8.self)
        }
        let fieldBytes = Int(try take(Int32.self))
        guard fieldBytes >= 0, fieldBytes <= bytes.count - index else {
            throw RemotingCodecError(.lyingLength, "the header fields claim \(fieldBytes) bytes")
        }
        try scanFields(until: index + fieldBytes, into: &header)
        return header
    }

    private mutating func scanFields(until end: Int, into header: inout ScannedHeader) throws(RemotingCodecError) {
        if index < end { header.slots.reserveCapacity(16) }
        while index < end {
            let keyLength = Int(try take(Int16.self))
            let key = try takeText(byteCount: keyLength, limit: end)
            let valueLength = Int(try take(Int32.self))
            let value = try takeText(byteCount: valueLength, limit: end)
            // Empty text stands for null: the field is absent.
            if key.isEmpty || value.isEmpty { continue }
            guard header.slots.count < JSONHeaderScanner.fieldCountMax else {
                throw RemotingCodecError(
                    .malformedHeader, "more than \(JSONHeaderScanner.fieldCountMax) header fields")
            }
            header.slots.append(FieldSlot(key: key, keyIsEscaped: false, value: value, valueIsEscaped: false))
        }
    }

    private mutating func take<Integer: FixedWidthInteger>(_: Integer.Type) throws(RemotingCodecError) -> Integer {
        let size = MemoryLayout<Integer>.size
        guard size <= bytes.count - index else {
            throw RemotingCodecError(.lyingLength, "the binary header ends after \(bytes.count) bytes")
        }
        let value = bytes.loadUnaligned(fromByteOffset: index, as: Integer.self)
        index &+= size
        return Integer(bigEndian: value)
    }

    private mutating func takeText(byteCount: Int, limit: Int) throws(RemotingCodecError) -> Range<Int> {
        guard byteCount >= 0, byteCount <= limit - index else {
            throw RemotingCodecError(.lyingLength, "a text of the binary header claims \(byteCount) bytes")
        }
        let range = index..<(index + byteCount)
        guard UTF8Check.isValid(UnsafeRawBufferPointer(rebasing: bytes[range])) else {
            throw RemotingCodecError(.invalidUTF8, "a text of the binary header is not UTF-8")
        }
        index = range.upperBound
        return range
    }
}
