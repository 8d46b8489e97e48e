import MessageModel
import RemotingCodec

/// How many connections there are of each kind of client, one for each group that it is in. Cheap to make: the client
/// table is locked meanwhile.
struct ConnectionCounts {
    /// What a client is made of.
    struct Software: Hashable {
        var language: LanguageCode
        var version: Int32

        fileprivate init(_ client: ClientIdentity) {
            language = client.language
            version = client.version
        }
    }

    /// What is told apart of consumers.
    struct Consumer: Hashable {
        var group: String
        var consumeType: ConsumeType
        var software: Software
    }

    private(set) var producers: [Software: Int64] = [:]
    private(set) var consumers: [Consumer: Int64] = [:]

    init(of table: ClientTable) {
        for members in table.producers.values {
            for member in members.values { producers[Software(member.identity), default: 0] += 1 }
        }
        for (group, state) in table.consumers {
            var counts: [Software: Int64] = [:]
            for member in state.members.values { counts[Software(member.identity), default: 0] += 1 }
            for (software, count) in counts {
                consumers[Consumer(group: group, consumeType: state.consumeType, software: software)] = count
            }
        }
    }
}
