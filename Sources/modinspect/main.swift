import Glibc
import ModinspectCommands

exit(runModinspect())
