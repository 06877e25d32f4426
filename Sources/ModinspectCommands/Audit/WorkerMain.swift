import Auditing
import Tensors
import Text

/// What a worker process does, by the first line of its greeting.
enum WorkerMain {
    /// Whether the process was started as a worker.
    static func isMeant(by arguments: [String]) -> Bool { arguments == [WorkerSeat.argument] }

    /// - Returns: the exit status.
    static func run() -> Int32 {
        do {
            try WorkerSeat.serve(memory: PhysicalMemory.allowance) { greeting in
                CommandTask.isMeant(by: greeting) ? try CommandTask.worker(greeting) : try AuditTask.worker(greeting)
            }
            return 0
        } catch {
            Diagnostics(isQuiet: false).failure(OptionNames.line(of: error))
            return 1
        }
    }
}
