import Glibc
import Synchronization

/// The pipe that a handler of signals writes into, -1 before there is one: a handler can reach nothing but what is global.
private let pipeEnd = Atomic<Int32>(-1)

/// Writes the finished part of a result when SIGINT, SIGTERM or SIGHUP ends a command.
enum Interruption {
    private static let signals = [SIGINT, SIGTERM, SIGHUP]

    /// Calls `finish` on another thread when the first of the signals comes, and then ends the process as the signal would have.
    /// A second signal ends it at once. Signals that are ignored stay so, as in a shell's background.
    static func watch(_ finish: @escaping @Sendable () -> Void) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        pipeEnd.store(ends[1], ordering: .relaxed)
        let waiting = Waiting(descriptor: ends[0], finish: finish)
        for signal in signals {
            var action = sigaction()
            sigaction(signal, nil, &action)
            if unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { continue }
            waiting.before.append((signal, action))
            action = sigaction()
            action.__sigaction_handler.sa_handler = { signal in
                var byte = UInt8(truncatingIfNeeded: signal)
                _ = Glibc.write(pipeEnd.load(ordering: .relaxed), &byte, 1)
            }
            action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | SA_RESTART
            sigaction(signal, &action, nil)
        }
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(waiting)
        let status = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Waiting>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, argument.toOpaque())
        guard status != 0 else {
            pthread_detach(thread)
            return
        }
        // No thread can be had: the signals do what they did before.
        argument.takeRetainedValue().restore()
    }

    /// The thread that waits for a signal.
    private final class Waiting {
        let descriptor: Int32
        let finish: @Sendable () -> Void
        /// The previous actions of the signals, which may do more than end the process.
        var before: [(signal: Int32, action: sigaction)] = []

        init(descriptor: Int32, finish: @escaping @Sendable () -> Void) {
            self.descriptor = descriptor
            self.finish = finish
        }

        func run() {
            var byte: UInt8 = 0
            while true {
                let count = read(descriptor, &byte, 1)
                if count == 1 { break }
                if count == 0 || errno != EINTR { return }
            }
            finish()
            restore()
            kill(getpid(), Int32(byte))
        }

        func restore() {
            for var entry in before { sigaction(entry.signal, &entry.action, nil) }
        }
    }
}
