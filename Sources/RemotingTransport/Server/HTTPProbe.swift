import NIOCore

/// Recognises HTTP clients by their first bytes and answers them in their own language.
enum HTTPProbe {
    /// The first four bytes of HTTP/1 requests and of the HTTP/2 preface.
    private static let openings: [StaticString] = [
        "GET ", "POST", "PUT ", "HEAD", "DELE", "OPTI", "PATC", "CONN", "TRAC", "PRI ",
    ]

    static func isHTTP(_ bytes: ByteBuffer) -> Bool {
        guard let word = bytes.getInteger(at: bytes.readerIndex, as: UInt32.self), word >> 24 != 0 else { return false }
        return openings.contains { opening in
            opening.withUTF8Buffer { $0.reduce(0) { $0 << 8 | UInt32($1) } } == word
        }
    }

    static func answer(hint: String) -> ByteBuffer {
        let body = hint + "\n"
        return ByteBuffer(
            string: "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
                + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n" + body)
    }
}
