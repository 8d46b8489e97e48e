import NIOCore

/// The header that HAProxy puts before a connection's bytes, version 1 (text) or 2 (binary).
struct ProxyProtocolHeader: Hashable {
    /// The client behind the proxy; nil for the proxy's own health checks.
    var source: String?
    /// The address that the client connected to.
    var destination: String?

    /// What the first bytes of a connection are.
    enum Outcome: Hashable {
        /// No PROXY header.
        case absent
        /// Too few bytes to tell.
        case incomplete
        /// A header, and how many bytes it takes.
        case present(ProxyProtocolHeader, byteCount: Int)
        /// It starts like a header but is none.
        case malformed
    }

    private static let textOpening = Array("PROXY ".utf8)
    /// The longest header line of version 1, line end included.
    private static let textBytesMax = 107
    private static let binarySignature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]
    private static let binaryFixedBytes = 16
    /// Addresses and extensions; far more than any proxy sends.
    private static let binaryTailBytesMax = 4096

    static func parse(_ bytes: ByteBufferView) -> Outcome {
        if startsAlike(bytes, textOpening) {
            return bytes.count < textOpening.count ? .incomplete : parseText(bytes)
        }
        if startsAlike(bytes, binarySignature) {
            return bytes.count < binaryFixedBytes ? .incomplete : parseBinary(bytes)
        }
        return .absent
    }

    private static func startsAlike(_ bytes: ByteBufferView, _ opening: [UInt8]) -> Bool {
        zip(bytes, opening).allSatisfy { $0 == $1 }
    }

    private static func parseText(_ bytes: ByteBufferView) -> Outcome {
        guard let end = bytes.prefix(textBytesMax).firstIndex(of: 0x0A) else {
            return bytes.count >= textBytesMax ? .malformed : .incomplete
        }
        guard end > bytes.startIndex, bytes[end - 1] == 0x0D else { return .malformed }
        let line = String(decoding: bytes[bytes.startIndex..<(end - 1)], as: UTF8.self)
        let byteCount = end + 1 - bytes.startIndex
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        if words.count >= 2 && words[1] == "UNKNOWN" { return .present(Self(), byteCount: byteCount) }
        guard words.count == 6, words[1] == "TCP4" || words[1] == "TCP6", let sourcePort = UInt16(words[4]),
            let destinationPort = UInt16(words[5])
        else { return .malformed }
        let isV6 = words[1] == "TCP6"
        func text(_ host: Substring, _ port: UInt16) -> String { isV6 ? "[\(host)]:\(port)" : "\(host):\(port)" }
        return .present(
            Self(source: text(words[2], sourcePort), destination: text(words[3], destinationPort)),
            byteCount: byteCount)
    }

    private static func parseBinary(_ bytes: ByteBufferView) -> Outcome {
        let start = bytes.startIndex
        let command = bytes[start + 12]
        let family = bytes[start + 13]
        let tail = Int(bytes[start + 14]) << 8 | Int(bytes[start + 15])
        guard command >> 4 == 2, tail <= binaryTailBytesMax else { return .malformed }
        let byteCount = binaryFixedBytes + tail
        guard bytes.count >= byteCount else { return .incomplete }
        guard command & 0x0F == 1 else { return .present(Self(), byteCount: byteCount) }
        let addressBytes: Int
        switch family >> 4 {
        case 1: addressBytes = 4
        case 2: addressBytes = 16
        default: return .present(Self(), byteCount: byteCount)
        }
        guard tail >= addressBytes * 2 + 4 else { return .malformed }
        let addresses = start + binaryFixedBytes
        let ports = addresses + addressBytes * 2
        func text(_ host: Int, _ port: Int) -> String? {
            let packed = ByteBuffer(bytes: bytes[host..<(host + addressBytes)])
            let number = Int(bytes[port]) << 8 | Int(bytes[port + 1])
            return (try? SocketAddress(packedIPAddress: packed, port: number)).map { AddressText.text(of: $0) }
        }
        return .present(
            Self(source: text(addresses, ports), destination: text(addresses + addressBytes, ports + 2)),
            byteCount: byteCount)
    }
}

/// Socket addresses as `host:port` text.
enum AddressText {
    static func text(of address: SocketAddress?) -> String {
        guard let address else { return "unknown" }
        guard let host = address.ipAddress, let port = address.port else { return address.pathname ?? "unknown" }
        return host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
