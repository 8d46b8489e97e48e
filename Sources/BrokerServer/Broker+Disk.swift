import Logging
import NIOCore
import StorageEngine

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The wall clock of the system.
package struct SystemClock: StoreClock {
    /// The system's clock.
    package init() {}

    package var nowMillis: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
    }

    package var localHour: Int { Self.hourHere(nowMillis) }

    /// The number of a local day, counted from 1970.
    package static func localDay(ofMillis millis: Int64) -> Int64 {
        var seconds = time_t(millis / 1_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return (millis / 1_000 + Int64(parts.tm_gmtoff)) / 86_400
    }
}

extension Broker {
    /// A broker over the directory that its configuration names, on the system's clock; not open yet.
    package static func onDisk(
        _ configuration: BrokerConfiguration, logger: Logger
    ) throws(BrokerError) -> Broker {
        let clock = SystemClock()
        var configuration = configuration
        configuration.store.processId = getpid()
        let store = MessageStore(
            configuration: configuration.store, fileSystem: LinuxFileSystem(), clock: clock)
        let storage = try RegistryDirectory(path: configuration.storePath + "/config")
        let file = try configuration.filePath.map { path throws(BrokerError) in try ConfigurationFileTarget(path: path)
        }
        return try Broker(
            configuration: configuration, store: store, storage: storage, configurationFile: file,
            nowMillis: { clock.nowMillis }, logger: logger)
    }
}

extension BrokerConfiguration.Surroundings {
    /// What the host that this process runs on contributes to defaults.
    package static func ofThisHost() -> Self {
        var name = [CChar](repeating: 0, count: 256)
        let hostName =
            gethostname(&name, name.count - 1) == 0
            ? String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self) : ""
        return Self(
            hostName: hostName.isEmpty ? "DEFAULT_BROKER" : hostName, localAddress: localAddress(),
            home: getenv("HOME").map { String(cString: $0) } ?? ".", coreCount: System.coreCount,
            nameServers: getenv("NAMESRV_ADDR").map { String(cString: $0) })
    }

    /// The first IPv4 address that is not a loopback one; IPv6 and then loopback where there is none.
    private static func localAddress() -> String {
        let addresses = ((try? System.enumerateDevices()) ?? []).compactMap(\.address)
        let v4 = addresses.compactMap { address -> String? in
            guard case .v4 = address, let text = address.ipAddress, !text.hasPrefix("127.") else { return nil }
            return text
        }
        let v6 = addresses.compactMap { address -> String? in
            guard case .v6 = address, let text = address.ipAddress, text != "::1", !text.hasPrefix("fe80") else {
                return nil
            }
            return text
        }
        return v4.first ?? v6.first ?? "127.0.0.1"
    }
}
