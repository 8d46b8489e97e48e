/// A network address as configured or registered: `host:port` or `[ipv6]:port`.
package struct HostPort: Hashable, Sendable, CustomStringConvertible {
    /// Host name or address, without brackets.
    package var host: String
    /// Port, 0 to 65535.
    package var port: Int

    /// Makes an address.
    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port` or `[v6]:port`; nil when it is neither.
    package init?(parsing text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let portText = text[text.index(after: colon)...]
        guard !portText.isEmpty, portText.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let port = Int(portText), port <= 65535
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]"), host.count > 2 else { return nil }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Reads a `;`-separated list, as `-n` and `namesrvAddr` take it; nil when one entry is bad or none is left.
    package static func list(parsing text: String) -> [HostPort]? {
        var addresses: [HostPort] = []
        for part in text.split(separator: ";") {
            let trimmed = part.trimmingASCIISpace()
            if trimmed.isEmpty { continue }
            guard let address = HostPort(parsing: String(trimmed)) else { return nil }
            addresses.append(address)
        }
        return addresses.isEmpty ? nil : addresses
    }
}

extension Substring {
    /// The text without blanks, tabs and line ends around it.
    func trimmingASCIISpace() -> Substring {
        var slice = self
        while let first = slice.utf8.first, first <= 0x20 { slice = slice.dropFirst() }
        while let last = slice.utf8.last, last <= 0x20 { slice = slice.dropLast() }
        return slice
    }
}
