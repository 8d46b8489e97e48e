import Testing

@testable import StorageEngine

@Suite struct RetentionPolicyTests {
    private static let hour: Int64 = 3_600_000

    private static func configuration() -> StoreConfiguration {
        var configuration = StoreConfiguration()
        configuration.retentionHours = 48
        return configuration
    }

    private static func situation(_ level: DiskLevel = .normal, isDeleteHour: Bool = false) -> RetentionPolicy.Situation
    {
        RetentionPolicy.Situation(
            level: level, isDeleteHour: isDeleteHour, nowMillis: 100 * hour, logBytes: 3_000, dispatchedOffset: 3_000,
            unreadOffset: nil)
    }

    /// A file of 1,000 bytes that was last written so many hours ago.
    private static func decide(
        ageHours: Int64, isNewest: Bool = false, _ situation: RetentionPolicy.Situation,
        _ configuration: StoreConfiguration = configuration()
    ) -> RetentionPolicy.Decision {
        RetentionPolicy(configuration).decide(
            end: 1_000, modifiedMillis: (100 - ageHours) * hour, isNewest: isNewest, situation)
    }

    @Test func expiredFilesGoInTheirHourOnly() {
        #expect(Self.decide(ageHours: 50, Self.situation()) == .keep)
        #expect(Self.decide(ageHours: 50, Self.situation(isDeleteHour: true)) == .delete(.expired))
        #expect(Self.decide(ageHours: 47, Self.situation(isDeleteHour: true)) == .keep)
        #expect(Self.decide(ageHours: 50, Self.situation(.high)) == .delete(.expired))
        #expect(Self.decide(ageHours: 47, Self.situation(.high)) == .keep)
    }

    @Test func theNewestFileAndUndispatchedOnesStay() {
        var situation = Self.situation(.full, isDeleteHour: true)
        #expect(Self.decide(ageHours: 50, isNewest: true, situation) == .keep)
        situation.dispatchedOffset = 999
        #expect(Self.decide(ageHours: 50, situation) == .keep)
    }

    @Test func theSizeLimitIsKeptAtAnyHour() {
        var configuration = Self.configuration()
        configuration.retentionBytesMax = 2_999
        #expect(Self.decide(ageHours: 0, Self.situation(), configuration) == .delete(.size))
        configuration.retentionBytesMax = 3_000
        #expect(Self.decide(ageHours: 0, Self.situation(), configuration) == .keep)
    }

    @Test func aFullDiskTakesUnreadMessagesOnlyWhenAllowed() {
        var configuration = Self.configuration()
        var situation = Self.situation(.critical)
        #expect(Self.decide(ageHours: 0, situation, configuration) == .delete(.disk))
        situation.unreadOffset = 999
        #expect(Self.decide(ageHours: 0, situation, configuration) == .keepUnread)
        situation.unreadOffset = 1_000
        #expect(Self.decide(ageHours: 0, situation, configuration) == .delete(.disk))
        situation.unreadOffset = 0
        configuration.deletesUnread = true
        #expect(Self.decide(ageHours: 0, situation, configuration) == .delete(.disk))
        configuration.cleanForcibly = false
        #expect(Self.decide(ageHours: 0, situation, configuration) == .keep)
    }

    @Test func theLevelFallsFromFullOnlyAtTheForcibleRatio() {
        let configuration = Self.configuration()
        var level = DiskLevel.normal
        let figures: [(Int, DiskLevel)] = [
            (75, .normal), (76, .high), (86, .critical), (85, .high), (91, .full), (86, .full), (85, .high),
            (10, .normal),
        ]
        for (used, expected) in figures {
            level = level.after(usedPercent: used, configuration)
            #expect(level == expected, "\(used) %")
        }
    }

    @Test func tombstonesComeBackAndDamagedOnesAreRefused() {
        let table: [String: Int64] = ["a": 5, "topic with blank": 1 << 40]
        var bytes = Tombstones.encode(table)
        #expect(Tombstones.decode(bytes) == table)
        #expect(Tombstones.decode(Tombstones.encode([:])) == [:])
        bytes[bytes.count - 2] ^= 1
        #expect(Tombstones.decode(bytes) == nil)
        #expect(Tombstones.decode([]) == nil)
        #expect(Tombstones.decode(Array("zz\n1 a\n".utf8)) == nil)
    }
}
