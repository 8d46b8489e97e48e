import MessageModel
import NIOCore
import Testing

@testable import RemotingCodec

@Suite("What replication says")
struct ReplicationTests {
    private func stream() -> ByteBuffer {
        var bytes = ByteBuffer()
        LogTransfer.writeHead(offset: 1_000, count: 3, to: &bytes)
        bytes.writeString("abc")
        LogTransfer.writeHead(offset: 1_003, count: 0, to: &bytes)
        LogTransfer.writeHead(offset: 1_003, count: 2, to: &bytes)
        bytes.writeString("de")
        return bytes
    }

    @Test("transfers are found in pieces of any length", arguments: 1...41)
    func transfers(piece: Int) throws {
        var bytes = stream()
        #expect(bytes.readableBytes == 41)
        var decoder = LogTransferDecoder()
        var found: [String] = []
        while let slice = bytes.readSlice(length: min(piece, bytes.readableBytes)), slice.readableBytes > 0 {
            decoder.append(slice)
            while let transfer = try decoder.next() {
                found.append("\(transfer.offset) \(String(buffer: transfer.bytes))")
            }
        }
        #expect(found == ["1000 abc", "1003 ", "1003 de"])
    }

    @Test("the head is eight bytes of offset and four of length, as Apache's masters send it")
    func layout() {
        var bytes = ByteBuffer()
        LogTransfer.writeHead(offset: 0x0102_0304_0506_0708, count: 32_768, to: &bytes)
        #expect(Array(bytes.readableBytesView) == [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x80, 0])
        #expect(Array(ReplicaReport.encode(logEnd: 258).readableBytesView) == [0, 0, 0, 0, 0, 0, 1, 2])
    }

    @Test("what is no transfer is an error", arguments: [(-1, 1), (0, -1), (0, Int(Int32.max))])
    func malformed(offset: Int, count: Int) {
        var bytes = ByteBuffer(integer: Int64(offset))
        bytes.writeInteger(Int32(count))
        var decoder = LogTransferDecoder()
        decoder.append(bytes)
        #expect(throws: RemotingCodecError.self) { try decoder.next() }
    }

    @Test("the newest whole report counts")
    func reports() {
        var decoder = ReplicaReportDecoder()
        #expect(decoder.newest(in: ByteBuffer(bytes: [0, 0, 0])) == nil)
        var bytes = ByteBuffer(bytes: [0, 0, 0, 0, 9])
        bytes.writeInteger(Int64(10))
        bytes.writeInteger(Int32(0))
        #expect(decoder.newest(in: bytes) == 10)
        #expect(decoder.newest(in: ByteBuffer(integer: Int32(11))) == 11)
    }

    @Test("headers and bodies are read as they are written")
    func roundTrips() throws {
        let list = ReplicaFileList(files: [.init(name: "topics.json", bytes: 5, checkSum: 77)])
        #expect(try ReplicaFileList(decoding: list.encode()) == list)
        var status = ReplicationStatus(isMaster: true, logEnd: 9)
        status.replicas = [
            .init(address: "a:1", ackedOffset: 7, behindBytes: 2, isInSync: true, nextOffset: 8, bytesPerSecond: 3)
        ]
        status.own.masterAddress = "b:2"
        status.own.logEnd = 4
        #expect(try ReplicationStatus(decoding: status.encode()) == status)
        #expect(status.json["inSyncSlaveNums"] == .integer(1))
    }
}
