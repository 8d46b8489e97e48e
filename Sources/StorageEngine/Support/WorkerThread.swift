import CStorageSupport
import Glibc

/// A named thread with a small stack. The engine blocks in fsync and file writes, which neither an event loop nor the
/// cooperative pool may do.
// The handle is written once in `init` and read by the one owner that joins.
final class WorkerThread: @unchecked Sendable {
    private static let stackBytes = 512 << 10
    private var handle = pthread_t()
    private var isJoined = false

    private final class Body {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts `run`; nil when the system has no thread to give.
    init?(name: String, _ run: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, Self.stackBytes)
        defer { pthread_attr_destroy(&attributes) }
        let body = Unmanaged.passRetained(Body(name: name, run: run))
        let failure = pthread_create(
            &handle, &attributes,
            { argument in
                guard let argument else { return nil }
                let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                storage_name_thread(body.name)
                body.run()
                return nil
            }, body.toOpaque())
        if failure != 0 {
            body.release()
            return nil
        }
    }

    /// Sleeps on the calling thread, less than a second.
    static func nap(nanos: Int) {
        var time = timespec(tv_sec: 0, tv_nsec: nanos)
        nanosleep(&time, nil)
    }

    /// Waits for the end of `run`; only the owner calls it.
    func join() {
        if isJoined { return }
        isJoined = true
        pthread_join(handle, nil)
    }
}
