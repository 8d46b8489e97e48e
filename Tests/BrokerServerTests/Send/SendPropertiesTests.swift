import MessageModel
import NIOCore
import Testing

@testable import BrokerServer

@Suite("Properties of sends")
struct SendPropertiesTests {
    private let suffix = ByteBuffer(string: "MSG_REGION\u{1}R\u{2}TRACE_ON\u{1}true\u{2}CLUSTER\u{1}C")

    private func scan(_ text: String) -> SendProperties {
        ByteBuffer(string: text).withUnsafeReadableBytes { SendProperties(scanning: $0) }
    }

    private func stored(_ text: String, newKey: String? = nil, dropsDelay: Bool = false) -> [String] {
        let result = scan(text).stored(
            from: ByteBuffer(string: text), suffix: suffix, newUniqueKey: newKey, dropsDelay: dropsDelay)
        let text = String(buffer: result)
        #expect(!text.hasSuffix("\u{2}"))
        return PropertyText.parse(text).map { "\($0.name)=\($0.value)" }
    }

    private let own = ["MSG_REGION=R", "TRACE_ON=true", "CLUSTER=C"]

    @Test("the client's entries stay, the broker's follow", arguments: ["", "\u{2}"])
    func appended(end: String) {
        #expect(stored("TAGS\u{1}A\u{2}UNIQ_KEY\u{1}K" + end) == ["TAGS=A", "UNIQ_KEY=K"] + own)
    }

    @Test("a priority is noticed, another name is none")
    func priority() {
        #expect(scan("a\u{1}1\u{2}_SYS_MSG_PRIORITY_\u{1}3\u{2}").hasPriority)
        #expect(!scan("a\u{1}1\u{2}_SYS_MSG_PRIORITY\u{1}3\u{2}__LITE_TOPIC\u{1}x").hasPriority)
    }

    @Test("no properties at all")
    func empty() {
        #expect(stored("") == own)
        #expect(stored("", newKey: "N") == ["UNIQ_KEY=N"] + own)
    }

    @Test("entries that only the broker sets, or that are never stored, are left out")
    func replaced() {
        let text = "POP_CK\u{1}x\u{2}a\u{1}1\u{2}MSG_REGION\u{1}old\u{2}__RMQ.TRANSIENT.X\u{1}1\u{2}CLUSTER\u{1}o\u{2}"
        #expect(stored(text) == ["a=1"] + own)
    }

    @Test("damaged entries are left out, as Apache does when it reads them")
    func damaged() {
        #expect(stored("novalue\u{2}\u{1}noname\u{2}a\u{1}\u{2}b\u{1}2\u{2}\u{2}") == ["b=2"] + own)
    }

    @Test("the unique key is found where it is")
    func uniqueKey() {
        let text = "TAGS\u{1}A\u{2}UNIQ_KEY\u{1}0102\u{2}"
        let range = scan(text).uniqueKey
        #expect(range.map { String(decoding: Array(text.utf8)[$0], as: UTF8.self) } == "0102")
        #expect(scan("XUNIQ_KEY\u{1}1\u{2}").uniqueKey == nil)
    }

    @Test(
        "delay and transaction marks",
        arguments: [
            ("DELAY\u{1}3\u{2}", true, false), ("DELAY\u{1}0\u{2}", false, false),
            ("TIMER_DELIVER_MS\u{1}1\u{2}", true, false),
            ("TIMER_DELAY_SEC\u{1}1\u{2}", true, false), ("TIMER_DELAY_MS\u{1}1\u{2}", true, false),
            ("TRAN_MSG\u{1}true\u{2}", false, true), ("TRAN_MSG\u{1}TRUE\u{2}", false, true),
            ("TRAN_MSG\u{1}false\u{2}", false, false), ("TAGS\u{1}DELAY\u{2}", false, false),
        ])
    func marks(text: String, isDelayed: Bool, isTransactional: Bool) {
        let found = scan(text)
        #expect(found.isDelayed == isDelayed && found.isTransactional == isTransactional)
    }

    @Test("a dead letter loses its delay")
    func droppedDelay() {
        #expect(stored("DELAY\u{1}3\u{2}a\u{1}1\u{2}", dropsDelay: true) == ["a=1"] + own)
    }

    @Test("any bytes can be looked at")
    func fuzz() {
        var generator = SystemRandomNumberGenerator()
        let alphabet: [UInt8] = [1, 2, 65, 85, 0, 255] + Array("UNIQ_KEY".utf8)
        for _ in 0..<2_000 {
            let bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? 0
            }
            let buffer = ByteBuffer(bytes: bytes)
            let found = buffer.withUnsafeReadableBytes { SendProperties(scanning: $0) }
            let text = found.stored(from: buffer, suffix: suffix, newUniqueKey: nil)
            #expect(text.readableBytes <= bytes.count + suffix.readableBytes + 1)
        }
    }
}
