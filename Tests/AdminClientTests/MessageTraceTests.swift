import AdminClient
import Testing

/// Entries of the trace topic as clients of several releases write them.
@Suite struct MessageTraceTests {
    private func entry(_ fields: String...) -> String { fields.joined(separator: "\u{1}") + "\u{2}" }

    @Test func sendsOfAllReleases() {
        let common = ["Pub", "5", "R", "P1", "T", "ID", "TagA", "k1 k2", "10.0.0.1:10911", "9", "7", "0"]
        func first(_ more: String...) -> MessageTrace? {
            MessageTrace.all(in: (common + more).joined(separator: "\u{1}") + "\u{2}", clientHost: "1.2.3.4").first
        }
        for trace in [first("true"), first("OFFSETID", "true"), first("OFFSETID", "true", "10.9.9.9")] {
            #expect(trace?.kind == .sent && trace?.messageId == "ID" && trace?.group == "P1" && trace?.topic == "T")
            #expect(trace?.isSuccess == true && trace?.costMillis == 7 && trace?.timeMillis == 5)
            #expect(trace?.keys == "k1 k2")
        }
        #expect(first("OFFSETID", "false")?.isSuccess == false)
        #expect(first("OFFSETID", "true")?.clientHost == "1.2.3.4")
        #expect(first("OFFSETID", "true", "10.9.9.9")?.clientHost == "10.9.9.9")
    }

    @Test func consumptionWithAndWithoutGroup() throws {
        let body =
            entry("SubBefore", "5", "R", "C1", "REQ", "ID", "2", "k")
            + entry("SubAfter", "REQ", "ID", "12", "true", "k", "0")
            + entry("SubAfter", "REQ", "ID", "12", "false", "k", "1", "30", "C1")
        let traces = MessageTrace.all(in: body)
        #expect(traces.map(\.kind) == [.delivered, .consumed, .consumed])
        #expect(traces.map(\.group) == ["C1", nil, "C1"] && traces.map(\.timeMillis) == [5, nil, 30])
        #expect(traces.map(\.isSuccess) == [nil, true, false])
    }

    @Test func theRestAndWhatIsNone() throws {
        let body =
            entry("Recall", "5", "R", "P1", "T", "ID", "true")
            + entry(
                "EndTransaction", "5", "R", "P1", "T", "ID", "", "k", "h", "2", "TX", "ROLLBACK_MESSAGE", "false")
        #expect(MessageTrace.all(in: body).map(\.kind) == [.recalled, .transactionEnded])
        #expect(MessageTrace.all(in: body).map(\.isSuccess) == [true, false])
        for broken in ["", "\u{2}", "\u{1}\u{2}", "Pub", "Pub\u{1}x\u{2}", "Other\u{1}a\u{1}b\u{1}c\u{1}d\u{1}e\u{2}"] {
            #expect(MessageTrace.all(in: broken).isEmpty)
        }
        // Numbers that are none are left out.
        let odd = entry("Pub", "soon", "R", "P1", "T", "ID", "", "", "", "", "long", "0", "", "true")
        let trace = try #require(MessageTrace.all(in: odd).first)
        #expect(trace.timeMillis == nil && trace.costMillis == nil && trace.isSuccess == true)
    }
}
