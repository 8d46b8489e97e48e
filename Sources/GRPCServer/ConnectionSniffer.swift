/// Tells what a client speaks from the first bytes of its connection. Pure: bytes in, decision out.
enum ConnectionSniffer {
    /// What the bytes are.
    enum Decision: Hashable {
        /// Not enough bytes to tell.
        case needsMore
        /// A TLS record; hand everything to the TLS layer and look again inside.
        case tls
        /// A PROXY protocol header of this many bytes; take it off and look again.
        case proxyHeader(bytes: Int, source: String?)
        /// The HTTP/2 preface.
        case http2
        /// An HTTP/1 request.
        case http1
        /// A frame of the RocketMQ remoting protocol.
        case remoting(opaque: Int32)
        /// Nothing we know.
        case unknown
    }

    /// More bytes than this are never needed to decide.
    static let bytesMax = 16 + proxyV2BytesMax
    private static let proxyV1BytesMax = 107
    private static let proxyV2BytesMax = 4_096
    private static let remotingFrameBytesMax = 16 << 20
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    private static let proxyV1 = Array("PROXY ".utf8)
    private static let proxyV2: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]

    private enum Match { case no, partial, full }

    private static func match(_ bytes: UnsafeRawBufferPointer, _ wanted: [UInt8]) -> Match {
        let count = min(bytes.count, wanted.count)
        guard bytes.prefix(count).elementsEqual(wanted.prefix(count)) else { return .no }
        return count == wanted.count ? .full : .partial
    }

    /// Looks at everything received so far.
    static func decide(_ bytes: UnsafeRawBufferPointer) -> Decision {
        guard let first = bytes.first else { return .needsMore }
        if first == 0x16 {
            guard bytes.count >= 2 else { return .needsMore }
            return bytes[1] == 3 ? .tls : .unknown
        }
        switch match(bytes, preface) {
        case .full: return .http2
        case .partial: return .needsMore
        case .no: break
        }
        switch match(bytes, proxyV1) {
        case .full: return decideProxyV1(bytes)
        case .partial: return .needsMore
        case .no: break
        }
        switch match(bytes, proxyV2) {
        case .full: return decideProxyV2(bytes)
        case .partial: return .needsMore
        case .no: break
        }
        if first == 0 { return decideRemoting(bytes) }
        return decideHTTP1(bytes)
    }

    private static func decideHTTP1(_ bytes: UnsafeRawBufferPointer) -> Decision {
        let token = bytes.prefix(16).prefix { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") }
        guard token.count > 0, token.count < 16 else { return .unknown }
        if token.count == bytes.count { return .needsMore }
        return bytes[token.count] == UInt8(ascii: " ") ? .http1 : .unknown
    }

    // MARK: Remoting

    private static func decideRemoting(_ bytes: UnsafeRawBufferPointer) -> Decision {
        guard bytes.count >= 9 else { return .needsMore }
        let length = Int(UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)))
        guard length >= 5, length < remotingFrameBytesMax else { return .unknown }
        switch bytes[4] {
        case 0:
            guard bytes[8] == UInt8(ascii: "{") else { return .unknown }
            return .remoting(opaque: jsonOpaque(bytes))
        case 1:
            // code 2, language 1, version 2, then the opaque.
            guard bytes.count >= 17 else { return .needsMore }
            return .remoting(opaque: Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: 13, as: Int32.self)))
        default: return .unknown
        }
    }

    /// The number behind `"opaque":` if it has arrived, so that the client can match our answer to its request.
    private static func jsonOpaque(_ bytes: UnsafeRawBufferPointer) -> Int32 {
        let key = Array("\"opaque\":".utf8)
        var index = 8
        while index + key.count <= bytes.count {
            guard bytes[index..<index + key.count].elementsEqual(key) else {
                index += 1
                continue
            }
            let digits = bytes[(index + key.count)...].drop { $0 == UInt8(ascii: " ") }
                .prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
            return Int32(String(decoding: digits, as: UTF8.self)) ?? 0
        }
        return 0
    }

    // MARK: PROXY protocol

    private static func decideProxyV1(_ bytes: UnsafeRawBufferPointer) -> Decision {
        guard let end = bytes.prefix(proxyV1BytesMax).firstIndex(of: UInt8(ascii: "\n")) else {
            return bytes.count >= proxyV1BytesMax ? .unknown : .needsMore
        }
        guard bytes[end - 1] == UInt8(ascii: "\r") else { return .unknown }
        let words = bytes[..<(end - 1)].split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        guard words.count >= 2 else { return .unknown }
        if words[1] == "UNKNOWN" { return .proxyHeader(bytes: end + 1, source: nil) }
        guard words.count == 6, let port = UInt16(words[4]) else { return .unknown }
        switch words[1] {
        case "TCP4": return .proxyHeader(bytes: end + 1, source: "\(words[2]):\(port)")
        case "TCP6": return .proxyHeader(bytes: end + 1, source: "[\(words[2])]:\(port)")
        default: return .unknown
        }
    }

    private static func decideProxyV2(_ bytes: UnsafeRawBufferPointer) -> Decision {
        guard bytes.count >= 16 else { return .needsMore }
        let length = Int(bytes[14]) << 8 | Int(bytes[15])
        let command = bytes[12]
        guard command == 0x20 || command == 0x21, length <= proxyV2BytesMax else { return .unknown }
        guard bytes.count >= 16 + length else { return .needsMore }
        var source: String?
        if command == 0x21 {
            switch bytes[13] {
            case 0x11 where length >= 12:
                let port = Int(bytes[24]) << 8 | Int(bytes[25])
                source = "\(bytes[16]).\(bytes[17]).\(bytes[18]).\(bytes[19]):\(port)"
            case 0x21 where length >= 36:
                let groups = (0..<8).map { group in
                    String(Int(bytes[16 + group * 2]) << 8 | Int(bytes[17 + group * 2]), radix: 16)
                }
                let port = Int(bytes[48]) << 8 | Int(bytes[49])
                source = "[\(groups.joined(separator: ":"))]:\(port)"
            default: break
            }
        }
        return .proxyHeader(bytes: 16 + length, source: source)
    }
}
