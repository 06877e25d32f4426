import Glibc
import ModinspectCommands

let status = runModinspect()
// Not by exit: OpenBLAS's threads would be waited for, which try for ever where address space is short.
fflush(nil)
_exit(status)
