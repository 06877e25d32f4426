import CProcess
import Glibc
import Synchronization

/// The pipe that the handler of SIGINT writes into, -1 before there is one: a handler can reach nothing but what is global.
private let pipeEnd = Atomic<Int32>(-1)

/// SIGINT while work is done in many pieces: the first one says that no other piece shall begin, a second one ends the process at once, as
/// SIGTERM and SIGHUP do.
struct StopPipe {
    /// What can be read once the signal has come; -1 if it is ignored, as in a shell's background.
    let descriptor: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        var action = sigaction()
        sigaction(SIGINT, nil, &action)
        let isIgnored = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
        guard !isIgnored, pipe(&ends) == 0 else {
            descriptor = -1
            return
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        pipeEnd.store(ends[1], ordering: .relaxed)
        descriptor = ends[0]
        action = sigaction()
        action.__sigaction_handler.sa_handler = { signal in
            cprocess_clean_on(signal)
            var byte = UInt8(truncatingIfNeeded: signal)
            _ = Glibc.write(pipeEnd.load(ordering: .relaxed), &byte, 1)
        }
        action.sa_flags = SA_RESTART
        sigaction(SIGINT, &action, nil)
    }

    /// Ends the process as the signal would have, so that a shell's loop ends too.
    static func end() {
        signal(SIGINT, SIG_DFL)
        raise(SIGINT)
    }
}
