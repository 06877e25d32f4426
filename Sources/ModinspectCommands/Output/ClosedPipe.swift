/// The reader of a pipe has closed it: the command ends successfully.
struct ClosedPipe: Error {}
