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

/// What the id that a client gave a message tells of the client and of the time.
package enum DecodedUniqueKey: Hashable, Sendable {
    /// Of remoting clients and brokers: the time is counted from the first of a month that the id does not tell.
    case remoting(host: [UInt8], processId: UInt16, millisSinceMonthStart: UInt32, counter: UInt16)
    /// Of v5 clients.
    case v5(hardwareAddress: [UInt8], processId: UInt16, timeMillis: Int64, counter: UInt32)

    /// Reads 32 or 56 digits, or the 34 of a v5 client.
    package init(parsing text: String) throws(ModelError) {
        let counts = [32, 34, 56]
        guard counts.contains(text.utf8.count), let bytes = HexText.bytes(text) else {
            throw ModelError(.invalidMessageId, "a message id has 32, 34 or 56 hexadecimal digits")
        }
        func number(_ range: Range<Int>) -> UInt32 { bytes[range].reduce(0) { $0 << 8 | UInt32($1) } }
        guard bytes.count == 17 else {
            let start = bytes.count - 12
            self = .remoting(
                host: Array(bytes[..<start]), processId: UInt16(number(start..<start + 2)),
                millisSinceMonthStart: number(start + 6..<start + 10), counter: UInt16(number(start + 10..<start + 12)))
            return
        }
        guard bytes[0] == 1 else {
            throw ModelError(.invalidMessageId, "a message id of 34 digits begins with 01")
        }
        self = .v5(
            hardwareAddress: Array(bytes[1..<7]), processId: UInt16(number(7..<9)),
            timeMillis: Self.startOf2021 + Int64(number(9..<13)) * 1_000, counter: number(13..<17))
    }

    /// 2021-01-01 00:00:00 UTC, from which v5 clients count.
    private static let startOf2021: Int64 = 1_609_459_200_000
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
