/// The id a broker gives a stored message: hexadecimal store host, port and log offset.
package struct OffsetMessageId: Hashable, Sendable {
    /// 4 or 16 bytes of address.
    package var host: [UInt8]
    package var port: Int32
    package var logOffset: Int64

    /// Makes an id.
    package init(host: [UInt8], port: Int32, logOffset: Int64) {
        self.host = host
        self.port = port
        self.logOffset = logOffset
    }

    /// 32 digits for IPv4, 56 for IPv6, upper case.
    package var text: String {
        var bytes = host
        withUnsafeBytes(of: port.bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: logOffset.bigEndian) { bytes.append(contentsOf: $0) }
        return HexText.upper(bytes)
    }

    /// Reads 32 or 56 digits.
    package init(parsing text: String) throws(ModelError) {
        guard text.utf8.count == 32 || text.utf8.count == 56, let bytes = HexText.bytes(text) else {
            throw ModelError(.invalidMessageId, "a message id has 32 or 56 hexadecimal digits")
        }
        let hostCount = bytes.count - 12
        var port: UInt32 = 0
        for byte in bytes[hostCount..<hostCount + 4] { port = port << 8 | UInt32(byte) }
        var offset: UInt64 = 0
        for byte in bytes[(hostCount + 4)...] { offset = offset << 8 | UInt64(byte) }
        self.init(
            host: Array(bytes[..<hostCount]), port: Int32(bitPattern: port), logOffset: Int64(bitPattern: offset))
    }
}

/// The id a client gives a message before it is stored (property UNIQ_KEY).
package enum UniqueKey {
    /// Joins the parts: address, low bits of the process id, a number that tells processes apart, time, counter.
    package static func make(
        host: [UInt8], processId: UInt16, salt: UInt32, millisSinceMonthStart: UInt32, counter: UInt16
    ) -> String {
        var bytes = host
        withUnsafeBytes(of: processId.bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: salt.bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: millisSinceMonthStart.bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: counter.bigEndian) { bytes.append(contentsOf: $0) }
        return HexText.upper(bytes)
    }
}

/// Bytes as hexadecimal text.
package enum HexText {
    /// Upper-case digits of bytes.
    package static func upper(_ bytes: some Collection<UInt8>) -> String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { digits in
            var index = 0
            for byte in bytes {
                digits[index] = Hex.upperDigit(byte >> 4)
                digits[index + 1] = Hex.upperDigit(byte & 0xF)
                index += 2
            }
            return index
        }
    }

    /// The bytes of digits in either case; nil when the text is anything else.
    package static func bytes(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Hex.value(digits[index]), let low = Hex.value(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}
