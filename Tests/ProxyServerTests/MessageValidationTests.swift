import MessageModel
import ProtoMessages
import Testing

@testable import ProxyServer

@Suite struct MessageValidationTests {
    static let now: Int64 = 1_700_000_000_000
    let validation = MessageValidation(limits: MessageLimits())

    private func code(_ change: (inout MessageSample) -> Void) throws -> Int32 {
        var sample = MessageSample()
        change(&sample)
        return try sample.withView { view in
            do throws(ProxyError) {
                try validation.check(view, nowMillis: Self.now)
                return ProtoCode.ok.rawValue
            } catch {
                return error.code.rawValue
            }
        }
    }

    @Test func bodies() throws {
        #expect(try code { _ in } == 20000)
        #expect(try code { $0.body = [] } == 41302)
        #expect(try code { $0.body = Array(repeating: 0, count: 4_194_304) } == 20000)
        #expect(try code { $0.body = Array(repeating: 0, count: 4_194_305) } == 41301)
    }

    @Test func properties() throws {
        func many(_ count: Int) -> [(String, String)] { (0..<count).map { ("k\($0)", "v") } }
        #expect(try code { $0.properties = many(128) } == 20000)
        #expect(try code { $0.properties = many(129) } == 43101)
        #expect(try code { $0.properties = many(128) + [("k0", "again")] } == 20000)
        #expect(try code { $0.properties = many(5_000) } == 43101)
        #expect(try code { $0.properties = [("UNIQ_KEY", "x")] } == 40007)
        #expect(try code { $0.properties = [("__SHARDINGKEY", "x")] } == 40007)
        #expect(try code { $0.properties = [("__RMQ.TRANSIENT.x", "x")] } == 40007)
        #expect(try code { $0.properties = [("", "x")] } == 40007)
        #expect(try code { $0.properties = [("a\u{1}b", "x")] } == 40007)
        #expect(try code { $0.properties = [("a", "x\u{2}")] } == 40007)
        #expect(try code { $0.properties = [("a", "x\0y")] } == 40007)
        #expect(try code { $0.properties = [("a", "x\u{85}")] } == 40007)
        #expect(try code { $0.properties = [("ключ", "日本語 ✓ 𝄞")] } == 20000)
        #expect(try code { $0.properties = [("a", String(repeating: "x", count: 16_383))] } == 20000)
        #expect(try code { $0.properties = [("a", String(repeating: "x", count: 16_384))] } == 43101)
    }

    @Test func tagsAndKeys() throws {
        #expect(try code { $0.tag = "" } == 20000)
        #expect(try code { $0.tag = "a b" } == 20000)
        #expect(try code { $0.tag = " \u{3000}" } == 40004)
        #expect(try code { $0.tag = "a|b" } == 40004)
        #expect(try code { $0.tag = "a\n" } == 40004)
        #expect(try code { $0.keys = ["a", "ключ"] } == 20000)
        #expect(try code { $0.keys = ["a", "  "] } == 40005)
        #expect(try code { $0.keys = ["a\u{7F}"] } == 40005)
    }

    @Test func identity() throws {
        #expect(try code { $0.messageID = "" } == 40009)
        #expect(try code { $0.messageID = "  " } == 40009)
        #expect(try code { $0.messageID = "a\u{1}b" } == 40009)
    }

    @Test func times() throws {
        #expect(try code { $0.deliveryMillis = Self.now - 5_000 } == 20000)
        #expect(try code { $0.deliveryMillis = Self.now + 40 * 86_400_000 } == 20000)
        #expect(try code { $0.deliveryMillis = Self.now + 40 * 86_400_000 + 1 } == 40012)
        #expect(try code { $0.deliveryMillis = Int64.max / 2 } == 40012)
        #expect(
            try code {
                $0.type = .transaction
                $0.recoveryMillis = 3_600_001
            } == 40000)
        #expect(try code { $0.recoveryMillis = 3_600_001 } == 20000)
    }

    @Test func messageGroups() throws {
        #expect(try code { $0.group = String(repeating: "g", count: 63) } == 20000)
        #expect(try code { $0.group = String(repeating: "g", count: 64) } == 40006)
        #expect(try code { $0.group = "   " } == 40006)
        #expect(try code { $0.group = "a\tb" } == 40006)
    }

    @Test func whatWouldBreakTheStoredForm() throws {
        #expect(try code { $0.trace = "a\u{1}TAGS\u{2}" } == 40000)
        #expect(try code { $0.priority = -1 } == 40000)
        #expect(try code { $0.liteTopic = "a\u{2}" } == 40020)
    }

    @Test(arguments: [
        ("topic", 20000), ("%RETRY%g", 20000), ("a|b-c_d", 20000), ("", 40002), ("a b", 40002), ("ä", 40002),
        ("a\0b", 40002), ("TBW102", 40002), ("rmq_sys_x", 40002), ("SCHEDULE_TOPIC_XXXX", 40002),
        (String(repeating: "t", count: 127), 20000), (String(repeating: "t", count: 128), 40002),
    ])
    func topics(name: String, code: Int) {
        let result: Int32 = withText(name) { text in
            do throws(ProxyError) {
                try MessageValidation.checkTopic(text)
                return ProtoCode.ok.rawValue
            } catch {
                return error.code.rawValue
            }
        }
        #expect(Int(result) == code)
    }

    @Test(arguments: [
        ("group", 20000), ("", 40003), ("a b", 40003), ("CID_RMQ_SYS_x", 40003),
        (String(repeating: "g", count: 120), 20000), (String(repeating: "g", count: 121), 40003),
    ])
    func groups(name: String, code: Int) {
        let result: Int32 = withText(name) { text in
            do throws(ProxyError) {
                try MessageValidation.checkGroup(text)
                return ProtoCode.ok.rawValue
            } catch {
                return error.code.rawValue
            }
        }
        #expect(Int(result) == code)
    }
}
