import Glibc
import ModinspectCommands

exit(runModinspect(Array(CommandLine.arguments.dropFirst())))
