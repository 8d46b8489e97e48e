import MessageModel
import NIOCore
import RemotingCodec
import RemotingTransport
import StorageEngine

extension RequestRouter {
    /// GET_REPLICA_STATE (900102), from our replicas: the bounds of the log, a check sum of a part of it, and which small
    /// files there are.
    func getReplicaState(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(GetReplicaStateRequestHeader.self)
        guard (0...Int32(ReplicaCheck.bytesMax)).contains(header.checkBytes) else {
            throw ServiceError(
                code: .invalidParameter, message: "at most \(ReplicaCheck.bytesMax) bytes of the log are summed up")
        }
        try onWorker(request, connection) { [broker] in
            let files = try (ReplicaFiles.registryNames + [ReplicaFiles.deletedTopics]).compactMap { name in
                try ReplicaFiles.content(name, in: broker.storage, broker.store).map { ReplicaFiles.mark(name, $0) }
            }
            let store = broker.store
            let answer = GetReplicaStateResponseHeader(
                logMin: store.minLogOffset, logEnd: store.sendableLogEnd, logFileBytes: Int64(store.logFileBytes),
                checkSum: store.checkSum(from: header.checkFrom, bytes: Int(header.checkBytes)))
            connection.respond(
                to: request, code: .success, header: answer, body: ReplicaFileList(files: files).encode())
        }
    }

    /// GET_REPLICA_FILE (900103), from our replicas: a piece of one of those files.
    func getReplicaFile(_ request: RemotingCommand, from connection: RemotingServerConnection) throws {
        let header = try request.header(GetReplicaFileRequestHeader.self)
        try onWorker(request, connection) { [broker] in
            guard let content = try ReplicaFiles.content(header.name, in: broker.storage, broker.store),
                (0...Int64(content.count)).contains(header.offset)
            else {
                throw ServiceError(code: .invalidParameter, message: "there is no such piece of \(header.name)")
            }
            // Read after the file: what it is about was in the log before it was written.
            let answer = GetReplicaFileResponseHeader(
                fileBytes: Int64(content.count), checkSum: ReplicaFiles.mark(header.name, content).checkSum,
                logEnd: broker.store.sendableLogEnd)
            let piece = content.dropFirst(Int(header.offset)).prefix(ReplicaFiles.pieceBytes)
            connection.respond(to: request, code: .success, header: answer, body: ByteBuffer(bytes: piece))
        }
    }
}

extension MessageStore {
    /// Check sum of bytes of the log; nil when there are none, or not all of them.
    func checkSum(from offset: Int64, bytes: Int) -> Int32? {
        guard bytes > 0, offset >= minLogOffset else { return nil }
        var buffer = ByteBuffer()
        while buffer.readableBytes < bytes {
            let next = offset + Int64(buffer.readableBytes)
            guard let count = try? readLog(from: next, bytesMax: bytes - buffer.readableBytes, into: &buffer), count > 0
            else { return nil }
        }
        return buffer.withUnsafeReadableBytes { Zlib.checkSum($0) }
    }
}
