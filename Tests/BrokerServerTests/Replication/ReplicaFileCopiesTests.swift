import NIOCore
import RemotingCodec
import Testing

@testable import BrokerServer

@Suite("A replica's copies of small files")
struct ReplicaFileCopiesTests {
    private func header(_ content: [UInt8], logEnd: Int64) -> GetReplicaFileResponseHeader {
        GetReplicaFileResponseHeader(
            fileBytes: Int64(content.count), checkSum: ReplicaFiles.mark("", content).checkSum, logEnd: logEnd)
    }

    private func list(_ files: [String: [UInt8]]) -> ReplicaFileList {
        ReplicaFileList(files: files.sorted { $0.key < $1.key }.map { ReplicaFiles.mark($0.key, $0.value) })
    }

    @Test("what differs is fetched piece by piece, and put in place when the log is there")
    func fetches() {
        var copies = ReplicaFileCopies(have: [ReplicaFiles.mark("consumerOffset.json", [1])])
        let files = [
            "topics.json": [UInt8](1...5), "subscriptionGroup.json": [9], "consumerOffset.json": [1], "unknown": [3],
        ]
        var order = ReplicaFileCopies.Order(name: "topics.json", offset: 0)
        #expect(copies.listed(list(files)) == order)
        var next = copies.received(ByteBuffer(bytes: [1, 2, 3]), for: order, of: header([1, 2, 3, 4, 5], logEnd: 70))
        order.offset = 3
        #expect(next == order)
        next = copies.received(ByteBuffer(bytes: [4, 5]), for: order, of: header([1, 2, 3, 4, 5], logEnd: 80))
        let other = ReplicaFileCopies.Order(name: "subscriptionGroup.json", offset: 0)
        #expect(next == other)
        #expect(copies.listed(list(files)) == nil && copies.isBusy)
        // An answer from before does not count.
        next = copies.received(ByteBuffer(bytes: [4, 5]), for: order, of: header([1, 2, 3, 4, 5], logEnd: 80))
        #expect(next == nil && copies.isBusy)
        next = copies.received(ByteBuffer(bytes: [9]), for: other, of: header([9], logEnd: 50))
        #expect(next == nil)
        #expect(copies.takeReady(logEnd: 79) == [.init(name: "subscriptionGroup.json", content: [9], logEnd: 50)])
        #expect(copies.isBusy)
        #expect(copies.takeReady(logEnd: 80) == [.init(name: "topics.json", content: [1, 2, 3, 4, 5], logEnd: 80)])
        #expect(!copies.isBusy)
        #expect(copies.listed(list(files)) == nil)
        copies.lost("subscriptionGroup.json")
        #expect(copies.listed(list(files)) == other)
    }

    @Test("a file that changes while it is fetched is left for the next list; so is one that does not come")
    func changes() {
        var copies = ReplicaFileCopies(have: [])
        var order = ReplicaFileCopies.Order(name: "topics.json", offset: 0)
        #expect(copies.listed(list(["topics.json": [1, 2], "subscriptionGroup.json": [3]])) == order)
        _ = copies.received(ByteBuffer(bytes: [1]), for: order, of: header([1, 2], logEnd: 1))
        order.offset = 1
        let next = copies.received(ByteBuffer(bytes: [7]), for: order, of: header([6, 7], logEnd: 1))
        #expect(next == .init(name: "subscriptionGroup.json", offset: 0))
        copies.failed()
        #expect(!copies.isBusy && copies.takeReady(logEnd: .max).isEmpty)
        order.offset = 0
        // An empty piece in the middle would be asked for for ever; a file that shrank is another one.
        for (piece, content) in [([UInt8](), [UInt8]([1, 2])), ([1, 2], [1])] {
            #expect(copies.listed(list(["topics.json": [1, 2]])) == order)
            let next = copies.received(ByteBuffer(bytes: piece), for: order, of: header(content, logEnd: 1))
            #expect(next == nil && !copies.isBusy)
        }
    }

    @Test("the table of deleted topics comes first, waits for no log, and comes again with each connection")
    func deletedTopics() {
        var copies = ReplicaFileCopies(have: [])
        let files = ["deletedtopics": [UInt8]([9]), "topics.json": [1]]
        let order = ReplicaFileCopies.Order(name: "deletedtopics", offset: 0)
        let other = ReplicaFileCopies.Order(name: "topics.json", offset: 0)
        #expect(copies.listed(list(files)) == order)
        #expect(copies.received(ByteBuffer(bytes: [9]), for: order, of: header([9], logEnd: 50)) == other)
        #expect(copies.takeReady(logEnd: 0).map(\.name) == ["deletedtopics"])
        #expect(copies.received(ByteBuffer(bytes: [1]), for: other, of: header([1], logEnd: 50)) == nil)
        // What waits for a log that does not come any more is asked for anew.
        copies.restart()
        #expect(!copies.isBusy && copies.takeReady(logEnd: .max).isEmpty)
        #expect(copies.listed(list(files)) == order)
    }

    @Test("an empty file is a file, one that is too large is none")
    func bounds() {
        var copies = ReplicaFileCopies(have: [], bytesMax: 3)
        #expect(copies.listed(list(["topics.json": [1, 2, 3, 4]])) == nil)
        #expect(copies.listed(list(["topics.json": []])) == .init(name: "topics.json", offset: 0))
        let order = ReplicaFileCopies.Order(name: "topics.json", offset: 0)
        #expect(copies.received(ByteBuffer(), for: order, of: header([], logEnd: 0)) == nil)
        #expect(copies.takeReady(logEnd: 0) == [.init(name: "topics.json", content: [], logEnd: 0)])
    }
}

@Suite("A replica's log and its master's")
struct ReplicaCheckTests {
    private let master = GetReplicaStateResponseHeader(logMin: 1_000, logEnd: 5_000, logFileBytes: 1_000, checkSum: 7)

    private func refusal(_ range: Range<Int64>, checkSum: Int32? = 7, fileBytes: Int64 = 1_000) -> String {
        ReplicaCheck.refusal(
            ReplicaCheck.Log(range: range, fileBytes: fileBytes, checkSum: checkSum), master: master) ?? "none"
    }

    @Test("are compared before anything is taken over")
    func compares() {
        #expect(refusal(0..<0, checkSum: nil) == "none" && refusal(2_000..<5_000) == "none")
        #expect(refusal(0..<5_001).contains("behind the master's end at 5000"))
        #expect(refusal(0..<999).contains("the master's begins at 1000"))
        #expect(refusal(2_000..<4_000, checkSum: 8).contains("another history"))
        #expect(
            refusal(0..<0, fileBytes: 2_000).contains("mappedFileSizeCommitLog is 2000 here and 1000 at the master"))
    }

    @Test("are not compared where the master has not all of the bytes any more")
    func gone() {
        let master = GetReplicaStateResponseHeader(logMin: 1_000, logEnd: 5_000, logFileBytes: 1_000, checkSum: nil)
        let log = ReplicaCheck.Log(range: 0..<1_500, fileBytes: 1_000, checkSum: 3)
        #expect(ReplicaCheck.refusal(log, master: master) == nil)
    }
}
