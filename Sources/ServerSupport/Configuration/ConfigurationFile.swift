#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Reads a configuration file without Foundation.
package enum ConfigurationFile {
    /// The whole file, refused when longer than `bytesMax`.
    package static func read(path: String, bytesMax: Int) throws(ConfigurationError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path, errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = chunk.withUnsafeMutableBytes { buffer in
                #if canImport(Musl)
                    Musl.read(descriptor, buffer.baseAddress, buffer.count)
                #else
                    Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                #endif
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw unreadable(path, errno)
            }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[0..<count])
            if bytes.count > bytesMax {
                throw ConfigurationError(.unreadableFile, file: path, message: "longer than \(bytesMax) bytes")
            }
        }
    }

    private static func unreadable(_ path: String, _ error: Int32) -> ConfigurationError {
        ConfigurationError(.unreadableFile, file: path, message: "cannot be read: \(String(cString: strerror(error)))")
    }
}
