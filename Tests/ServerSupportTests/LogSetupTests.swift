import Testing

@testable import ServerSupport

@Suite("Log lines")
struct LogSetupTests {
    @Test("values that would break a line are quoted")
    func quoting() {
        #expect(LineLogHandler.quoted("plain-1:2") == "plain-1:2")
        #expect(LineLogHandler.quoted("") == "\"\"")
        #expect(LineLogHandler.quoted("a b\n\"c\"") == "\"a b\\n\\\"c\\\"\"")
    }

    @Test("time stamps have milliseconds and end in Z")
    func timestamp() {
        let text = LineLogHandler.timestamp()
        #expect(text.count == 24 && text.hasSuffix("Z"))
    }

    @Test("the process has an age")
    func processAge() {
        #expect(ProgramStart.millisSinceStart() >= 0)
    }
}
