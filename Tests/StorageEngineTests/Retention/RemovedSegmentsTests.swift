import Foundation
import InMemoryFileSystem
import Testing

@testable import StorageEngine

/// How the room of deleted files is given back. The files have a length and no blocks.
@Suite final class RemovedSegmentsTests {
    private let root = NSTemporaryDirectory() + "removed-" + UUID().uuidString
    private static let megabyte = 1 << 20

    init() throws { try LinuxFileSystem().makeDirectories(root) }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    private func makeSegment(_ name: String, megabytes: Int = 32) throws -> LogSegment {
        try makeSegment(on: LinuxFileSystem(), root + "/" + name, megabytes: megabytes)
    }

    private func makeSegment(on files: any FileSystem, _ path: String, megabytes: Int) throws -> LogSegment {
        let file = try files.openFile(path, mode: .create(size: megabytes * Self.megabyte, reserve: false))
        return try LogSegment(base: 0, path: path, file: file)
    }

    @Test func anIdleLogGivesEightMegabytesBackAtATime() throws {
        var removed = RemovedSegments()
        removed.add(try makeSegment("a"))
        var left: [Int] = []
        while removed.bytes > 0 {
            removed.giveBackPiece(logEnd: 5)
            left.append(removed.bytes / Self.megabyte)
        }
        #expect(left == [24, 16, 8, 0])
    }

    @Test func aGrowingLogGivesBackAQuarterMoreThanItTakes() throws {
        var removed = RemovedSegments()
        removed.add(try makeSegment("a"))
        removed.add(try makeSegment("b"))
        removed.giveBackPiece(logEnd: 100)
        #expect(removed.bytes == 56 * Self.megabyte)
        removed.giveBackPiece(logEnd: 100 + 32 << 20)
        #expect(removed.bytes == 16 * Self.megabyte, "40 of them: the rest of one file, and a part of the next")
        removed.giveBackPiece(logEnd: 100 + 32 << 20)
        #expect(removed.bytes == 8 * Self.megabyte)
    }

    @Test func aDaysFilesGoInGreaterPieces() throws {
        var removed = RemovedSegments()
        for number in 0..<32 { removed.add(try makeSegment("\(number)")) }
        removed.giveBackPiece(logEnd: 0)
        #expect(removed.bytes == (1_024 - 16) * Self.megabyte)
    }

    @Test func theFileIsShortenedAndGoesWithItsLastPiece() throws {
        var removed = RemovedSegments()
        removed.add(try makeSegment("a", megabytes: 16))
        removed.giveBackPiece(logEnd: 0)
        #expect(try LinuxFileSystem().openFile(root + "/a", mode: .existing).size() == 8 * Self.megabyte)
        weak var segment: LogSegment?
        do {
            let made = try makeSegment("b", megabytes: 1)
            segment = made
            removed.add(made)
        }
        #expect(segment != nil)
        removed.giveBackPiece(logEnd: 0)
        removed.giveBackPiece(logEnd: 0)
        #expect(segment == nil)
        #expect(removed.bytes == 0)
    }

    @Test func aFileThatIsReadWaitsAndHoldsUpNoOther() throws {
        var removed = RemovedSegments()
        let read = try makeSegment("a", megabytes: 8)
        removed.add(read)
        removed.add(try makeSegment("b", megabytes: 16))
        removed.giveBackPiece(logEnd: 0)
        #expect(removed.bytes == 16 * Self.megabyte)
        removed.giveBackPiece(logEnd: 0)
        #expect(removed.bytes == 8 * Self.megabyte)
        removed.giveBackPiece(logEnd: 0)
        #expect(removed.bytes == 8 * Self.megabyte)
        #expect(read.count == 8 * Self.megabyte)
    }

    @Test func aFileThatCannotBeShortenedGoesWhole() throws {
        var removed = RemovedSegments()
        let files = InMemoryFileSystem(capacityBytes: 1 << 30, nowMillis: { 0 })
        removed.add(try makeSegment(on: files, "/a", megabytes: 16))
        files.inject(DiskFault(.create, path: "/a", effect: .inputOutput))
        removed.giveBackPiece(logEnd: 0)
        #expect(removed.bytes == 0)
    }

    @Test func allIsGivenBackAtOnceWhenAsked() throws {
        var removed = RemovedSegments()
        weak var segment: LogSegment?
        do {
            let made = try makeSegment("a")
            segment = made
            removed.add(made)
        }
        removed.giveBackAll()
        #expect(segment == nil)
        #expect(removed.bytes == 0)
    }
}
