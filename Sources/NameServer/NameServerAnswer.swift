import MessageModel
import NIOCore
import RemotingCodec

/// The answer to one request, before it is written to a connection.
package struct NameServerAnswer: Sendable {
    package var code: ResponseCode
    package var remark: String?
    package var header: any RemotingHeader
    package var body: ByteBuffer?

    /// Success, with what belongs to it.
    package init(header: any RemotingHeader = EmptyHeader(), body: ByteBuffer? = nil) {
        self.code = .success
        self.header = header
        self.body = body
    }

    /// Anything but success.
    package init(_ error: ServiceError) {
        self.code = error.code
        self.remark = error.message
        self.header = EmptyHeader()
    }
}
