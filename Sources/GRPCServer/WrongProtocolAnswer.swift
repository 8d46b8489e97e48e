import NIOCore

/// What a client gets that speaks the wrong protocol: an answer in its own, saying what this port is.
enum WrongProtocolAnswer {
    /// An HTTP/1.1 answer.
    static func http1(_ sentence: String) -> ByteBuffer {
        let body = sentence + "\n"
        return ByteBuffer(
            string: "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
                + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)")
    }

    /// A remoting frame with the JSON header of a failed response (code 1, SYSTEM_ERROR).
    static func remoting(_ sentence: String, opaque: Int32) -> ByteBuffer {
        var text = ""
        for scalar in sentence.unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\\(scalar)"
            case _ where scalar.value < 0x20: text += " "
            default: text.unicodeScalars.append(scalar)
            }
        }
        let header =
            "{\"code\":1,\"flag\":1,\"language\":\"OTHER\",\"opaque\":\(opaque),\"remark\":\"\(text)\","
            + "\"serializeTypeCurrentRPC\":\"JSON\",\"version\":0}"
        var frame = ByteBuffer()
        frame.writeInteger(UInt32(4 + header.utf8.count))
        // Upper byte 0: the header is JSON.
        frame.writeInteger(UInt32(header.utf8.count))
        frame.writeString(header)
        return frame
    }

    /// A TLS alert (fatal, handshake_failure) for a port without TLS.
    static func tlsAlert() -> ByteBuffer {
        ByteBuffer(bytes: [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28])
    }
}
