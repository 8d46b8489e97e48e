import MessageModel
import NIOCore

/// The properties by which a record is in light queues besides its own: Apache's LMQ, which have consume queues of one
/// queue and no topic. `INNER_MULTI_DISPATCH` lists their names, `INNER_MULTI_QUEUE_OFFSET` the record's offsets in them,
/// parted by commas (store.md; Apache's LmqDispatch).
enum LightQueueProperties {
    private static let namesName: StaticString = "INNER_MULTI_DISPATCH"
    private static let offsetsName: StaticString = "INNER_MULTI_QUEUE_OFFSET"
    /// Separator, name, separator and digits of one offset at most.
    static let offsetBytesMax = 1 + 24 + 1 + 19
    /// A record in more light queues than this is damaged.
    private static let queuesMax = 1_024

    /// Writes the offset of a record that is in one light queue; returns the number of bytes.
    static func writeOffset(_ offset: Int64, after hasOthers: Bool, to bytes: inout ByteBuffer) -> Int {
        let start = bytes.writerIndex
        // Property text ends without a separator.
        if hasOthers { bytes.writeInteger(PropertyText.valueEnd) }
        bytes.writeStaticString(offsetsName)
        bytes.writeInteger(PropertyText.nameEnd)
        bytes.writeString(String(offset))
        return bytes.writerIndex - start
    }

    /// The light queues of a record of a topic, with its offsets there. Only those below the topic count: a copy of the
    /// record in another topic keeps its properties but is in no light queue.
    static func places(
        topic: UnsafeRawBufferPointer, properties: UnsafeRawBufferPointer
    ) -> [(queue: String, offset: Int64)] {
        guard let names = PropertyText.find(namesName, in: properties),
            let offsets = PropertyText.find(offsetsName, in: properties)
        else { return [] }
        let nameTexts = parts(properties, names)
        let offsetTexts = parts(properties, offsets)
        guard nameTexts.count == offsetTexts.count, nameTexts.count <= queuesMax else { return [] }
        let parent = String(decoding: topic, as: UTF8.self)
        var places: [(queue: String, offset: Int64)] = []
        for (name, text) in zip(nameTexts, offsetTexts) {
            guard let offset = Int64(text), (0...RecordHeader.queueOffsetMax).contains(offset),
                LiteTopicName(queueName: name)?.parent == parent
            else { continue }
            places.append((name, offset))
        }
        return places
    }

    private static func parts(_ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> [String] {
        String(decoding: UnsafeRawBufferPointer(rebasing: text[range]), as: UTF8.self)
            .split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
}
