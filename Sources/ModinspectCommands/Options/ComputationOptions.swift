import ArgumentParser
import Glibc

/// What fixes a computation's random choices and bounds its use of the machine.
struct ComputationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Fixes every random choice.", valueName: "n"))
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("The most cores to use; the result does not depend on it.", valueName: "n"))
    var threads: Int?

    mutating func validate() throws {
        if let threads, !(1...4096).contains(threads) { throw ValidationError("--threads takes a number from 1 to 4096") }
    }

    /// The cores to use: those that were asked for, or all that are online.
    var threadCount: Int { threads ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
